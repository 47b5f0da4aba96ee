"use strict";
// Common parts of drawings: size, axes, room for names, lines by strategy.

const FONT = { fontSize: "12px", fontFamily: "inherit" };

/// A drawing with the common settings.
function drawing(width, { marks, ...options }) {
  const axes = [["x", Plot.axisX], ["y", Plot.axisY]].flatMap(([name, axis]) => {
    const { type, ticks, tickFormat } = options[name];
    if (type !== "log" || typeof tickFormat !== "function") return [];
    // Left to itself, Plot writes nothing beside some ticks of a logarithmic axis.
    options[name] = { ...options[name], axis: null };
    return [axis(ticks, { text: tickFormat })];
  });
  return Plot.plot({
    width,
    style: FONT,
    marginTop: 24,
    marginBottom: 40,
    marginLeft: 56,
    marginRight: 16,
    color: { type: "identity" },
    symbol: { type: "identity" },
    opacity: { type: "identity" },
    ...options,
    marks: [axes, marks],
  });
}

/// Options of marks whose values `tips.js` shows.
const SPOTS = { className: "spots" };

/// A ring for each record, which is seen when its values are shown.
function rings(rows, options) {
  return Plot.dot(rows, { ...options, ...SPOTS, r: 8, fill: "currentColor", fillOpacity: 0 });
}

/// The place of a record: the first line of its tip.
function placeOf(row) {
  return `${nameOf(row.strategy)}, ${plural(row.threads, "thread")}\n`;
}

/// Ticks of a logarithmic axis, as many as `room` pixels hold at `each` pixels a label.
function logTicks(values, room, each) {
  const [low, high] = d3.extent(values);
  if (high < low * 4) return d3.ticks(low, high, Math.max(2, room / each / 2));
  const decades = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
  const all = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]].map((steps) => decades
    .flatMap((decade) => steps.map((step) => Number((step * 10 ** decade).toPrecision(2))))
    .filter((tick) => tick >= low && tick <= high));
  const [dense, ...others] = all;
  const fits = (ticks) => ticks.length * each <= room;
  const chosen = others.find(fits) ?? others.at(-1);
  return chosen.length < 3 && fits(dense) ? dense : chosen;
}

/// Room for the longest name on the left, at most a share of the width.
function leftOf(names, width) {
  const longest = Math.max(0, ...names.map((text) => text.length));
  return Math.min(longest * 7.1 + 15, width * 0.45);
}

/// A name, cut to the room.
function fitted(text, room) {
  const letters = Math.floor((room - 14) / 7.1);
  return text.length <= letters ? text : `${text.slice(0, Math.max(letters - 1, 1))}…`;
}

/// The strategies of all worlds as rows in their one order, with room for their names.
function strategyRows(all, width) {
  const strategies = strategiesOf(all);
  const left = leftOf(strategies.map(labelOf), width);
  const scale = { type: "band", domain: strategies, label: null, padding: 0.2,
    tickFormat: (strategy) => fitted(labelOf(strategy), left) };
  return { left, scale, count: strategies.length };
}

/// Threads of one world: machines differ too much for one scale.
function threadsAxis(rows, scale) {
  const counts = [...new Set(rows.map((row) => row.threads))].sort((a, b) => a - b);
  // If there are many counts, the axis chooses.
  const ticks = counts.length <= 12 && scale === "log" ? counts : 6;
  return { type: scale, base: 2, domain: d3.extent(counts), label: "threads", ticks,
    tickFormat: "d", inset: 8 };
}

/// One line a strategy, since a dash belongs to a whole mark.
function strategyLines(rows, options) {
  return strategiesOf(rows).map((strategy) => {
    const { color, dash } = look(strategy);
    const own = rows.filter((row) => row.strategy === strategy);
    return Plot.lineY(own, { ...options, stroke: color, strokeDasharray: dash,
      strokeWidth: page.strategies[strategy].linux ? 2.6 : 1.6 });
  });
}

function strategyDots(rows, options) {
  if (rows.length > 900) return [];
  return Plot.dot(rows, {
    r: 3.5,
    fill: (row) => look(row.strategy).color,
    symbol: (row) => look(row.strategy).symbol,
    ...options,
  });
}
