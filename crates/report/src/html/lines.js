"use strict";
// Heat maps of cache lines by strategies: how often they move, and who waits for them.

/// Lines below this share of the hottest in everything are left to the table.
const COLD = 0.01;
const LINES_MAX = 20;

function lineRows(cells) {
  return cells.flatMap((cell) => (cell.lines ?? []).map(([line, transfers, stall]) => ({
    cell, strategy: cell.strategy, threads: cell.threads, line: page.lines[line], transfers, stall,
  })));
}

function hottest(rows, value) {
  const top = d3.max(rows, value);
  return d3.rollups(rows, (own) => d3.max(own, value), (row) => row.line)
    .filter(([, heat]) => heat >= top * COLD)
    .sort((a, b) => b[1] - a[1])
    .slice(0, LINES_MAX)
    .map(([line]) => line);
}

/// The square root keeps what is a tenth of the hottest in sight.
function heat(value, top) {
  return top > 0 ? Math.sqrt(Math.max(value, 0) / top) : 0;
}

function heatMap(rows, width, value, text) {
  const lines = hottest(rows, value);
  const strategies = strategiesOf(rows).map(nameOf);
  const left = Math.min(leftOf(lines, width), width * 0.38);
  const tall = leftOf(strategies, 400);
  const cell = (width - left - 8) / strategies.length;
  const drawn = rows.filter((row) => lines.includes(row.line));
  const top = d3.max(rows, value);
  const spot = { x: (row) => nameOf(row.strategy), y: "line" };
  return drawing(width, {
    height: tall + 16 + lines.length * 26,
    marginTop: tall,
    marginBottom: 8,
    marginLeft: left,
    marginRight: 8,
    opacity: { type: "identity" },
    x: { type: "band", domain: strategies, axis: "top", label: null, tickRotate: -90,
      padding: 0.04 },
    y: { type: "band", domain: lines, label: null, padding: 0.08,
      tickFormat: (line) => fitted(line, left) },
    marks: [
      Plot.frame({ stroke: "var(--rule)" }),
      Plot.cell(drawn, { ...spot, fill: "var(--heat)",
        fillOpacity: (row) => heat(value(row), top) }),
      cell < 38 ? null : Plot.text(drawn.filter((row) => heat(value(row), top) > 0.05), {
        ...spot, text: (row) => text(value(row)),
        fill: (row) => heat(value(row), top) > 0.62 ? "var(--paper)" : "currentColor" }),
      pointed(drawn, spot),
    ],
  });
}

function tellLine(row) {
  const stall = row.stall == null ? "" : `\n${percent(row.stall)} of the time cores wait for lines`;
  return `${row.line}\n` + placeOf(row) +
    `${exact(row.transfers)} transfers per ${row.cell.each}${stall}`;
}

function hottestSays(rows, value, text) {
  const hot = d3.greatest(rows, value);
  return `the hottest is ${hot.line} under ${nameOf(hot.strategy)}, ${text(value(hot))}`;
}

const brief = (value) => value >= 9.95 ? value.toFixed(0) : value.toFixed(value >= 0.995 ? 1 : 2);

charts.push({
  id: "transfers",
  title: "Transfers of cache lines per fault",
  about: "How often each line moves to another core, lines down, strategies across. The " +
    "stronger the colour, the more it moves. Where a workload has no faults: per operation.",
  missing: "Lines were not counted in this selection (--no-lines), or none moved.",
  rows: (cells) => lineRows(cells).filter((row) => row.transfers > 0),
  draw: (rows, width) => heatMap(rows, width, (row) => row.transfers, brief),
  tell: tellLine,
  says: (rows) => hottestSays(rows, (row) => row.transfers,
    (value) => `${exact(value)} transfers per ${rows[0].cell.each}`),
  columns: [
    ["line", (row) => row.line],
    ["transfers of each", (row) => exact(row.transfers)],
  ],
});

charts.push({
  id: "stalls",
  title: "Which line cores wait for",
  about: "Share of the time spent waiting for lines, by line; a strategy's column adds up to " +
    "100 %. A line that rarely moves can still hold everyone up.",
  missing: "Only the model tells how long cores wait for a line: run it with --on model:MACHINE.",
  rows: (cells) => lineRows(cells).filter((row) => row.stall > 0),
  draw: (rows, width) => heatMap(rows, width, (row) => row.stall,
    (value) => value < 0.005 ? "" : `${Math.round(value * 100)}%`),
  tell: tellLine,
  says: (rows) => hottestSays(rows, (row) => row.stall, percent),
  columns: [
    ["line", (row) => row.line],
    ["share of waiting", (row) => percent(row.stall)],
    ["transfers of each", (row) => exact(row.transfers)],
  ],
});
