"use strict";
// Sections and drawings, and when they are made.

const sections = [];
let filling = null;

function buildSection(chart) {
  const title = element("h2", { id: `${chart.id}-title` }, chart.title);
  const section = element("section", { id: chart.id, "aria-labelledby": title.id });
  const figures = element("div", { class: "figures" });
  const table = chart.draw
    ? element("details", {}, element("summary", {}, "The same as a table"))
    : element("div");
  const part = { chart, section, figures, table, groups: [] };
  section.append(title, element("p", { class: "about" }, chart.about),
    ...(chart.controls ? [chart.controls(() => fillSection(part, selected()))] : []),
    figures, table);
  table.addEventListener("toggle", () => fillTables(part));
  sections.push(part);
  return section;
}

/// Draws one section for the cells of the selection, a figure for each world. A section without
/// records is hidden.
function fillSection(part, cells) {
  const { chart, figures, section } = part;
  const byWorld = d3.groups(cells, (cell) => cell.world).sort((a, b) => a[0] - b[0]);
  part.groups = byWorld.map(([world, own]) =>
    [page.worlds[world].name, chart.rows(chart.byThreads ? own : atThreads(own))])
    .filter(([, rows]) => rows.length > 0);
  section.hidden = part.groups.length === 0;
  figures.replaceChildren();
  if (chart.draw) {
    figures.append(...part.groups.map(([world, rows]) => figure(part, world, rows)));
    draw(part);
  }
  fillTables(part);
}

/// The world of a figure, and its threads if it has one count.
function captionOf(chart, world, rows) {
  const counts = new Set(rows.map((row) => row.threads));
  const at = chart.byThreads || counts.size > 1 ? "" : `, ${plural([...counts][0], "thread")}`;
  return world + at;
}

function figure({ chart }, world, rows) {
  const caption = captionOf(chart, world, rows);
  const box = element("div", { class: "drawing", tabindex: "0", role: "group" });
  const svg = () => box.querySelector("svg");
  return element("figure", {}, element("figcaption", {}, caption,
    downloads(chart, caption, rows, svg)), chart.legend?.(rows) ?? null, box);
}

/// The drawings of a section, at the width that they have now.
function draw({ chart, figures, groups }) {
  if (!chart.draw) return;
  const all = groups.flatMap(([, rows]) => rows);
  groups.forEach(([world, rows], place) => {
    const box = figures.children[place].querySelector(".drawing");
    const svg = chart.draw(rows, Math.max(box.clientWidth, 240), all);
    svg.setAttribute("role", "img");
    const where = `${chart.title}, ${world}`;
    svg.setAttribute("aria-label", `${where}: ${chart.says(rows)}.`);
    box.setAttribute("aria-label", `${where}; arrow keys step through the values`);
    box.replaceChildren(svg, tip(box, svg, rows, chart.tell));
  });
}

/// Shows what the filters say now.
function update() {
  const cells = selected();
  writeLink();
  showFilters(cells);
  rankStrategies(cells);
  aboutWorkload(page.workloads[view.workload]);
  fillSections(cells);
}

/// Fills one section after the other and lets the browser breathe in between, so that the
/// first is there at once however many cells there are.
function fillSections(cells, from = 0) {
  clearTimeout(filling);
  document.getElementById("charts").setAttribute("aria-busy", from < sections.length);
  if (from === sections.length) {
    aboutMissing(cells);
    performance.mark("drawn");
    return;
  }
  fillSection(sections[from], cells);
  filling = setTimeout(() => fillSections(cells, from + 1));
}

function start() {
  const main = document.getElementById("charts");
  main.append(element("section", { id: "workload", "aria-labelledby": "workload-title" }));
  main.append(...charts.map(buildSection));
  main.append(element("section", { id: "missing", "aria-labelledby": "missing-title" }));
  buildAbout();
  if (page.cells.length === 0) return;
  buildFilters();
  const follow = () => {
    readLink();
    settle();
    update();
  };
  follow();
  addEventListener("hashchange", follow);
  let width = main.clientWidth;
  new ResizeObserver(() => {
    if (main.clientWidth === width) return;
    width = main.clientWidth;
    requestAnimationFrame(() => sections.forEach(draw));
  }).observe(main);
}

start();
