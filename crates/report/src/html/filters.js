"use strict";
// The controls of the selection.

function choice(label, key, options) {
  const select = element("select", { id: `filter-${key}` });
  for (const [value, text] of options) {
    select.append(element("option", { value: JSON.stringify(value) }, text));
  }
  select.addEventListener("change", () => change(key, JSON.parse(select.value)));
  const labelled = element("label", { for: select.id }, label);
  const box = element("div", { class: "choice" }, labelled, select);
  box.hidden = options.length < 2;
  return box;
}

function checks(label, key, groups) {
  const all = groups.flatMap(([, entries]) => entries.map(([place]) => place));
  const toggle = (place, checked) => {
    const places = new Set(view[key]);
    if (checked) places.add(place);
    else places.delete(place);
    change(key, places);
  };
  const box = ([place, text, picture]) => control({ type: "checkbox", value: place }, true,
    (checked) => toggle(place, checked), picture, element("span", {}, text));
  const lists = groups.map(([name, entries]) => element("div", { class: "checks" },
    name ? element("p", { class: "family" }, name) : null, ...entries.map(box)));
  const set = (text, places) => button(text, () => change(key, new Set(places)));
  const buttons = element("div", { class: "buttons" }, set("all", all), set("none", []));
  return element("fieldset", { id: `filter-${key}` }, element("legend", {}, label), buttons,
    element("div", { class: "groups" }, ...lists));
}

/// Strategies by family, in the order of the document.
function strategyGroups() {
  const entries = d3.groups([...page.strategies.keys()], (at) => page.strategies[at].family);
  return d3.sort(entries, ([family]) => family).map(([family, places]) => [
    page.families[family], places.map((at) => [at, labelOf(at), swatch(at)])]);
}

function buildFilters() {
  const named = (list) => list.map((text, place) => [place, text || "as written"]);
  const threads = [...new Set(page.cells.map((cell) => cell.threads))].sort((a, b) => a - b);
  const form = document.getElementById("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.append(
    element("div", { class: "choices" },
      choice("Workload", "workload", named(page.workloads.map((workload) => workload.name))),
      choice("Fault body", "body", page.bodies),
      choice("Varied", "variation", named(page.variations)),
      choice("Numbers of", "event", [[null, "what the workload is judged by"],
        ...(eventNames.length > 1 ? eventNames.map((name) => [name, name]) : [])]),
      choice("Threads, where one count is shown", "threads",
        [[null, "the most"],
          ...(threads.length > 1 ? threads.map((count) => [count, String(count)]) : [])])),
    element("details", { open: matchMedia("(min-width: 1100px)").matches },
      element("summary", {}, "Worlds and strategies"),
      checks("Worlds", "worlds", [["", page.worlds.map((world, place) => [place, world.name])]]),
      checks("Strategies", "strategies", strategyGroups())),
    element("p", { id: "status", role: "status" }),
  );
}

/// The controls show what is selected, however it was.
function showFilters(cells) {
  for (const key of ["workload", "body", "variation", "event", "threads"]) {
    document.getElementById(`filter-${key}`).value = JSON.stringify(view[key]);
  }
  for (const key of ["worlds", "strategies"]) {
    for (const box of document.querySelectorAll(`#filter-${key} input`)) {
      box.checked = view[key].has(Number(box.value));
    }
  }
  const all = page.cells.length.toLocaleString("en-US");
  document.getElementById("status").textContent = `${plural(cells.length, "cell")} of ${all} shown`;
}
