"use strict";
// Ratio to a base, with the one verdict of the harness: worlds side by side in one drawing.

/// The first base that something is compared with.
const ratioBase = {
  place: Math.max(0, page.bases.findIndex((_, place) =>
    page.cells.some((cell) => cell.ratios?.[place]))),
};

function ratioControls(redraw) {
  const radios = page.bases.map((base, place) => control(
    { type: "radio", name: "base", value: place }, ratioBase.place === place,
    () => {
      ratioBase.place = place;
      redraw();
    }, base));
  return element("fieldset", { class: "controls" }, element("legend", {}, "Ratio to"), ...radios);
}

const INKS = { faster: "var(--good)", slower: "var(--bad)" };

charts.push({
  id: "worlds",
  title: "Strategies against a base, worlds side by side",
  about: "Ratio of medians at the chosen count of threads; above 1 is faster. Blue and orange " +
    "where the whole interval is on one side of 1, its level corrected for all ratios of the " +
    "run; grey where no difference was seen, or where repeats are too few for a verdict. The " +
    "model has no noise: there a ratio is exact for its seed.",
  together: true,
  controls: ratioControls,
  missing: "The base has no result beside the strategies of this selection.",
  rows: (cells) => cells.filter((cell) => cell.ratios?.[ratioBase.place]).map((cell) => ({
    cell, strategy: cell.strategy, threads: cell.threads, ...cell.ratios[ratioBase.place],
  })),
  draw(rows, width) {
    const strategies = strategiesOf(rows).map(nameOf);
    const left = leftOf(strategies, width);
    const worlds = [...new Set(rows.map((row) => row.cell.world))].sort((a, b) => a - b);
    // Each world has its own height in a strategy's row.
    const step = 16;
    const shift = (row) => (worlds.indexOf(row.cell.world) - (worlds.length - 1) / 2) * step;
    const ends = rows.flatMap((row) => [row.median, row.low ?? row.median, row.high ?? row.median]);
    const spot = { x: "median", y: (row) => nameOf(row.strategy) };
    const marks = worlds.map((world) => {
      const own = rows.filter((row) => row.cell.world === world);
      const intervals = own.filter((row) => row.low != null);
      const dy = shift(own[0]);
      const ink = (row) => INKS[row.side] ?? "var(--faint)";
      return [
        Plot.link(intervals, { x1: "low", x2: "high", y1: spot.y, y2: spot.y, dy, stroke: ink,
          strokeWidth: 2 }),
        Plot.dot(own, { ...spot, dy, r: 5, fill: ink, symbol: worldSymbol(world) }),
      ];
    });
    const domain = [d3.min([...ends, 1]) * 0.9, d3.max([...ends, 1]) * 1.1];
    return drawing(width, {
      height: 70 + strategies.length * Math.max(24, worlds.length * step + 8),
      marginLeft: left,
      x: { type: "log", domain, grid: true, label: `times ${page.bases[ratioBase.place]}`,
        tickFormat: short, ticks: logTicks(domain, width - left, 44) },
      y: { type: "band", domain: strategies, label: null,
        tickFormat: (text) => fitted(text, left) },
      marks: [Plot.ruleX([1], { stroke: "currentColor" }), marks,
        pointed(rows, spot)],
    });
  },
  legend: (rows) => {
    const worlds = [...new Set(rows.map((row) => row.cell.world))].sort((a, b) => a - b);
    return legend(worlds.map((world) => [symbolPicture(worldSymbol(world)),
      `${page.worlds[world].name}, ${plural(rows.find((r) => r.cell.world === world).threads,
        "thread")}`]));
  },
  tell: tellRatio,
  says(rows) {
    const best = d3.greatest(rows, (row) => row.median);
    return `${nameOf(best.strategy)} is highest with ${exact(best.median)} times ` +
      page.bases[ratioBase.place];
  },
  columns: [
    ["ratio", (row) => exact(row.median)],
    ["from", (row) => exact(row.low)],
    ["to", (row) => exact(row.high)],
    ["verdict", (row) => row.verdict],
  ],
});

function tellRatio(row) {
  const interval = row.low == null ? "" : `\n${exact(row.low)} to ${exact(row.high)}`;
  return placeOf(row) + `${page.worlds[row.cell.world].name}\n${exact(row.median)} times ` +
    `${page.bases[ratioBase.place]}${interval}\n${row.verdict}`;
}
