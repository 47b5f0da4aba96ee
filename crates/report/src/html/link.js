"use strict";
// The selection in the address of the page, so that a link shows what its sender saw.

/// Names of the chosen ones, or nothing if all are chosen.
function chosenNames(set, names) {
  return set.size === names.length ? null : names.filter((_, place) => set.has(place)).join(",");
}

function linkOf() {
  const first = startView();
  const worlds = page.worlds.map((world) => world.name);
  const parts = {
    workload: view.workload === first.workload ? null : page.workloads[view.workload].name,
    varied: view.variation === first.variation ? null : page.variations[view.variation],
    body: view.body === first.body ? null : view.body,
    of: view.event,
    threads: view.threads,
    worlds: chosenNames(view.worlds, worlds),
    strategies: chosenNames(view.strategies, page.strategies.map(({ name }) => name)),
  };
  const link = new URLSearchParams();
  for (const [key, value] of Object.entries(parts)) if (value != null) link.set(key, value);
  return link.toString();
}

/// Places of names in a list; what is not there is left out.
function placesOf(text, names) {
  const wanted = new Set(text.split(","));
  return new Set([...names.keys()].filter((place) => wanted.has(names[place])));
}

/// Takes over what a link says; what it does not say, or says wrong, is as at the start.
function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const next = startView();
  const pick = (key, list, read) => {
    const place = list.indexOf(link.get(key));
    if (place >= 0) read(place);
  };
  pick("workload", page.workloads.map(({ name }) => name), (at) => { next.workload = at; });
  pick("varied", page.variations, (at) => { next.variation = at; });
  pick("body", page.bodies.map(([body]) => body), (at) => { next.body = page.bodies[at][0]; });
  pick("of", eventNames, (at) => { next.event = eventNames[at]; });
  if (link.has("threads")) next.threads = Number(link.get("threads")) || null;
  for (const key of ["worlds", "strategies"]) {
    if (link.has(key)) next[key] = placesOf(link.get(key), page[key].map(({ name }) => name));
  }
  Object.assign(view, next);
}

function writeLink() {
  const link = linkOf();
  const address = link ? `#${link}` : location.pathname + location.search;
  if (location.hash.slice(1) !== link) history.replaceState(null, "", address);
}
