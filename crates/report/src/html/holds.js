"use strict";
// Who held the locks that others waited for: a table.

charts.push({
  id: "holds",
  title: "Who held the locks",
  about: "Holds of locks for which other cores waited, by holder: the longest waits first. " +
    "Waiting is of all cores together, and each wait counts for who held the lock when it began.",
  missing: "only the model tells (--on model:MACHINE), and only where cores waited for locks",
  rows: (cells) => cells.flatMap((cell) => (cell.holds ?? []).map((hold) => ({
    cell, strategy: cell.strategy, threads: cell.threads, ...hold,
  }))),
  columns: [
    ["lock", (row) => row.lock],
    ["held by", (row) => row.by],
    ["function", (row) => row.kernel_function],
    ["holds", (row) => row.holds],
    ["median, ns", (row) => row.median_ns],
    ["longest, ns", (row) => row.longest_ns],
    ["waiting cores", (row) => row.waiters_mean],
    ["at most", (row) => row.waiters_max],
    ["waited, ns", (row) => row.waited_ns],
  ],
});
