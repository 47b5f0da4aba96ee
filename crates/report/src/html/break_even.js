"use strict";
// The fault rate above which a strategy costs a program throughput.

/// Most pixels between strategies that are outside of the sweep.
const LANE = 9;

function breakEvenRow(cell) {
  const { faults_per_thread_s: rate, at_per_thread_s: at, place, position } = cell.break_even;
  return { cell, strategy: cell.strategy, threads: cell.threads, rate, place, position, at };
}

/// Puts strategies that are outside of the sweep side by side: at one count of threads all of
/// them lie on its edge. Returns the rows with their places, and the pixels between them.
function inLanes(rows, width) {
  const counts = d3.sort(new Set(rows.map((row) => row.threads)), Math.log2);
  const span = Math.log2(counts.at(-1) / counts[0]) || 2;
  const gap = d3.min(d3.pairs(counts), ([a, b]) => Math.log2(b / a)) ?? span;
  const groups = d3.group(rows.filter((row) => row.rate == null),
    (row) => `${row.threads} ${row.place}`);
  const most = d3.max(groups.values(), (group) => group.length) ?? 1;
  // In doublings of threads, as the axis has them.
  const lane = Math.min((LANE * span) / width, (0.8 * gap) / most);
  const shifted = [...groups.values()].flatMap((group) => group.map((row, number) => ({
    ...row, spot: row.threads * 2 ** ((number - (group.length - 1) / 2) * lane),
  })));
  const lanes = new Map(shifted.map(({ spot, ...row }) => [row.cell, spot]));
  return [rows.map((row) => ({ ...row, spot: lanes.get(row.cell) ?? row.threads })),
    (lane * width) / span];
}

charts.push({
  id: "break-even",
  title: "Break-even rate of faults",
  about: "Faults per second of each thread, as they would be without any lock, at which a " +
    `strategy costs ${percent(page.lost_share)} of throughput against unlocked. A program that ` +
    "faults less often loses less. Between two think times the loss is interpolated; an open " +
    "triangle is outside of the sweep, on the side to which it points.",
  byThreads: true,
  missing: "this takes unlocked, and several think times: --vary think=1us,10us,1ms",
  rows: (cells) => cells.filter((cell) => cell.break_even).map(breakEvenRow)
    .sort((a, b) => a.threads - b.threads),
  draw(rows, width, all) {
    const room = labelRoom(all, width);
    const [placed, lane] = inLanes(rows, width - 60 - room);
    const beyond = placed.filter((row) => row.rate == null);
    const [few, most] = d3.extent(rows, (row) => row.threads);
    const [left, right] = d3.extent(placed, (row) => row.spot);
    const [low, high] = d3.extent(all, (row) => row.at);
    const domain = [low * 0.8, high * 1.25];
    const svg = drawing(width, {
      height: labelHeight(all, Math.min(400, 260 + width * 0.15)),
      marginRight: room,
      x: { ...threadsAxis(rows, "log"),
        domain: few === most ? [few / 2, few * 2] : [Math.min(left, few), Math.max(right, most)] },
      y: { type: "log", domain, label: "faults per second of a thread", grid: true,
        tickFormat: short, ticks: logTicks(domain, 240, 26) },
      marks: [
        strategyLines(rows, { x: "threads", y: "rate" }),
        strategyDots(rows.filter((row) => row.rate != null), { x: "threads", y: "at" }),
        Plot.dot(beyond, { x: "spot", y: "at", symbol: "triangle",
          r: Math.max(2, Math.min(4, lane / 2)), fill: "var(--paper)",
          strokeWidth: 1.8, stroke: (row) => look(row.strategy).color,
          rotate: (row) => row.place === "below_all" ? 180 : 0 }),
        rings(placed, { x: "spot", y: "at" }),
      ],
    });
    return endLabels(svg, placed, { x: "spot", y: "at" }, room);
  },
  tell: (row) => placeOf(row) + (row.rate == null ? `${row.position}, ` : "") +
    `${exact(row.at)} faults per second of a thread`,
  says(rows) {
    const found = rows.filter((row) => row.rate != null);
    if (found.length === 0) return "no rate is within what was swept";
    const first = d3.least(found, (row) => row.rate);
    return `the lowest within what was swept is that of ${nameOf(first.strategy)} at ` +
      `${plural(first.threads, "thread")}, ${exact(first.rate)} faults per second of a thread`;
  },
  across: { head: "by threads", of: (row) => row.threads },
  value: (row) => row.rate == null ? row.position : short(row.rate),
  columns: [
    ["faults_per_thread_s", (row) => row.rate],
    ["where", (row) => row.position],
    ["swept_from", (row) => row.cell.break_even.swept[0]],
    ["to", (row) => row.cell.break_even.swept[1]],
  ],
});
