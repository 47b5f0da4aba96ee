"use strict";
// A chart as a file: its drawing as SVG, its numbers as CSV.

function save(name, type, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })),
    download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

/// Text as a field of CSV.
function field(value) {
  const text = value == null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/// A line for each record, with unrounded numbers.
function csvOf(chart, rows) {
  const columns = [
    ["world", (row) => page.worlds[row.cell.world].name],
    ["workload", (row) => page.workloads[row.cell.workload].name],
    ["varied", (row) => page.variations[row.cell.variation]],
    ["body", (row) => row.cell.body],
    ["strategy", (row) => nameOf(row.strategy)],
    ["threads", (row) => row.threads],
    ...chart.columns,
  ];
  const lines = [columns.map(([head]) => head),
    ...rows.map((row) => columns.map(([, value]) => value(row)))];
  return lines.map((line) => `${line.map(field).join(",")}\n`).join("");
}

/// A drawing that needs no style sheet: colours and fonts as they are now.
function svgOf(svg) {
  const copy = svg.cloneNode(true);
  const root = getComputedStyle(document.documentElement);
  copy.setAttribute("style", `color:${root.color};background:${root.backgroundColor};` +
    `font-family:${root.fontFamily};font-size:12px`);
  return new XMLSerializer().serializeToString(copy).replace(/var\((--[\w-]+)\)/g,
    (_, name) => root.getPropertyValue(name).trim());
}

function downloads(chart, caption, rows, svg) {
  const name = `${chart.id}-${caption}`.replace(/[^\w.-]+/g, "-");
  const one = (text, type, make) => button(text, () => save(`${name}.${text.toLowerCase()}`,
    type, make()), { "aria-label": `${chart.title}, ${caption}, as ${text}` });
  return element("span", { class: "downloads" },
    one("SVG", "image/svg+xml", () => svgOf(svg())),
    one("CSV", "text/csv", () => csvOf(chart, rows)));
}
