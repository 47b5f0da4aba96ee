"use strict";
// Operations of writers beside the faults: their rates and latencies.

/// Pixels of a strategy's row, and of the heading above each operation's rows.
const OPERATION_ROW = 24;
const OPERATION_HEAD = 26;

const NOT_ONE = { count: 0, per_s: 0, latency: null };

/// A record for each operation of the workload and each cell, which may have done none.
function operationRows(cells) {
  const operations = [...new Set(cells.flatMap((cell) => Object.keys(cell.ops ?? {})))].sort();
  return cells.flatMap((cell) => operations.map((operation) => ({
    cell, strategy: cell.strategy, threads: cell.threads, operation,
    done: cell.ops?.[operation] ?? NOT_ONE,
  })));
}

/// The records with their percentiles; none if no operation has percentiles.
function timedOperations(cells) {
  const rows = operationRows(cells).map((row) => ({
    ...row, at: row.done.latency?.percentiles_ns ?? [null, null, null],
  }));
  return rows.some((row) => row.at[0] != null) ? rows : [];
}

/// The place of a record: the row of its strategy in the block of its operation.
const OPERATION_SPOT = { y: (row) => nameOf(row.strategy), fy: "operation" };

/// A block of rows by strategy for each operation, one below the other.
function operationBlocks(rows, width, options, marksOf) {
  const strategies = strategiesOf(rows).map(nameOf);
  const operations = [...new Set(rows.map((row) => row.operation))];
  const left = leftOf(strategies, width);
  const tall = strategies.length * OPERATION_ROW;
  const { x, marks } = marksOf(width - left);
  return drawing(width, {
    height: operations.length * (tall + OPERATION_HEAD) + 42,
    marginTop: OPERATION_HEAD + 2,
    marginLeft: left,
    ...options,
    x,
    y: { type: "band", domain: strategies, label: null, tickFormat: (text) => fitted(text, left) },
    fy: { domain: operations, axis: null, paddingOuter: 0,
      paddingInner: OPERATION_HEAD / (tall + OPERATION_HEAD) },
    marks: [
      Plot.text(operations, { fy: (name) => name, text: (name) => name, fontWeight: 600,
        frameAnchor: "top-left", dx: 2, dy: 8 - OPERATION_HEAD }),
      marks,
    ],
  });
}

const operationsDone = {
  id: "operations",
  title: "Operations of writers",
  about: "How many a second writers got done beside the faults, all threads together, from the " +
    "first start of a thread to the last end. Writers with a pace fall behind it if faults " +
    "delay them.",
  missing: "No writer works beside the faults of this selection.",
  rows: operationRows,
  draw: (rows, width) => operationBlocks(rows, width, { marginRight: 50 }, () => ({
    x: { label: "operations per second", grid: true, tickFormat: short, ticks: width / 120 },
    marks: [
      Plot.barX(rows, { ...OPERATION_SPOT, x: (row) => row.done.per_s, insetTop: 3,
        insetBottom: 3, fill: (row) => look(row.strategy).color }),
      Plot.text(rows, { ...OPERATION_SPOT, x: (row) => row.done.per_s, textAnchor: "start",
        dx: 4, text: (row) => short(row.done.per_s) }),
      Plot.ruleX([0]),
      // All at the same distance to the side, so that the row decides which bar is nearest.
      pointed(rows, { ...OPERATION_SPOT, x: (row) => row.done.per_s, px: () => 0 }, Plot.pointerY),
    ],
  })),
  tell: ({ operation, done, ...row }) => placeOf(row) +
    `${operation}: ${exact(done.per_s)} per second\n${exact(done.count)} in all`,
  says(rows) {
    const most = d3.greatest(rows, (row) => row.done.per_s);
    return `most are done under ${nameOf(most.strategy)}, ${exact(most.done.per_s)} ` +
      `${most.operation} per second`;
  },
  columns: [
    ["operation", (row) => row.operation],
    ["per second", (row) => exact(row.done.per_s)],
    ["in all", (row) => exact(row.done.count)],
  ],
};

const operationLatency = {
  id: "operation-latency",
  title: "Latency of writers' operations",
  about: "50th, 99th and 99.9th percentile of every operation, waiting for locks and for readers " +
    "to leave included.",
  missing: "No operation was timed in this selection, or too few to tell.",
  rows: timedOperations,
  draw(rows, width) {
    const points = percentilePoints(rows);
    return operationBlocks(rows, width, {}, (room) => ({
      x: latencyAxis(points, room),
      marks: [
        percentileMarks(rows, points, OPERATION_SPOT),
        Plot.text(rows.filter((row) => row.at[0] == null), { ...OPERATION_SPOT,
          frameAnchor: "left", dx: 6, fill: "var(--soft)",
          text: (row) => plural(row.done.count, "sample") }),
      ],
    }));
  },
  legend: percentileLegend,
  tell: (row) => placeOf(row) + `${row.operation}\n` + tellPercentiles(row.at) +
    `largest: ${exact(row.done.latency?.max_ns)} ns\n` + plural(row.done.count, "sample"),
  says(rows) {
    const best = d3.least(rows, (row) => row.at[0]);
    return `the lowest median is that of ${best.operation} under ${nameOf(best.strategy)}, ` +
      `${exact(best.at[0])} ns`;
  },
  columns: [
    ["operation", (row) => row.operation],
    ...percentileColumns((row) => row.done.latency),
  ],
};

// A run without writers has no operations.
if (page.cells.some((cell) => cell.ops)) charts.push(operationsDone, operationLatency);
