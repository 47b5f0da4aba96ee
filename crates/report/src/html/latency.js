"use strict";
// Latency of a fault: three percentiles, and the whole distribution.

const PERCENTILES = [["50th", "circle"], ["99th", "diamond"], ["99.9th", "star"]];

/// A point for each percentile that a record has.
function percentilePoints(rows) {
  return rows.flatMap((row) => row.at.map((ns, place) => ({ ...row, ns, place })))
    .filter((point) => point.ns != null);
}

function percentileMarks(rows, points, spot) {
  const ends = { x1: (row) => row.at[0], x2: (row) => row.at[2] ?? row.at[1] };
  return [
    Plot.link(rows, { ...ends, y1: spot.y, y2: spot.y, fy: spot.fy,
      stroke: (row) => look(row.strategy).color, strokeWidth: 2 }),
    Plot.dot(points, { ...spot, x: "ns", r: 5, fill: (point) => look(point.strategy).color,
      symbol: (point) => PERCENTILES[point.place][1], stroke: "var(--paper)" }),
    pointed(points, { ...spot, x: "ns" }),
  ];
}

function latencyAxis(points, room) {
  return { type: "log", label: "latency", grid: true, tickFormat: nanoseconds, inset: 8,
    ticks: logTicks(points.map((point) => point.ns), room, 60) };
}

function percentileLegend() {
  return legend(PERCENTILES.map(([text, symbol]) => [symbolPicture(symbol), text]));
}

function tellPercentiles(at) {
  return PERCENTILES.map(([text], place) => `${text} percentile: ${exact(at[place])} ns\n`)
    .join("");
}

/// Columns of a table of percentiles; `latencyOf` finds what was timed.
function percentileColumns(latencyOf) {
  return [
    ...PERCENTILES.map(([text], place) => [`${text}, ns`, (row) => exact(row.at[place])]),
    ["largest, ns", (row) => exact(latencyOf(row)?.max_ns)],
    ["samples", (row) => exact(latencyOf(row)?.samples ?? 0)],
  ];
}

const timed = (cells) => cells.filter((cell) => cell.latency);
const UNTIMED = "Latency was not measured in this selection.";

charts.push({
  id: "latency",
  title: "Latency of a fault",
  about: "50th, 99th and 99.9th percentile of sampled faults of all kinds, fallbacks and " +
    "retries included.",
  missing: UNTIMED,
  rows: (cells) => timed(cells).map((cell) => ({
    cell, strategy: cell.strategy, threads: cell.threads,
    at: cell.latency.percentiles_ns,
  })),
  draw(rows, width) {
    const strategies = strategiesOf(rows).map(nameOf);
    const left = leftOf(strategies, width);
    const points = percentilePoints(rows);
    return drawing(width, {
      height: 70 + strategies.length * 24,
      marginLeft: left,
      x: latencyAxis(points, width - left),
      y: { type: "band", domain: strategies, label: null,
        tickFormat: (text) => fitted(text, left) },
      marks: percentileMarks(rows, points, { y: (row) => nameOf(row.strategy) }),
    });
  },
  legend: percentileLegend,
  tell: (row) => placeOf(row) + tellPercentiles(row.at) +
    plural(row.cell.latency.samples, "sample"),
  says(rows) {
    const best = d3.least(rows, (row) => row.at[1] ?? Infinity);
    return `${nameOf(best.strategy)} has the lowest 99th percentile, ${exact(best.at[1])} ns`;
  },
  columns: percentileColumns((row) => row.cell.latency),
});

function quantileName(quantile) {
  return `${Number((quantile * 100).toPrecision(8))} %`;
}

charts.push({
  id: "distribution",
  title: "Latency by percentile",
  about: "The whole distribution, as HdrHistogram plots it: each power of ten to the right " +
    "leaves out nine tenths of the remaining faults. The document holds the histograms themselves.",
  ownLegend: true,
  missing: UNTIMED,
  rows: (cells) => timed(cells).flatMap((cell) => cell.latency.ns.map((ns, place) => ({
    cell, strategy: cell.strategy, threads: cell.threads, ns, quantile: page.quantiles[place],
    beyond: 1 / (1 - page.quantiles[place]),
  }))),
  draw(rows, width) {
    const last = d3.max(rows, (row) => row.beyond);
    const ticks = [1, ...(width > 500 ? [2] : []), 10, 100, 1000, 1e4, 1e5, 1e6]
      .filter((tick) => tick <= last * 1.01);
    const lines = strategiesOf(rows).map((strategy) => Plot.lineY(
      rows.filter((row) => row.strategy === strategy),
      { x: "beyond", y: "ns", stroke: look(strategy).color, strokeDasharray: look(strategy).dash,
        strokeWidth: 1.8, curve: "monotone-x" }));
    return drawing(width, {
      height: Math.min(420, 240 + width * 0.2),
      x: { type: "log", label: "faults that are at least as fast", ticks,
        tickFormat: (beyond) => quantileName(1 - 1 / beyond) },
      y: { type: "log", label: "latency", tickFormat: nanoseconds, grid: true,
        ticks: logTicks(rows.map((row) => row.ns), 240, 30) },
      marks: [lines,
        rows.length > 900 ? null : Plot.dot(rows, { x: "beyond", y: "ns", r: 2.5,
          fill: (row) => look(row.strategy).color, symbol: (row) => look(row.strategy).symbol }),
        pointed(rows, { x: "beyond", y: "ns" })],
    });
  },
  tell: (row) => placeOf(row) +
    `${quantileName(row.quantile)} of faults within ${exact(row.ns)} ns`,
  says(rows) {
    const worst = d3.greatest(rows, (row) => row.ns);
    return `the slowest faults drawn are those of ${nameOf(worst.strategy)}, ${exact(worst.ns)} ns`;
  },
  columns: [
    ["faults", (row) => quantileName(row.quantile)],
    ["within, ns", (row) => exact(row.ns)],
  ],
});
