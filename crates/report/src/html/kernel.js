"use strict";
// Faults of the running kernel: a table, since it is one strategy.

const trapOf = (row) => row.cell.kernel.trap_ns;
const kernelEvent = (name) => (row) => row.cell.kernel.events?.[name];

charts.push({
  id: "kernel",
  title: "Faults of the running kernel",
  about: "The time that a fault takes its thread; the upper bound of an empty page-fault " +
    "exception (--trap-cost), median and middle 90 %; and the fault without the exception, to " +
    "compare with a fault of the host, which has none. Faults by perf and by getrusage and waits " +
    "for rw semaphores (lock:contention_begin) are of a storm of their own. A dash: not asked " +
    "for, or kernel_events or a warning says why there is none.",
  byThreads: true,
  missing: "the running kernel did not storm (--on kernel)",
  rows: (cells) => cells.filter((cell) => cell.kernel).map((cell) => ({
    cell, strategy: cell.strategy, threads: cell.threads,
  })).sort((a, b) => a.threads - b.threads),
  columns: [
    ["ns per fault", (row) => row.cell.kernel.fault_ns],
    ["exception, ns", (row) => trapOf(row)?.median],
    ["from", (row) => trapOf(row)?.low],
    ["to", (row) => trapOf(row)?.high],
    ["without it, ns", (row) => row.cell.kernel.fault_ns_without_trap],
    ["minor faults", kernelEvent("minor_faults")],
    ["major faults", kernelEvent("major_faults")],
    ["by getrusage", kernelEvent("rusage_faults")],
    ["waits per fault", kernelEvent("rwsem_contentions_per_fault")],
  ],
});
