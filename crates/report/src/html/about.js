"use strict";
// The texts around the charts: the workload's own words, what is missing, machine and parameters.

function aboutWorkload(workload) {
  document.getElementById("workload").replaceChildren(
    element("h2", { id: "workload-title" }, workload.name),
    element("p", {}, workload.summary),
    workload.analysis.length === 0 ? "" : element("details", {},
      element("summary", {}, "What it shows"),
      ...workload.analysis.map((text) => element("p", { class: "analysis" }, text))),
    parameters("Every parameter of the workload", workload.resolved));
}

/// What is not there, folded: sections without numbers, and cells that are not complete with each
/// reason once.
function aboutMissing(cells) {
  const section = document.getElementById("missing");
  const empty = sections.filter((part) => part.groups.length === 0).map(({ chart }) => chart);
  const reasons = d3.groups(cells.filter((cell) => cell.note), (cell) => cell.note);
  const folded = (id, text, items) => items.length === 0 ? null : element("details", { id },
    element("summary", {}, text),
    element("ul", {}, ...items.map((item) => element("li", {}, item))));
  const titles = empty.map((chart) => chart.title).join("; ");
  const count = d3.sum(reasons, ([, own]) => own.length);
  section.replaceChildren(element("h2", { id: "missing-title" }, "Not in this selection"),
    folded("empty", `Nothing to show: ${titles}`,
      empty.map((chart) => `${chart.title}: ${chart.missing}`)) ?? "",
    folded("incomplete", `${plural(count, "cell")} not complete`,
      reasons.map(([text, own]) => `${text} (${plural(own.length, "cell")})`)) ?? "");
  section.hidden = empty.length === 0 && reasons.length === 0;
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
