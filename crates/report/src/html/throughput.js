"use strict";
// Faults, or operations, per second against threads: error bands, the ideal, and the fitted law.

const axes = { scale: "log", ideal: true, fit: true };

function throughputControls(redraw) {
  const set = (key, value) => {
    axes[key] = value;
    redraw();
  };
  const scale = (value, text) => control({ type: "radio", name: "axes", value },
    axes.scale === value, () => set("scale", value), text);
  const line = (key, text) => control({ type: "checkbox", name: key },
    axes[key], (checked) => set(key, checked), text);
  return element("fieldset", { class: "controls" }, element("legend", {}, "Axes and lines"),
    scale("log", "logarithmic"), scale("linear", "linear"),
    line("ideal", "ideal"), line("fit", "fitted law"));
}

function tellThroughput(row) {
  const { median, low, high } = row.cell.rate;
  const interval = low == null ? "no interval: too few repeats" :
    `95 %: ${exact(low)} to ${exact(high)}`;
  return placeOf(row) +
    `${exact(median)} ${row.cell.counted}/s\n${interval}\n${plural(row.cell.repeats, "repeat")}`;
}

/// The fitted laws of one world, which are curves between the thread counts.
function fitCurves(rows) {
  return selectedFits().filter((fit) => fit.world === rows[0].cell.world);
}

charts.push({
  id: "throughput",
  title: "Throughput against threads",
  about: "Median faults per second of all threads, or operations of writers where a workload " +
    "has no faults; bands are 95 % bootstrap intervals over repeats. Grey: ideal scaling of the " +
    "best single thread. Thin: the Universal Scalability Law as fitted, where a strategy has a " +
    "result at five counts of threads or more.",
  byThreads: true,
  controls: throughputControls,
  missing: "No cell of this selection has a result.",
  rows: (cells) => cells.filter((cell) => cell.rate).map((cell) => ({
    cell, strategy: cell.strategy, threads: cell.threads, rate: cell.rate.median,
  })).sort((a, b) => a.threads - b.threads),
  draw(rows, width) {
    const top = d3.max(rows, (row) => row.cell.rate.high ?? row.rate);
    const lowest = d3.min(rows, (row) => row.rate);
    const least = d3.min(rows, (row) => row.cell.rate.low ?? row.rate);
    // An interval that nearly holds 0 would push all else together.
    const bottom = axes.scale === "log" ? Math.max(least * 0.9, lowest / 5) : 0;
    const [few, most] = d3.extent(rows, (row) => row.threads);
    const single = d3.max(rows.filter((row) => row.threads === few), (row) => row.rate) / few;
    const bands = rows.filter((row) => row.cell.rate.low != null);
    const band = { x: "threads", y1: (row) => row.cell.rate.low,
      y2: (row) => row.cell.rate.high };
    const counts = d3.range(0, 33).map((step) => few * (most / few) ** (step / 32));
    return drawing(width, {
      height: Math.min(460, 260 + width * 0.2),
      clip: true,
      x: threadsAxis(rows, axes.scale),
      y: { type: axes.scale, domain: [bottom, top * 1.05], tickFormat: short, grid: true,
        label: `${rows[0].cell.counted} per second`,
        ticks: axes.scale === "log" ? logTicks([bottom, top * 1.05], 240, 26) : 6 },
      marks: [
        axes.ideal ? Plot.lineY(counts, { x: (n) => n, y: (n) => n * single,
          stroke: "var(--faint)", strokeDasharray: "4 4", strokeWidth: 1.5 }) : null,
        axes.fit ? fitCurves(rows).map((fit) => Plot.lineY(fit.curve, {
          x: ([threads]) => threads, y: ([, rate]) => rate,
          stroke: look(fit.strategy).color, strokeWidth: 0.8 })) : null,
        strategiesOf(bands).map((strategy) => Plot.areaY(
          bands.filter((row) => row.strategy === strategy),
          { ...band, fill: look(strategy).color, fillOpacity: 0.18 })),
        Plot.ruleX(bands, { ...band, stroke: (row) => look(row.strategy).color }),
        strategyLines(rows, "rate"),
        strategyDots(rows, "rate"),
        pointed(rows, { x: "threads", y: "rate" }),
      ],
    });
  },
  tell: tellThroughput,
  says(rows) {
    const most = d3.max(rows, (row) => row.threads);
    const best = d3.greatest(rows.filter((row) => row.threads === most), (row) => row.rate);
    return `at ${plural(most, "thread")} ${nameOf(best.strategy)} is fastest with ` +
      `${short(best.rate)} ${best.cell.counted} per second`;
  },
  columns: [
    ["of", (row) => row.cell.counted],
    ["per second", (row) => exact(row.rate)],
    ["95 % from", (row) => exact(row.cell.rate.low)],
    ["to", (row) => exact(row.cell.rate.high)],
    ["repeats", (row) => row.cell.repeats],
    ["contention", (row) => exact(fitOf(row)?.contention)],
    ["coherency", (row) => exact(fitOf(row)?.coherency)],
    ["largest error of the fit", (row) => percent(fitOf(row)?.error_max)],
  ],
});

function fitOf({ cell }) {
  const fits = fitsOf.get(tableOf(cell)) ?? [];
  return fits.find((fit) => fit.world === cell.world && fit.strategy === cell.strategy);
}
