"use strict";
// The selection: the filters, and the cells that pass them.

const view = {
  workload: 0,
  body: page.bodies.at(-1)?.[0],
  variation: 0,
  threads: null,
  worlds: new Set(page.worlds.keys()),
  strategies: new Set(page.strategies.keys()),
};

const tableOf = (cell) => `${cell.workload} ${cell.body} ${cell.variation}`;
const cellsOf = d3.group(page.cells, tableOf);
const fitsOf = d3.group(page.fits, tableOf);

const shown = (part) => view.worlds.has(part.world) && view.strategies.has(part.strategy);

/// The cells that pass all filters but that of threads, with or without a result.
function selected() {
  return (cellsOf.get(tableOf(view)) ?? []).filter(shown);
}

function selectedFits() {
  return (fitsOf.get(tableOf(view)) ?? []).filter(shown);
}

/// The cells of one world with a result at the chosen threads, or at the next fewer that the
/// world has.
function atThreads(cells) {
  const done = cells.filter((cell) => cell.repeats);
  const counts = [...new Set(done.map((cell) => cell.threads))].sort((a, b) => a - b);
  const below = counts.filter((count) => view.threads === null || count <= view.threads);
  const threads = below.at(-1) ?? counts[0];
  return done.filter((cell) => cell.threads === threads);
}

function change(key, value) {
  view[key] = value;
  update();
}

function choice(label, key, options) {
  const select = element("select", { id: `filter-${key}` });
  for (const [value, text] of options) {
    const option = element("option", { value: JSON.stringify(value) }, text);
    option.selected = value === view[key];
    select.append(option);
  }
  select.addEventListener("change", () => change(key, JSON.parse(select.value)));
  const labelled = element("label", { for: select.id }, label);
  const box = element("div", { class: "choice" }, labelled, select);
  box.hidden = options.length < 2;
  return box;
}

function checks(label, key, entries) {
  const all = entries.map(([place]) => place);
  const toggle = (place, checked) => {
    if (checked) view[key].add(place);
    else view[key].delete(place);
    update();
  };
  const boxes = entries.map(([place, text, picture]) => control(
    { type: "checkbox", value: place }, view[key].has(place),
    (checked) => toggle(place, checked), picture, element("span", {}, text)));
  const set = (text, places) => {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      for (const box of boxes) box.firstChild.checked = places.length > 0;
      change(key, new Set(places));
    });
    return button;
  };
  const buttons = element("div", { class: "buttons" }, set("all", all), set("none", []));
  const list = element("div", { class: "checks" }, ...boxes);
  return element("fieldset", { id: `filter-${key}` }, element("legend", {}, label), buttons, list);
}

/// The filters that do not change with what is chosen.
function buildFilters() {
  const named = (list) => list.map((text, place) => [place, text || "as written"]);
  const threads = [...new Set(page.cells.map((cell) => cell.threads))].sort((a, b) => a - b);
  const status = element("p", { id: "status", role: "status" });
  const form = document.getElementById("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.append(
    element("div", { class: "choices" },
      choice("Workload", "workload", named(page.workloads.map((workload) => workload.name))),
      choice("Fault body", "body", page.bodies),
      choice("Varied", "variation", named(page.variations)),
      choice("Threads, where one count is shown", "threads",
        [[null, "the most"], ...threads.map((count) => [count, String(count)])])),
    checks("Worlds", "worlds", page.worlds.map((world, place) => [place, world.name])),
    checks("Strategies", "strategies",
      page.strategies.map((text, place) => [place, text, swatch(place)])),
    status,
  );
}

function tellStatus(cells) {
  const all = page.cells.length.toLocaleString("en-US");
  const text = `${plural(cells.length, "cell")} of ${all} shown`;
  document.getElementById("status").textContent = text;
}
