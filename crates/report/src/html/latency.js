"use strict";
// Latency of a fault or an operation: three percentiles, and the whole distribution.

const PERCENTILES = [["50th", "circle"], ["99th", "diamond"], ["99.9th", "star"]];

const latencyOf = (cell) => eventOf(cell)?.latency;
const UNTIMED = "latency was not measured, or has too few samples";

/// A record for each percentile of each cell.
function percentileRows(cells) {
  return cells.filter(latencyOf).flatMap((cell) =>
    latencyOf(cell).percentiles_ns.map((ns, place) => ({
      cell, strategy: cell.strategy, threads: cell.threads, ns, place,
    }))).filter((row) => row.ns != null);
}

charts.push({
  id: "latency",
  title: "Latency",
  about: "50th, 99th and 99.9th percentile: of sampled faults of all kinds, fallbacks and " +
    "retries included; of every operation, waiting for locks and readers included.",
  missing: UNTIMED,
  rows: percentileRows,
  draw(rows, width, all) {
    const { left, scale, count } = strategyRows(all, width);
    const spans = d3.groups(rows, (row) => row.strategy);
    return drawing(width, {
      height: 70 + count * 24,
      marginLeft: left,
      marginRight: 24,
      x: { type: "log", domain: d3.extent(all, (row) => row.ns), label: "latency", grid: true,
        tickFormat: nanoseconds, inset: 8,
        ticks: logTicks(all.map((row) => row.ns), width - left, 60) },
      y: scale,
      marks: [
        Plot.link(spans, { x1: ([, own]) => d3.min(own, (row) => row.ns),
          x2: ([, own]) => d3.max(own, (row) => row.ns), y1: ([strategy]) => strategy,
          y2: ([strategy]) => strategy, stroke: ([strategy]) => look(strategy).color,
          strokeWidth: 2 }),
        Plot.dot(rows, { x: "ns", y: "strategy", r: 5, fill: (row) => look(row.strategy).color,
          symbol: (row) => PERCENTILES[row.place][1], stroke: "var(--paper)" }),
        rings(rows, { x: "ns", y: "strategy" }),
      ],
    });
  },
  legend: () => legend(PERCENTILES.map(([text, symbol]) => [symbolPicture(symbol), text])),
  tell(row) {
    const { percentiles_ns: at, max_ns: most, samples } = latencyOf(row.cell);
    const lines = PERCENTILES.map(([text], place) =>
      `${text} percentile: ${exact(at[place])} ns\n`);
    return `${placeOf(row)}${lines.join("")}largest: ${exact(most)} ns\n` +
      plural(samples, "sample");
  },
  says(rows) {
    const best = d3.least(rows.filter((row) => row.place === 1), (row) => row.ns) ?? rows[0];
    return `${nameOf(best.strategy)} has the lowest ${PERCENTILES[best.place][0]} percentile, ` +
      `${exact(best.ns)} ns`;
  },
  across: { head: "percentile", of: (row) => PERCENTILES[row.place][0] },
  value: (row) => nanoseconds(row.ns),
  columns: [
    ["of", (row) => eventName(row.cell)],
    ["percentile", (row) => PERCENTILES[row.place][0]],
    ["ns", (row) => row.ns],
    ["max_ns", (row) => latencyOf(row.cell).max_ns],
    ["samples", (row) => latencyOf(row.cell).samples],
  ],
});

function quantileName(quantile) {
  return `${Number((quantile * 100).toPrecision(8))} %`;
}

charts.push({
  id: "distribution",
  title: "Latency by percentile",
  about: "The whole distribution, as HdrHistogram plots it: each power of ten to the right " +
    "leaves out nine tenths of what remains. The document holds the histograms themselves.",
  missing: UNTIMED,
  rows: (cells) => cells.filter(latencyOf).flatMap((cell) =>
    latencyOf(cell).ns.map((ns, place) => ({
      cell, strategy: cell.strategy, threads: cell.threads, ns, quantile: page.quantiles[place],
      beyond: 1 / (1 - page.quantiles[place]),
    }))),
  draw(rows, width, all) {
    const last = d3.max(all, (row) => row.beyond);
    const room = labelRoom(all, width);
    const ticks = [1, ...(width - room > 400 ? [2] : []), 10, 100, 1000, 1e4, 1e5, 1e6]
      .filter((tick) => tick <= last * 1.01);
    const spot = { x: "beyond", y: "ns" };
    const height = labelHeight(all, Math.min(420, 240 + width * 0.2));
    const svg = drawing(width, {
      height,
      marginRight: room,
      x: { type: "log", domain: [1, last], label: "at least as fast", ticks,
        tickFormat: (beyond) => quantileName(1 - 1 / beyond) },
      y: { type: "log", domain: d3.extent(all, (row) => row.ns), label: "latency",
        tickFormat: nanoseconds, grid: true,
        ticks: logTicks(all.map((row) => row.ns), height, 34) },
      marks: [
        strategyLines(rows, { ...spot, curve: "monotone-x" }),
        strategyDots(rows, { ...spot, r: 2.5 }),
        rings(rows, spot),
      ],
    });
    return endLabels(svg, rows, spot, room);
  },
  tell: (row) => placeOf(row) + `${quantileName(row.quantile)} within ${exact(row.ns)} ns`,
  says(rows) {
    const worst = d3.greatest(rows, (row) => row.ns);
    return `the slowest drawn are those of ${nameOf(worst.strategy)}, ${exact(worst.ns)} ns`;
  },
  across: { head: "within", of: (row) => quantileName(row.quantile) },
  value: (row) => nanoseconds(row.ns),
  columns: [
    ["of", (row) => eventName(row.cell)],
    ["quantile", (row) => row.quantile],
    ["ns", (row) => row.ns],
  ],
});
