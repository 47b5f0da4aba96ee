"use strict";
// The page's data, and what everything shares: elements, numbers as text, names.

const page = JSON.parse(document.getElementById("data").textContent);

/// Each chart file adds its own. `rows(cells)` gives one record for each mark, `draw(rows, width,
/// all)` an SVG of one world on the scales of all worlds. `tell(row)` has the exact values of one,
/// `says(rows)` a sentence for those who do not see the drawing. `across` and `value` make the
/// table of strategies, `columns` the CSV. A chart without `draw` is a table of its columns.
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

function button(text, press, attributes = {}) {
  const node = element("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", press);
  return node;
}

/// Three digits and a prefix: 12.3 M.
function short(value) {
  if (value == null) return "-";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const [unit, prefix] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([from]) => size >= from) ??
    [1, ""];
  const digits = Number((value / unit).toPrecision(3));
  return prefix ? `${digits} ${prefix}` : String(digits);
}

function nanoseconds(value) {
  if (value == null) return "-";
  const [unit, name] = [[1e9, "s"], [1e6, "ms"], [1e3, "us"]].find(([from]) => value >= from) ??
    [1, "ns"];
  return `${Number((value / unit).toPrecision(3))} ${name}`;
}

/// All digits that mean something, for tips.
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

function nameOf(strategy) {
  return page.strategies[strategy].name;
}
