"use strict";
// The numbers of a chart as a table: a row for each strategy, in the order of the charts.

function tableOfRows(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map(([name, ...cells]) => element("tr", {},
    element("th", { scope: "row" }, name),
    ...cells.map((text) => element("td", {}, text))));
  const grid = element("table", {}, element("caption", {}, caption),
    element("thead", {}, head), element("tbody", {}, ...body));
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": caption };
  return element("div", region, grid);
}

/// Strategies down, and what the chart has across: threads, percentiles, parts.
function pivot(chart, caption, rows) {
  const across = new Map(rows.map((row) => [chart.across.of(row), row]));
  const columns = [...across.keys()];
  if (columns.every((key) => typeof key === "number")) columns.sort((a, b) => a - b);
  const values = d3.index(rows, (row) => row.strategy, chart.across.of);
  const text = (row) => row ? chart.value(row) : "-";
  const lines = strategiesOf(rows).map((strategy) => [nameOf(strategy),
    ...columns.map((column) => text(values.get(strategy).get(column)))]);
  return tableOfRows(caption, [chart.across.head, ...columns.map(String)], lines);
}

function plainText(value) {
  return typeof value === "string" ? value : exact(value);
}

/// A row for each record, for what is no chart.
function plain(chart, caption, rows) {
  const heads = ["strategy", "threads", ...chart.columns.map(([head]) => head)];
  const lines = rows.map((row) => [nameOf(row.strategy), row.threads,
    ...chart.columns.map(([, value]) => plainText(value(row)))]);
  return tableOfRows(caption, heads, lines);
}

/// Makes the tables of a section, one for each world; most are never opened.
function fillTables(part) {
  const { chart, table, groups } = part;
  table.querySelectorAll(".scroll").forEach((old) => old.remove());
  if (table.open === false) return;
  const make = chart.draw ? pivot : plain;
  table.append(...groups.map(([world, rows]) =>
    make(chart, `${chart.title}, ${captionOf(chart, world, rows)}`, rows)));
}
