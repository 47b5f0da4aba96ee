"use strict";
// Faults of the running kernel: a table, since it is one strategy.

const trapOf = (row) => row.cell.kernel.trap_ns;
const eventOf = (name) => (row) => exact(row.cell.kernel.events?.[name]);

charts.push({
  id: "kernel",
  title: "Faults of the running kernel",
  about: "The time that a fault takes its thread; the upper bound of an empty page-fault " +
    "exception (--trap-cost), median and middle 90 %; and the fault without the exception, to " +
    "compare with a fault of the host, which has none. Faults by perf and by getrusage and waits " +
    "for rw semaphores (lock:contention_begin) are of a storm of their own. A dash: not asked " +
    "for, or kernel_events or a warning says why there is none.",
  byThreads: true,
  missing: "The running kernel did not storm in this selection: run it with --on kernel.",
  rows: (cells) => cells.filter((cell) => cell.kernel).map((cell) => ({
    cell, strategy: cell.strategy, threads: cell.threads,
  })).sort((a, b) => a.threads - b.threads),
  columns: [
    ["ns per fault", (row) => exact(row.cell.kernel.fault_ns)],
    ["exception, ns", (row) => exact(trapOf(row)?.median)],
    ["from", (row) => exact(trapOf(row)?.low)],
    ["to", (row) => exact(trapOf(row)?.high)],
    ["without it, ns", (row) => exact(row.cell.kernel.fault_ns_without_trap)],
    ["minor faults", eventOf("minor_faults")],
    ["major faults", eventOf("major_faults")],
    ["by getrusage", eventOf("rusage_faults")],
    ["waits per fault", eventOf("rwsem_contentions_per_fault")],
  ],
});
