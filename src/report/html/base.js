"use strict";
// The page's data, and what all charts share: elements, numbers as text, colours.

const page = JSON.parse(document.getElementById("data").textContent);

/// Each chart file adds its own. `rows(cells)` gives one record for each mark, `draw(rows,
/// width)` an SVG, `columns` the table of the same records, `says(rows)` a sentence for those
/// who do not see the drawing.
const charts = [];

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/// Three digits and a prefix: 12.3 M.
function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const [unit, prefix] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([from]) => size >= from) ??
    [1, ""];
  const digits = Number((value / unit).toPrecision(3));
  return prefix ? `${digits} ${prefix}` : String(digits);
}

function nanoseconds(value) {
  const [unit, name] = [[1e9, "s"], [1e6, "ms"], [1e3, "us"]].find(([from]) => value >= from) ??
    [1, "ns"];
  return `${Number((value / unit).toPrecision(3))} ${name}`;
}

/// All digits that mean something, for tables and tips.
function exact(value) {
  if (value == null) return "-";
  const digits = Math.abs(value) >= 1000 ? 0 : 6;
  return digits
    ? String(Number(value.toPrecision(digits)))
    : Math.round(value).toLocaleString("en-US");
}

function percent(share) {
  return share == null ? "-" : `${Number((share * 100).toPrecision(3))} %`;
}

function plural(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

const COLORS = 8;
const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];
const DASHES = ["none", "7 3", "2 3"];

/// A strategy keeps its colour, symbol and dash whatever the filter shows: they follow from
/// its place among those of the page. Eight colours and seven symbols make 56 pairs, so that
/// no two look alike where colours are hard to tell.
function look(strategy) {
  return {
    color: `var(--color-${strategy % COLORS})`,
    symbol: SYMBOLS[strategy % SYMBOLS.length],
    dash: DASHES[Math.floor(strategy / COLORS) % DASHES.length],
  };
}

/// Colour of a part of a whole; from the ninth on a darker (at night a lighter) one.
function partColor(place) {
  const color = `var(--part-${place % COLORS})`;
  return place < COLORS ? color : `color-mix(in srgb, ${color} 50%, currentColor)`;
}

/// What a strategy's line looks like, as a small picture beside its name.
function swatch(strategy) {
  const { color, symbol, dash } = look(strategy);
  const shape = d3.symbol(d3[`symbol${capital(symbol)}`], 40)();
  const svg = d3.create("svg").attr("viewBox", "-14 -7 28 14").attr("width", 28)
    .attr("height", 14).attr("aria-hidden", "true").attr("class", "swatch");
  svg.append("path").attr("d", "M-14,0H14").attr("stroke", color).attr("stroke-width", 2)
    .attr("stroke-dasharray", dash);
  svg.append("path").attr("d", shape).attr("fill", color);
  return svg.node();
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1);
}

function strategiesOf(rows) {
  return [...new Set(rows.map((row) => row.strategy))].sort((a, b) => a - b);
}

function name(strategy) {
  return page.strategies[strategy];
}

/// A list of names with what they look like.
function legend(entries) {
  const items = entries.map(([picture, text]) => element("li", {}, picture, text));
  return element("ul", { class: "legend" }, ...items);
}

function strategyLegend(rows) {
  return legend(strategiesOf(rows).map((strategy) => [swatch(strategy), name(strategy)]));
}

/// `parts` are all that there may be, in order; those that the rows have are listed.
function partLegend(rows, parts) {
  const present = new Set(rows.map((row) => row.part));
  return legend(parts.flatMap((part, place) => {
    if (!present.has(part)) return [];
    const box = element("span", { class: "box", "aria-hidden": "true" });
    box.style.background = partColor(place);
    return [[box, part]];
  }));
}

const FONT = { fontSize: "12px", fontFamily: "inherit" };

/// What all drawings have in common.
function drawing(width, options) {
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
  });
}

/// Ticks of a logarithmic axis, as many as `room` pixels hold at `each` pixels a label.
function logTicks(values, room, each) {
  const [low, high] = d3.extent(values);
  const decades = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
  const ticks = [[1, 2, 5], [1, 3], [1]].map((steps) => decades
    .flatMap((decade) => steps.map((step) => Number((step * 10 ** decade).toPrecision(1))))
    .filter((tick) => tick >= low && tick <= high));
  return ticks.find((some) => some.length * each <= room) ?? ticks.at(-1);
}

/// Room for the longest name on the left, at most a share of the width.
function leftOf(names, width) {
  const longest = Math.max(0, ...names.map((text) => text.length));
  return Math.min(longest * 6.6 + 14, width * 0.45);
}

/// A name that is cut where there is no room for it.
function fitted(text, room) {
  const letters = Math.floor((room - 12) / 6.4);
  return text.length <= letters ? text : `${text.slice(0, Math.max(letters - 1, 1))}…`;
}
