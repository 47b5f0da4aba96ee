"use strict";
// Faults that are done again under mmap_lock, by reason.

charts.push({
  id: "fallbacks",
  title: "Fallbacks by reason",
  about: "How many faults out of one are done again under mmap_lock, under the kernel's names " +
    "for the reasons.",
  missing: "No fault of this selection fell back.",
  rows: (cells) => partRows(cells, (cell) => cell.fallbacks && Object.entries(cell.fallbacks)),
  draw: (rows, width) => stacked(rows, width, page.fallbacks,
    { label: "fallbacks per fault", tickFormat: short }),
  legend: (rows) => partLegend(rows, page.fallbacks),
  tell: tellFallback,
  says(rows) {
    const most = d3.greatest(rows, (row) => row.whole);
    return `most are those of ${nameOf(most.strategy)}, ${exact(most.whole)} per fault`;
  },
  columns: [
    ["reason", (row) => row.part],
    ["per fault", (row) => exact(row.value)],
  ],
});

function tellFallback(row) {
  return placeOf(row) + `${row.part}: ${exact(row.value)} per fault\n` +
    `${percent(row.value / row.whole)} of ${exact(row.whole)}`;
}
