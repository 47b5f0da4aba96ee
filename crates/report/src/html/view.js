"use strict";
// The selection: the filters, and the cells that pass them.

/// The lock alone comes first: with the body all strategies look alike.
function startView() {
  return {
    workload: 0,
    body: page.bodies[0]?.[0],
    variation: 0,
    event: null,
    threads: null,
    worlds: new Set(page.worlds.keys()),
    strategies: new Set(page.strategies.keys()),
  };
}

const view = startView();

const eventsOfAll = page.cells.flatMap((cell) => Object.keys(cell.events ?? {}));
const eventNames = [...new Set(eventsOfAll)].sort();
const tableOf = (cell) => `${cell.workload} ${cell.body} ${cell.variation}`;
const cellsOf = d3.group(page.cells, tableOf);
const fitsOf = d3.group(page.fits, tableOf);

const shown = (part) => view.worlds.has(part.world) && view.strategies.has(part.strategy);

/// The name of the event whose numbers are shown: the one that a cell is judged by, or the chosen.
const eventName = (cell) => view.event ?? cell.counted;
const eventOf = (cell) => cell.events?.[eventName(cell)];

/// The cells that pass all filters but that of threads, with or without a result.
function selected() {
  return (cellsOf.get(tableOf(view)) ?? []).filter(shown);
}

function selectedFits() {
  return (fitsOf.get(tableOf(view)) ?? []).filter(shown);
}

/// The cells of one world with a result at the chosen threads, or at the next fewer that the
/// world has.
function atThreads(cells) {
  const done = cells.filter((cell) => cell.repeats);
  const counts = [...new Set(done.map((cell) => cell.threads))].sort((a, b) => a - b);
  const below = counts.filter((count) => view.threads === null || count <= view.threads);
  const threads = below.at(-1) ?? counts[0];
  return done.filter((cell) => cell.threads === threads);
}

/// Places of strategies in the one order of all charts: the fastest first, in the mean of worlds.
let ranks = new Map();

function rankStrategies(cells) {
  const logs = d3.groups(cells, (cell) => cell.world).flatMap(([, own]) => {
    const rates = atThreads(own).filter((cell) => eventOf(cell)?.rate);
    const best = d3.max(rates, (cell) => eventOf(cell).rate.median);
    return rates.map((cell) => [cell.strategy, Math.log(eventOf(cell).rate.median / best)]);
  });
  const means = d3.rollups(logs, (own) => d3.mean(own, ([, log]) => log), ([place]) => place);
  ranks = new Map(d3.sort(means, ([, mean]) => -mean).map(([strategy], at) => [strategy, at]));
}

function strategiesOf(rows) {
  const place = (strategy) => ranks.get(strategy) ?? page.strategies.length + strategy;
  return d3.sort(new Set(rows.map((row) => row.strategy)), place);
}

/// Not every workload has each body and variation: takes those that it has.
function settle() {
  if (cellsOf.has(tableOf(view))) return;
  const own = page.cells.filter((cell) => cell.workload === view.workload);
  const near = own.find((cell) => cell.body === view.body) ?? own[0];
  if (near) Object.assign(view, { body: near.body, variation: near.variation });
}

function change(key, value) {
  view[key] = value;
  settle();
  update();
}
