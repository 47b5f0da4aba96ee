"use strict";
// Where the time of a fault or an operation goes: its own work, and what it waits for by name;
// stages of a fault; fallbacks. Bars of stacked parts, one for each strategy.

/// Parts with a name of their own; the others are one.
const PARTS_MAX = 12;
const OTHERS = "other waits";
/// How often the bars of a world go into the longest of all, from which on it has its own scale.
const SHORT = 5;

/// Bars of parts; a record is one part of one strategy, and `whole` is the bar's length.
function stacked(rows, width, all, inks, { label, tickFormat }) {
  const { left, scale, count } = strategyRows(all, width);
  const right = 64;
  const most = longestBar(rows, all);
  const order = (row) => inks.get(row.part).place;
  const spot = Plot.stackX({ x: "value", y: "strategy", order });
  const fits = (row) => (row.value / most) * (width - left - right) > row.part.length * 6.4 + 6;
  return drawing(width, {
    height: 70 + count * 26,
    marginLeft: left,
    marginRight: right,
    x: { label, domain: [0, most], grid: true, tickFormat, ticks: (width - left) / 100 },
    y: scale,
    marks: [
      Plot.barX(rows, { ...spot, ...SPOTS, fill: (row) => inks.get(row.part).color,
        fillOpacity: (row) => inks.get(row.part).opacity, stroke: "var(--paper)",
        strokeWidth: 0.5 }),
      Plot.text(rows, Plot.stackX({ x: "value", y: "strategy", order,
        text: (row) => fits(row) ? row.part : "", fontSize: 11, pointerEvents: "none",
        fill: (row) => inks.get(row.part).text ?? "currentColor" })),
      Plot.text(d3.groups(rows, (row) => row.strategy), { x: ([, own]) => own[0].whole,
        y: ([strategy]) => strategy, text: ([, own]) => tickFormat(own[0].whole),
        textAnchor: "start", dx: 4 }),
      Plot.ruleX([0]),
    ],
  });
}

/// Length of the scale: that of all worlds, or of one whose bars would be too short to see.
function longestBar(rows, all) {
  const [own, most] = [rows, all].map((some) => d3.max(some, (row) => row.whole));
  return own * SHORT < most ? own : most;
}

function partRows(cells, partsOf) {
  return cells.flatMap((cell) => {
    const parts = partsOf(cell).filter(([, value]) => value > 0);
    const whole = d3.sum(parts, ([, value]) => value);
    return parts.map(([part, value]) => ({
      cell, strategy: cell.strategy, threads: cell.threads, part, value, whole,
    }));
  });
}

/// A legend of the parts that the rows have.
function partLegend(rows, inks) {
  const present = new Set(rows.map((row) => row.part));
  return legend([...inks].filter(([part]) => present.has(part))
    .map(([part, ink]) => [boxPicture(ink), part]));
}

/// Inks of parts that are shades of one colour.
function shades(parts) {
  return new Map(parts.map((part, place) => {
    const opacity = 0.85 - (0.7 * place) / Math.max(parts.length, 2);
    return [part, { place, color: "var(--heat)", opacity,
      text: opacity > 0.5 ? "var(--paper)" : "currentColor" }];
  }));
}

/// A chart of parts, in nanoseconds.
function partsChart({ inks, each, tickFormat = nanoseconds, per = "ns", ...about }) {
  return {
    ...about,
    draw: (rows, width, all) => stacked(rows, width, all, inks(),
      { label: `${per === "ns" ? "time " : ""}per ${each(rows[0].cell)}`, tickFormat }),
    legend: (rows) => partLegend(rows, inks()),
    tell: (row) => placeOf(row) +
      `${row.part}: ${exact(row.value)} ${per} per ${each(row.cell)}\n` +
      `${percent(row.value / row.whole)} of ${exact(row.whole)}`,
    says(rows) {
      const most = d3.greatest(rows, (row) => row.value);
      return `the largest part is ${most.part} of ${nameOf(most.strategy)}, ` +
        `${exact(most.value)} ${per} per ${each(most.cell)}`;
    },
    across: { head: `${per} each`, of: (row) => row.part },
    value: (row) => per === "ns" ? row.value.toFixed(row.value < 10 ? 1 : 0) : exact(row.value),
    columns: [["part", (row) => row.part], [per.replace(/\W/g, "_"), (row) => row.value]],
  };
}

/// Kinds of time, in the order of a bar; each has its colour.
const KINDS = ["work", "lock", "line", "shootdown", "interrupted", "io", "grace period", "memory"];
const timeInks = new Map();

function timeName({ name, kind }) {
  return kind === "line" && name.includes(".") ? `line ${name}` : name;
}

/// Chooses the parts of the selection that are named, and their inks: shades of their kind.
function inkTime(cells) {
  const sums = d3.rollup(cells.flatMap((cell) => eventOf(cell)?.time_ns ?? []),
    (own) => d3.max(own, ([, ns]) => ns), ([part]) => part);
  const largest = d3.sort(sums, ([, ns]) => -ns).slice(0, PARTS_MAX).map(([part]) => part);
  const kindOf = (part) => KINDS.indexOf(page.time_parts[part].kind);
  timeInks.clear();
  for (const [kind, parts] of d3.sort(d3.groups(largest, kindOf), ([kind]) => kind)) {
    parts.forEach((part, at) => timeInks.set(timeName(page.time_parts[part]), {
      place: timeInks.size, color: `var(--time-${kind})`, opacity: 1 - (0.65 * at) / parts.length,
    }));
  }
  if (sums.size > largest.length) {
    timeInks.set(OTHERS, { place: timeInks.size, color: "var(--faint)", opacity: 0.4 });
  }
}

/// Parts of an event's time by name, the small ones together.
function timeOf(cell) {
  const named = (eventOf(cell)?.time_ns ?? []).map(([part, ns]) => {
    const name = timeName(page.time_parts[part]);
    return [timeInks.has(name) ? name : OTHERS, ns];
  });
  return d3.rollups(named, (own) => d3.sum(own, ([, ns]) => ns), ([name]) => name);
}

charts.push(partsChart({
  id: "time",
  title: "Where the time goes",
  about: "Nanoseconds of one fault, or of one operation, over all cores: its own work, which " +
    "touches no shared line, and its waits by lock, line, shootdown, I/O, grace period. The " +
    "shorter, the better. Worlds that are more than five times apart have their own scales.",
  missing: "on the host only a run with --stages times waits; the model always tells " +
    "(--on model:MACHINE)",
  inks: () => timeInks,
  each: (cell) => eventOf(cell).time_each,
  rows(cells) {
    inkTime(selected());
    return partRows(cells, timeOf);
  },
}));

const stageInks = shades(page.stages);

charts.push(partsChart({
  id: "stages",
  title: "Time of a fault by stage",
  about: "Nanoseconds per fault in each stage, from a pass of its own.",
  missing: "run with --stages",
  inks: () => stageInks,
  each: () => "fault",
  rows: (cells) => partRows(cells, (cell) => Object.entries(cell.stages_ns ?? {})),
}));
