"use strict";
// Fairness: the spread of faults over threads.

charts.push({
  id: "fairness",
  title: "Fairness",
  about: "Jain's index over the faults of each thread: 1 if all fault equally often, 1/n " +
    "if one of n has all.",
  byThreads: true,
  missing: "no cell has faults of several threads",
  rows: (cells) => cells.filter((cell) => cell.fairness != null && cell.threads > 1)
    .map((cell) => ({
      cell, strategy: cell.strategy, threads: cell.threads, fairness: cell.fairness,
    })).sort((a, b) => a.threads - b.threads),
  draw(rows, width, all) {
    const least = Math.min(0.9, d3.min(all, (row) => row.fairness));
    const room = labelRoom(all, width);
    const spot = { x: "threads", y: "fairness" };
    const svg = drawing(width, {
      height: labelHeight(all, Math.min(320, 220 + width * 0.1)),
      marginRight: room,
      x: threadsAxis(rows, "log"),
      y: { domain: [least, 1], label: "fairness", grid: true, ticks: 5, nice: true },
      marks: [strategyLines(rows, spot), strategyDots(rows, spot), rings(rows, spot)],
    });
    return endLabels(svg, rows, spot, room);
  },
  tell: (row) => placeOf(row) + `Jain's index ${exact(row.fairness)}`,
  says(rows) {
    const worst = d3.least(rows, (row) => row.fairness);
    return `the least fair is ${nameOf(worst.strategy)} at ${plural(worst.threads, "thread")}, ` +
      exact(worst.fairness);
  },
  across: { head: "index, by threads", of: (row) => row.threads },
  value: (row) => row.fairness.toFixed(3),
  columns: [["jain_index", (row) => row.fairness]],
});
