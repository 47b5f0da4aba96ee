"use strict";
// The texts around the charts: warnings, the workload's own words, machine and parameters.

/// Warnings that are shown at once.
const WARNINGS_MAX = 8;

function warningItem({ code, text }) {
  return element("li", {}, element("strong", {}, code), `: ${text}`);
}

/// Title, origin of the runs, and what spoils the numbers.
function buildTop() {
  const top = document.getElementById("top");
  top.append(...page.runs.map((run) => element("p", {}, run.title)));
  const items = page.doubts.map(warningItem);
  const box = document.getElementById("warnings");
  if (items.length === 0) {
    box.append(element("p", {}, "No warnings."));
    return;
  }
  box.classList.add("doubt");
  box.append(element("h2", {}, plural(items.length, "warning")),
    element("ul", {}, ...items.slice(0, WARNINGS_MAX)));
  if (items.length > WARNINGS_MAX) {
    box.append(element("details", {}, element("summary", {}, `${items.length - WARNINGS_MAX} more`),
      element("ul", {}, ...items.slice(WARNINGS_MAX))));
  }
}

function aboutWorkload(workload) {
  document.getElementById("workload").replaceChildren(
    element("h2", { id: "workload-title" }, workload.name),
    element("p", {}, workload.summary),
    ...workload.analysis.map((text) => element("p", { class: "analysis" }, text)),
    parameters("Every parameter of the workload", workload.resolved));
}

/// Cells without numbers, each reason once.
function aboutMissing(cells) {
  const section = document.getElementById("missing");
  const groups = d3.groups(cells.filter((cell) => cell.note), (cell) => cell.note);
  section.hidden = groups.length === 0;
  const items = groups.map(([text, own]) =>
    element("li", {}, `${text} (${plural(own.length, "cell")})`));
  section.replaceChildren(element("h2", { id: "missing-title" }, "Cells that are not complete"),
    element("ul", {}, ...items));
}

function parameters(title, value) {
  return element("details", {}, element("summary", {}, title),
    element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2)));
}

/// Keys with their values, without empty values.
function facts(title, object) {
  const empty = (value) => value == null || value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0);
  const rows = Object.entries(object).filter(([, value]) => !empty(value));
  const text = (value) => Array.isArray(value) ? value.join(" ") :
    typeof value === "object" ? JSON.stringify(value) : String(value);
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": title },
    element("table", { class: "facts" }, element("caption", {}, title),
      element("tbody", {}, ...rows.map(([key, value]) => element("tr", {},
        element("th", { scope: "row" }, key), element("td", {}, text(value)))))));
}

function buildAbout() {
  const about = document.getElementById("about");
  about.append(element("h2", { id: "about-title" }, "How this was measured"));
  page.runs.forEach((run, number) => {
    const { host, ...rest } = run.provenance;
    const title = page.runs.length > 1 ? `Run ${number + 1}: ` : "";
    about.append(
      element("p", {}, element("strong", {}, `${title}noise floor. `), run.noise),
      element("p", {}, element("strong", {}, `${title}how to read. `), run.reading),
      facts(`${title}how it came about`,
        { ...rest, digest_of_model_cells: run.digest, worlds: run.worlds }),
      facts(`${title}machine that ran the program`, host),
      ...Object.values(run.machines).map((machine) => parameters(
        `Every number of the model ${machine.name}: ${machine.summary ?? ""}`, machine)));
  });
}
