"use strict";
// Faults that are done again under mmap_lock, by reason.

const fallbackInks = shades(page.fallbacks);

charts.push(partsChart({
  id: "fallbacks",
  title: "Fallbacks by reason",
  about: "How many faults out of one are done again under mmap_lock, under the kernel's names " +
    "for the reasons.",
  missing: "no fault fell back",
  inks: () => fallbackInks,
  each: () => "fault",
  per: "fallbacks",
  tickFormat: short,
  rows: (cells) => partRows(cells, (cell) => Object.entries(cell.fallbacks ?? {})),
}));
