"use strict";
// The page's data, and what everything shares: elements, numbers as text, names.

const page = JSON.parse(document.getElementById("data").textContent);

/// Each chart file adds its own. `rows(cells)` gives one record for each mark, `draw(rows,
/// width)` an SVG, `tell(row)` the exact values of one, `columns` the table of them all,
/// `says(rows)` a sentence for those who do not see the drawing. One without `draw` is a table.
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

/// A check box or radio button with its label; `pick` hears when it is turned on or off.
function control(attributes, checked, pick, ...label) {
  const input = element("input", attributes);
  input.checked = checked;
  input.addEventListener("change", () => pick(input.checked));
  return element("label", { class: "check" }, input, ...label);
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

function strategiesOf(rows) {
  return [...new Set(rows.map((row) => row.strategy))].sort((a, b) => a - b);
}

function nameOf(strategy) {
  return page.strategies[strategy];
}
