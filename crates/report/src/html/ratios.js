"use strict";
// Ratio to a base, with the one verdict of the harness: the highest first, coloured by size.

/// The base that is chosen, by its place.
const ratioBase = { place: 0 };
/// Ratio, up or down, whose colour is the strongest: as in the map.
const STRONGEST = 8;

/// The chosen base if something is compared with it, or else the first with which something is.
function baseFor(cells) {
  const has = (place) => cells.some((cell) => eventOf(cell)?.ratios[place]);
  return has(ratioBase.place) ? ratioBase.place : page.bases.findIndex((_, place) => has(place));
}

function ratioControls(redraw) {
  const radios = page.bases.map((base, place) => control(
    { type: "radio", name: "base", value: place }, ratioBase.place === place,
    () => {
      ratioBase.place = place;
      redraw();
    }, base));
  return element("fieldset", { class: "controls" }, element("legend", {}, "Ratio to"), ...radios);
}

/// Better and worse; grey where nothing is known.
function ratioInk(row) {
  return { faster: "var(--good)", slower: "var(--bad)" }[row.side] ?? "var(--faint)";
}

function ratioStrength(row) {
  const size = Math.min(Math.abs(Math.log(row.median)) / Math.log(STRONGEST), 1);
  return row.side ? 0.35 + 0.65 * size : 0.5;
}

/// A ratio as the map has it, with what is known of it.
function ratioText({ median, side, verdict }) {
  const value = median < 9.995 ? median.toFixed(median < 0.0095 ? 3 : 2) : median.toFixed(0);
  const doubt = { "no difference seen": " not sure", "too few repeats": " few repeats" };
  if (side) return verdict === side ? `${value}*` : value;
  return `${value}${doubt[verdict] ?? ` ${verdict}`}`;
}

/// Extent of the ratios of all worlds. A wide interval would push all else together.
function ratioDomain(all) {
  const [least, most] = d3.extent([1, ...all.map((row) => row.median)]);
  const low = d3.min(all, (row) => row.low) ?? least;
  const high = d3.max(all, (row) => row.high) ?? most;
  return [Math.min(least, Math.max(low, least / 3)) * 0.9,
    Math.max(most, Math.min(high, most * 3)) * 1.1];
}

charts.push({
  id: "ratios",
  title: "Strategies against a base",
  about: "Ratio of medians at the chosen count of threads; above 1 is faster. Blue and orange, " +
    "the stronger the farther from 1, where the whole interval (its level corrected for all " +
    "ratios of the run) is on one side of 1; * is sure. Grey where no difference was seen. The " +
    "model has no noise: there a ratio is exact for its seed.",
  controls: ratioControls,
  missing: "the base has no result beside the strategies",
  rows(cells) {
    const place = baseFor(cells);
    // The control says what is drawn.
    for (const radio of document.getElementsByName("base")) radio.checked = radio.value == place;
    return cells.filter((cell) => eventOf(cell)?.ratios[place]).map((cell) => ({
      cell, strategy: cell.strategy, threads: cell.threads, base: page.bases[place],
      ...eventOf(cell).ratios[place],
    }));
  },
  draw(rows, width, all) {
    const { left, scale, count } = strategyRows(all, width);
    const right = 116;
    const domain = ratioDomain(all);
    const known = rows.filter((row) => row.low != null);
    return drawing(width, {
      height: 70 + count * 24,
      marginLeft: left,
      marginRight: right,
      x: { type: "log", domain, clamp: true, grid: true, label: `times ${rows[0].base}`,
        tickFormat: short, ticks: logTicks(domain, width - left - right, 44) },
      y: scale,
      marks: [
        Plot.barX(rows, { ...SPOTS, x1: () => 1, x2: "median", y: "strategy", fill: ratioInk,
          fillOpacity: ratioStrength }),
        Plot.link(known, { x1: "low", x2: "high", y1: "strategy", y2: "strategy",
          stroke: "currentColor", strokeWidth: 1.2 }),
        Plot.ruleX([1], { stroke: "currentColor" }),
        Plot.text(rows, { y: "strategy", frameAnchor: "right", dx: 6, textAnchor: "start",
          text: ratioText, fontWeight: (row) => row.side ? 600 : 400 }),
      ],
    });
  },
  tell: tellRatio,
  says(rows) {
    const best = d3.greatest(rows, (row) => row.median);
    return `${nameOf(best.strategy)} is highest with ${exact(best.median)} times ` +
      best.base;
  },
  across: { head: "ratio", of: (row) => `times ${row.base}` },
  value: ratioText,
  columns: [
    ["base", (row) => row.base],
    ["ratio", (row) => row.median],
    ["low", (row) => row.low],
    ["high", (row) => row.high],
    ["verdict", (row) => row.verdict],
  ],
});

function tellRatio(row) {
  const interval = row.low == null ? "" : `\n${exact(row.low)} to ${exact(row.high)}`;
  return placeOf(row) + `${exact(row.median)} times ${row.base}${interval}\n` +
    row.verdict;
}
