"use strict";
// Parts of a whole for each strategy: the time of a fault by kind of work and by stage.

/// Bars of stacked parts; a record is one part of one strategy.
function stacked(rows, width, parts, { label, tickFormat }) {
  const strategies = strategiesOf(rows).map(nameOf);
  const left = leftOf(strategies, width);
  const spot = { x: "value", y: (row) => nameOf(row.strategy),
    order: (row) => parts.indexOf(row.part) };
  return drawing(width, {
    height: 70 + strategies.length * 26,
    marginLeft: left,
    x: { label, grid: true, tickFormat, ticks: width / 100 },
    y: { type: "band", domain: strategies, label: null, padding: 0.2,
      tickFormat: (text) => fitted(text, left) },
    marks: [
      Plot.barX(rows, { ...spot, fill: (row) => partColor(parts.indexOf(row.part)),
        stroke: "var(--paper)", strokeWidth: 0.5 }),
      Plot.ruleX([0]),
      pointed(rows, Plot.stackX(spot)),
    ],
  });
}

function partRows(cells, partsOf) {
  return cells.filter(partsOf).flatMap((cell) => {
    const parts = partsOf(cell).filter(([, value]) => value > 0);
    const whole = d3.sum(parts, ([, value]) => value);
    return parts.map(([part, value]) => ({
      cell, strategy: cell.strategy, threads: cell.threads, part, value, whole,
    }));
  });
}

function tellTime(row) {
  return placeOf(row) + `${row.part}: ${exact(row.value)} ns per ${row.cell.each}\n` +
    `${percent(row.value / row.whole)} of ${exact(row.whole)} ns`;
}

function longestSays(rows) {
  const longest = d3.greatest(rows, (row) => row.value);
  return `the longest part is ${longest.part} of ${nameOf(longest.strategy)}, ` +
    `${exact(longest.value)} ns`;
}

function timeChart(about, parts, partsOf) {
  return {
    ...about,
    rows: (cells) => partRows(cells, partsOf),
    draw: (rows, width) => stacked(rows, width, parts,
      { label: `time per ${rows[0].cell.each}`, tickFormat: nanoseconds }),
    legend: (rows) => partLegend(rows, parts),
    tell: tellTime,
    says: longestSays,
    columns: [
      ["part", (row) => row.part],
      ["ns of each", (row) => exact(row.value)],
      ["share", (row) => percent(row.value / row.whole)],
    ],
  };
}

charts.push(timeChart({
  id: "time",
  title: "Where a fault's time goes",
  about: "Nanoseconds per fault (per operation of a workload without faults) over all cores: " +
    "work that touches no shared line, waiting for lines from other caches or memory, spinning " +
    "and sleeping for locks, sleeping for I/O.",
  missing: "Only the model tells these apart: run it with --on model:MACHINE.",
},
page.time_parts,
(cell) => cell.time_ns));

charts.push(timeChart({
  id: "stages",
  title: "Time of a fault by stage",
  about: "Nanoseconds per fault in each stage, from a pass of its own.",
  missing: "Stages were not timed in this selection: run with --stages.",
},
page.stages,
(cell) => cell.stages_ns && Object.entries(cell.stages_ns)));
