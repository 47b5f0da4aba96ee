"use strict";
// Heat maps of cache lines by strategies: how often they move, and how long cores wait for them.

/// Lines below this share of the hottest in everything are left to the table.
const COLD = 0.01;
const LINES_MAX = 20;
/// Pixels that a number needs.
const HEAT_CELL = 34;

function lineRows(cells, valueOf) {
  const rows = cells.flatMap((cell) => (cell.lines ?? []).map(([line, transfers, stallNs]) => ({
    cell, strategy: cell.strategy, threads: cell.threads, line: page.lines[line], transfers,
    stallNs,
  })));
  return rows.filter((row) => valueOf(row) > 0);
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
  return Math.sqrt(Math.max(value, 0) / top);
}

/// A drawing that is wider than its place scrolls, so that each number has room.
function heatMap(rows, width, all, value, text) {
  const lines = hottest(all, value);
  const strategies = strategiesOf(all);
  const left = Math.min(leftOf(lines, width), width * 0.38);
  const tall = leftOf(strategies.map(labelOf), 400);
  const drawn = rows.map((row) => lines.includes(row.line) ? row : { ...row, line: null });
  const top = d3.max(all, value);
  const spot = { x: "strategy", y: "line" };
  return drawing(Math.max(width, left + 8 + strategies.length * HEAT_CELL), {
    height: tall + 16 + lines.length * 26,
    marginTop: tall,
    marginBottom: 8,
    marginLeft: left,
    marginRight: 8,
    x: { type: "band", domain: strategies, axis: "top", label: null, tickRotate: -90,
      padding: 0.04, tickFormat: labelOf },
    y: { type: "band", domain: lines, label: null, padding: 0.08,
      tickFormat: (line) => fitted(line, left) },
    marks: [
      Plot.frame({ stroke: "var(--rule)" }),
      Plot.cell(drawn, { ...spot, ...SPOTS, fill: "var(--heat)",
        fillOpacity: (row) => heat(value(row), top) }),
      Plot.text(drawn.filter((row) => heat(value(row), top) > 0.05), {
        ...spot, text: (row) => text(value(row)), pointerEvents: "none",
        fill: (row) => heat(value(row), top) > 0.62 ? "var(--paper)" : "currentColor" }),
    ],
  });
}

function tellLine(row) {
  const stall = row.stallNs == null ? "" : `\n${exact(row.stallNs)} ns of waiting for it`;
  return `${row.line}\n` + placeOf(row) +
    `${exact(row.transfers)} transfers per ${row.cell.each}${stall}`;
}

const brief = (value) => value >= 9.95 ? value.toFixed(0) : value.toFixed(value >= 0.995 ? 1 : 2);

function lineChart({ value, text, unit, ...about }) {
  return {
    ...about,
    rows: (cells) => lineRows(cells, value),
    draw: (rows, width, all) => heatMap(rows, width, all, value, text),
    tell: tellLine,
    says(rows) {
      const hot = d3.greatest(rows, value);
      return `the hottest is ${hot.line} under ${nameOf(hot.strategy)}, ` +
        `${exact(value(hot))} ${unit} per ${hot.cell.each}`;
    },
    across: { head: `${unit} each`, of: (row) => row.line },
    value: (row) => text(value(row)),
    columns: [
      ["line", (row) => row.line],
      ["transfers_each", (row) => row.transfers],
      ["waiting_ns_each", (row) => row.stallNs],
    ],
  };
}

charts.push(lineChart({
  id: "stalls",
  title: "Waiting for each line",
  about: "Nanoseconds per fault (per operation of a workload without faults) that cores wait for " +
    "each cache line, on the way to locks too. The stronger the colour, the longer.",
  missing: "only the model tells (--on model:MACHINE)",
  value: (row) => row.stallNs,
  text: brief,
  unit: "ns",
}), lineChart({
  id: "transfers",
  title: "Transfers of cache lines",
  about: "How often each line moves to another core, per fault (per operation of a workload " +
    "without faults).",
  missing: "lines were not counted (--no-lines), or none moved",
  value: (row) => row.transfers,
  text: brief,
  unit: "transfers",
}));
