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
    ...options,
    marks: [axes, marks],
  });
}

/// A ring around the record nearest to the pointer, whose values `tips.js` shows. For bars,
/// `nearest` is `Plot.pointerY`: the whole row of a bar counts.
function pointed(rows, options, nearest = Plot.pointer) {
  const ring = { r: 8, stroke: "currentColor", strokeWidth: 1.5, maxRadius: 80 };
  return Plot.dot(rows, nearest({ ...options, ...ring }));
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

function threadsAxis(rows, scale) {
  const counts = [...new Set(rows.map((row) => row.threads))].sort((a, b) => a - b);
  // If there are many counts, the axis chooses.
  const ticks = counts.length <= 12 && scale === "log" ? counts : 6;
  return { type: scale, base: 2, label: "threads", ticks, tickFormat: "d", inset: 8 };
}

/// One line a strategy, since a dash belongs to a whole mark.
function strategyLines(rows, y) {
  return strategiesOf(rows).map((strategy) => {
    const { color, dash } = look(strategy);
    const own = rows.filter((row) => row.strategy === strategy);
    return Plot.lineY(own, {
      x: "threads", y, stroke: color, strokeDasharray: dash, strokeWidth: 1.8,
    });
  });
}

function strategyDots(rows, y) {
  if (rows.length > 600) return [];
  return Plot.dot(rows, {
    x: "threads", y, r: 3.5,
    fill: (row) => look(row.strategy).color,
    symbol: (row) => look(row.strategy).symbol,
  });
}
