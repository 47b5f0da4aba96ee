"use strict";
// Colours, symbols and dashes of strategies, parts and worlds, and their legends.

const COLORS = 8;
const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];
const DASHES = ["none", "7 3", "2 3"];

/// A strategy keeps its colour, symbol and dash whatever the filter shows: they follow from
/// its place among those of the page. Eight colours and seven symbols make 56 pairs, so that
/// strategies differ even for readers who do not see the colours.
function look(strategy) {
  return {
    color: `var(--color-${strategy % COLORS})`,
    symbol: SYMBOLS[strategy % SYMBOLS.length],
    dash: DASHES[Math.floor(strategy / COLORS) % DASHES.length],
  };
}

/// Colour of a part of a whole; from the ninth on a darker (at night a lighter) one.
function partColor(place) {
  const color = `var(--color-${place % COLORS})`;
  return place < COLORS ? color : `color-mix(in srgb, ${color} 50%, currentColor)`;
}

/// A small picture of a strategy's line, for the place beside its name.
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

/// A list of names with their pictures.
function legend(entries) {
  const items = entries.map(([picture, text]) => element("li", {}, picture, text));
  return element("ul", { class: "legend" }, ...items);
}

function strategyLegend(rows) {
  return legend(strategiesOf(rows).map((strategy) => [swatch(strategy), nameOf(strategy)]));
}

/// A legend of the parts that the rows have; `parts` are all parts in order.
function partLegend(rows, parts) {
  const present = new Set(rows.map((row) => row.part));
  return legend(parts.flatMap((part, place) => {
    if (!present.has(part)) return [];
    const box = element("span", { class: "box", "aria-hidden": "true" });
    box.style.background = partColor(place);
    return [[box, part]];
  }));
}

function worldSymbol(world) {
  return SYMBOLS[world % SYMBOLS.length];
}

/// A symbol of a legend.
function symbolPicture(symbol) {
  const svg = d3.create("svg").attr("viewBox", "-7 -7 14 14").attr("width", 14).attr("height", 14)
    .attr("aria-hidden", "true").attr("class", "swatch");
  svg.append("path").attr("d", d3.symbol(d3[`symbol${capital(symbol)}`], 50)())
    .attr("fill", "currentColor");
  return svg.node();
}
