"use strict";
// Colours, symbols and dashes. A colour has one meaning: families of strategies, kinds of
// waiting, better and worse, and heat have their own, in `style.css`.

const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];
const DASHES = ["none", "7 3", "2 3", "9 3 2 3"];

/// Each strategy's place among those of its family.
const placeInFamily = page.strategies.map(({ family }, at) =>
  page.strategies.slice(0, at).filter((other) => other.family === family).length);

/// A family has its colour; symbol and dash tell its strategies apart, whatever the filter shows.
function look(strategy) {
  const place = placeInFamily[strategy];
  return {
    color: `var(--family-${page.strategies[strategy].family})`,
    symbol: SYMBOLS[place % SYMBOLS.length],
    dash: DASHES[place % DASHES.length],
  };
}

/// A strategy's name with a mark if it is the lock of the kernel that the program ran on.
function labelOf(strategy) {
  const { name, is_of_this_kernel: isOwn } = page.strategies[strategy];
  return isOwn ? `▸ ${name}` : name;
}

/// What has been in Linux is bold.
function weightOf(strategy) {
  return page.strategies[strategy].linux ? 700 : 400;
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

/// A symbol of a legend.
function symbolPicture(symbol) {
  const svg = d3.create("svg").attr("viewBox", "-7 -7 14 14").attr("width", 14).attr("height", 14)
    .attr("aria-hidden", "true").attr("class", "swatch");
  svg.append("path").attr("d", d3.symbol(d3[`symbol${capital(symbol)}`], 50)())
    .attr("fill", "currentColor");
  return svg.node();
}

/// A coloured box of a legend.
function boxPicture({ color, opacity }) {
  const box = element("span", { class: "box", "aria-hidden": "true" });
  box.style.background = color;
  box.style.opacity = opacity;
  return box;
}
