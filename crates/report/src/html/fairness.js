"use strict";
// Fairness: the spread of faults over threads.

charts.push({
  id: "fairness",
  title: "Fairness",
  about: "Jain's index over the faults of each thread: 1 if all fault equally often, 1/n " +
    "if one of n has all.",
  byThreads: true,
  missing: "No cell of this selection has a result.",
  rows: (cells) => cells.filter((cell) => cell.fairness != null).map((cell) => ({
    cell, strategy: cell.strategy, threads: cell.threads, fairness: cell.fairness,
  })).sort((a, b) => a.threads - b.threads),
  draw(rows, width) {
    const least = Math.min(0.9, d3.min(rows, (row) => row.fairness));
    return drawing(width, {
      height: Math.min(320, 220 + width * 0.1),
      x: threadsAxis(rows, "log"),
      y: { domain: [least, 1], label: "fairness", grid: true, ticks: 5, nice: true },
      marks: [
        strategyLines(rows, "fairness"),
        strategyDots(rows, "fairness"),
        pointed(rows, { x: "threads", y: "fairness" }),
      ],
    });
  },
  tell: (row) => placeOf(row) + `Jain's index ${exact(row.fairness)}`,
  says(rows) {
    const worst = d3.least(rows, (row) => row.fairness);
    return `the least fair is ${nameOf(worst.strategy)} at ${plural(worst.threads, "thread")}, ` +
      exact(worst.fairness);
  },
  columns: [["Jain's index", (row) => exact(row.fairness)]],
});
