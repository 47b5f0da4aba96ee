"use strict";
// Sections, drawings and tables, and when they are made.

/// Rows of a table that are made at once.
const ROWS_STEP = 500;
const sections = [];
let filling = null;

function buildSection(chart) {
  const title = element("h2", { id: `${chart.id}-title` }, chart.title);
  const section = element("section", { id: chart.id, "aria-labelledby": title.id });
  const figures = element("div", { class: chart.together ? "figures together" : "figures" });
  const table = chart.draw
    ? element("details", {}, element("summary", {}, "The same as a table"))
    : element("div");
  const part = { chart, section, figures, table, rows: [] };
  section.append(title, element("p", { class: "about" }, chart.about),
    ...(chart.controls ? [chart.controls(() => fillSection(part, selected()))] : []),
    figures, table);
  table.addEventListener("toggle", () => fillTable(part));
  sections.push(part);
  return section;
}

/// Draws one section for the cells of the selection, a figure for each world.
function fillSection(part, cells) {
  const { chart, figures } = part;
  const byWorld = d3.groups(cells, (cell) => cell.world).sort((a, b) => a[0] - b[0]);
  const groups = byWorld.map(([world, own]) => [
    page.worlds[world].name, chart.rows(chart.byThreads ? own : atThreads(own)),
  ]).filter(([, rows]) => rows.length > 0);
  part.rows = groups.flatMap(([, rows]) => rows);
  const drawn = chart.together && groups.length > 0 ? [["", part.rows]] : groups;
  part.drawn = chart.draw ? drawn : [];
  figures.replaceChildren();
  if (drawn.length === 0) figures.append(element("p", { class: "missing" }, chart.missing));
  for (const [world, rows] of part.drawn) figures.append(figure(chart, world, rows));
  draw(part);
  part.table.hidden = drawn.length === 0;
  fillTable(part);
}

function figure(chart, world, rows) {
  const counts = new Set(rows.map((row) => row.threads));
  const at = chart.byThreads || counts.size > 1 ? "" : `, ${plural([...counts][0], "thread")}`;
  const caption = chart.together ? null : element("figcaption", {}, world + at);
  const linear = chart.byThreads || chart.ownLegend;
  const keys = linear ? strategyLegend(rows) : chart.legend?.(rows);
  if (linear) keys.classList.add("of-strategies");
  const box = element("div", { class: "drawing", tabindex: "0", role: "group" });
  return element("figure", {}, caption, keys ?? null, box);
}

/// The drawings of a section, at the width that they have now.
function draw(part) {
  const { chart, figures, drawn } = part;
  drawn.forEach(([world, rows], place) => {
    const box = figures.children[place].querySelector(".drawing");
    const svg = chart.draw(rows, Math.max(box.clientWidth, 240));
    svg.setAttribute("role", "img");
    const where = world ? `${chart.title}, ${world}` : chart.title;
    svg.setAttribute("aria-label", `${where}: ${chart.says(rows)}.`);
    box.setAttribute("aria-label", `${where}; arrow keys step through the values`);
    box.replaceChildren(svg, tip(box, svg, rows, chart.tell));
  });
}

/// A table is made when it is opened: most never are. That of a chart without a drawing is open.
function fillTable(part) {
  const { chart, table, rows } = part;
  table.querySelector(".scroll")?.remove();
  table.querySelector("button")?.remove();
  if (table.open === false || rows.length === 0) return;
  const columns = [
    ["world", (row) => page.worlds[row.cell.world].name],
    ["strategy", (row) => nameOf(row.strategy)],
    ["threads", (row) => row.threads],
    ...chart.columns,
  ];
  const heads = columns.map(([text]) => element("th", { scope: "col" }, text));
  const body = element("tbody");
  const grid = element("table", {}, element("caption", {}, chart.title),
    element("thead", {}, element("tr", {}, ...heads)), body);
  const scroll = { class: "scroll", tabindex: "0", role: "region", "aria-label": chart.title };
  table.append(element("div", scroll, grid));
  const more = element("button", { type: "button" });
  const add = () => {
    const from = body.rows.length;
    for (const row of rows.slice(from, from + ROWS_STEP)) {
      body.append(element("tr", {}, ...columns.map(([, text]) => element("td", {}, text(row)))));
    }
    more.textContent = `${plural(rows.length - body.rows.length, "more row")}`;
    if (body.rows.length === rows.length) more.remove();
  };
  more.addEventListener("click", add);
  table.append(more);
  add();
}

/// Shows what the filters say now.
function update() {
  const cells = selected();
  tellStatus(cells);
  aboutWorkload(page.workloads[view.workload]);
  aboutMissing(cells);
  fillSections(cells);
}

/// Fills one section after the other and lets the browser breathe in between, so that the
/// first is there at once however many cells there are.
function fillSections(cells, from = 0) {
  clearTimeout(filling);
  document.getElementById("charts").setAttribute("aria-busy", from < sections.length);
  if (from === sections.length) {
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
  buildTop();
  buildAbout();
  if (page.cells.length === 0) return;
  buildFilters();
  update();
  let width = main.clientWidth;
  new ResizeObserver(() => {
    if (main.clientWidth === width) return;
    width = main.clientWidth;
    requestAnimationFrame(() => sections.forEach(draw));
  }).observe(main);
}

start();
