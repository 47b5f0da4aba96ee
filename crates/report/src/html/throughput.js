"use strict";
// Faults, or operations, per second against threads: intervals, and if asked for the ideal and the
// fitted law.

const axes = { scale: "log", ideal: false, fit: false };

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
  const interval = row.low == null ? "no interval: too few repeats" :
    `95 %: ${exact(row.low)} to ${exact(row.high)}`;
  return placeOf(row) +
    `${exact(row.rate)} ${eventName(row.cell)}/s\n${interval}\n` +
    plural(row.cell.repeats, "repeat");
}

/// Extent of the rates of all worlds. An interval that nearly holds 0 would push all else together.
function throughputDomain(all) {
  const top = d3.max(all, (row) => row.high ?? row.rate) * 1.05;
  const lowest = d3.min(all, (row) => row.rate);
  const least = d3.min(all, (row) => row.low ?? row.rate);
  return [axes.scale === "log" ? Math.max(least * 0.9, lowest / 5) : 0, top];
}

/// The ideal of the best single thread, and the laws fitted to one world.
function throughputGuides(rows) {
  const [few, most] = d3.extent(rows, (row) => row.threads);
  const single = d3.max(rows.filter((row) => row.threads === few), (row) => row.rate) / few;
  const counts = d3.range(0, 33).map((step) => few * (most / few) ** (step / 32));
  const fits = selectedFits().filter((fit) => fit.world === rows[0].cell.world);
  return [
    axes.ideal ? Plot.lineY(counts, { x: (n) => n, y: (n) => n * single,
      stroke: "var(--faint)", strokeDasharray: "4 4", strokeWidth: 1.5 }) : null,
    axes.fit ? fits.map((fit) => Plot.lineY(fit.curve, {
      x: ([threads]) => threads, y: ([, rate]) => rate,
      stroke: look(fit.strategy).color, strokeWidth: 0.8 })) : null,
  ];
}

charts.push({
  id: "throughput",
  title: "Throughput against threads",
  about: "Median per second of all threads; bars are 95 % bootstrap intervals over repeats. " +
    "Colours are families, bold has been in Linux, ▸ is the lock of the kernel that this ran " +
    "on. On request: ideal scaling of the best single thread, and the Universal Scalability Law, " +
    "where a strategy has a result at five counts of threads or more.",
  byThreads: true,
  controls: throughputControls,
  missing: "no cell of this selection has a result",
  rows: (cells) => cells.filter((cell) => eventOf(cell)?.rate).map((cell) => {
    const { median, low, high } = eventOf(cell).rate;
    return { cell, strategy: cell.strategy, threads: cell.threads, rate: median, low, high };
  }).sort((a, b) => a.threads - b.threads),
  draw(rows, width, all) {
    const domain = throughputDomain(all);
    const height = labelHeight(all, Math.min(460, 260 + width * 0.2));
    const room = labelRoom(all, width);
    const spot = { x: "threads", y: "rate" };
    const svg = drawing(width, {
      height,
      marginRight: room,
      x: threadsAxis(rows, axes.scale),
      y: { type: axes.scale, domain, clamp: true, tickFormat: short, grid: true,
        label: `${eventName(rows[0].cell)} per second`,
        ticks: axes.scale === "log" ? logTicks(domain, height, 30) : 6 },
      marks: [
        throughputGuides(rows),
        Plot.ruleX(rows.filter((row) => row.low != null), { x: "threads", y1: "low", y2: "high",
          stroke: (row) => look(row.strategy).color, strokeOpacity: 0.6 }),
        strategyLines(rows, spot),
        strategyDots(rows, spot),
        rings(rows, spot),
      ],
    });
    return endLabels(svg, rows, spot, room);
  },
  tell: tellThroughput,
  says(rows) {
    const most = d3.max(rows, (row) => row.threads);
    const best = d3.greatest(rows.filter((row) => row.threads === most), (row) => row.rate);
    return `at ${plural(most, "thread")} ${nameOf(best.strategy)} is fastest with ` +
      `${short(best.rate)} ${eventName(best.cell)} per second`;
  },
  across: { head: "per second, by threads", of: (row) => row.threads },
  value: (row) => short(row.rate),
  columns: [
    ["of", (row) => eventName(row.cell)],
    ["per_s", (row) => row.rate],
    ["low", (row) => row.low],
    ["high", (row) => row.high],
    ["repeats", (row) => row.cell.repeats],
    ["contention", (row) => fitOf(row)?.contention],
    ["coherency", (row) => fitOf(row)?.coherency],
    ["fit_error_max", (row) => fitOf(row)?.error_max],
  ],
});

function fitOf({ cell }) {
  const fits = fitsOf.get(tableOf(cell)) ?? [];
  return fits.find((fit) => fit.world === cell.world && fit.strategy === cell.strategy);
}
