//! The headline of a world: which strategy comes first, where, by how much, and how sure that is.

use std::cmp::Reverse;

use document::run::{Cell, Run, World, distinct, sides, turning};
use stats::{Verdict, at_the_end, compare};

use crate::numbers::rate_of;
use crate::ratios::{BASES, Ratios};
use crate::screen::matrix::share;
use crate::screen::panel::{Panel, WorkloadColumn};
use crate::table::body_name;
use crate::words::{listed, plural};

/// Names in a list before the rest is counted.
const NAMED: usize = 4;
/// Two rates of the model that are less than this apart are in no order.
const APART: f64 = 0.02;

/// Headline of a world, and the sentences that support it.
pub(super) struct WorldHeadline {
    pub title: String,
    pub proof: Vec<String>,
}

/// The strategies at the top of a workload.
struct Lead<'a> {
    column: &'a WorkloadColumn<'a>,
    first: String,
    /// Strategies that cannot be told apart from the first.
    level: Vec<String>,
    /// Number of all strategies.
    competing: usize,
}

/// Returns the headline of a world.
pub(super) fn headline(run: &Run, panel: &Panel<'_>, ratios: &Ratios) -> WorldHeadline {
    let at = place(panel);
    let leads = leads(run, panel);
    // A base is not ranked if all are compared with it.
    let firsts = leads.iter().map(|lead| lead.first.clone());
    let ranked = distinct(panel.ranked(ratios).into_iter().chain(firsts));
    let comes_first = |name: &String| leads.iter().filter(|lead| lead.has(name)).count();
    // The last of equals is taken, so the list is turned around.
    let Some(winner) = ranked.iter().rev().max_by_key(|name| comes_first(name)) else {
        return WorldHeadline { title: format!("No result: {at}"), proof: Vec::new() };
    };
    let won: Vec<&Lead<'_>> = leads.iter().filter(|lead| lead.has(winner)).collect();
    if leads.iter().all(|lead| lead.competing < 2) {
        return WorldHeadline { title: rates(panel, winner, &at), proof: Vec::new() };
    }
    if leads.iter().all(|lead| lead.level.len() + 1 == lead.competing) {
        let title = format!("No strategy is surely ahead of another: {at}");
        let kept = kept(panel.columns.iter(), winner, ratios);
        let kept = kept.map(|kept| format!("The fastest in the mean, {winner}: {kept}."));
        return WorldHeadline { title, proof: kept.into_iter().collect() };
    }
    let is_alone = won.iter().all(|lead| lead.level.is_empty());
    let comes = if is_alone { "is first" } else { "is first or level with the first" };
    let everywhere = won.len() == leads.len();
    let places = match (won.as_slice(), everywhere) {
        ([one], _) => one.column.table.key().workload.clone(),
        (_, true) => format!("all {} workloads", leads.len()),
        _ => format!("{} of {} workloads", won.len(), leads.len()),
    };
    let kept_by = |name: &str| kept(won.iter().map(|lead| lead.column), name, ratios);
    let kept = kept_by(winner).map_or(String::new(), |kept| format!(": {kept}"));
    let is_model = panel.first().key.world == World::Model;
    let mut proof = Vec::from_iter(sureness(&leads, is_model));
    proof.extend(level_with(&won, winner));
    proof.extend(elsewhere(&leads, winner));
    if kept.is_empty() {
        // The winner is the base: what the next one keeps of it.
        let next = ranked.iter().find_map(|name| Some((name, kept_by(name)?)));
        proof.extend(next.map(|(name, kept)| format!("Next {name}: {kept}.")));
    }
    proof.extend(of_this_kernel(run, panel, winner, ratios));
    WorldHeadline { title: format!("{winner} {comes} in {places}{kept} ({at})"), proof }
}

/// Returns threads, world and body of a panel.
fn place(panel: &Panel<'_>) -> String {
    let key = &panel.first().key;
    let counts = || panel.columns.iter().map(|column| column.threads);
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let threads = match least == most {
        true => plural(most as usize, "thread"),
        false => format!("{least} to {most} threads"),
    };
    let world = match key.world {
        World::Host => "of this host".to_owned(),
        World::Kernel => "of the running kernel".to_owned(),
        World::Model => format!("of the model {}", key.machine),
    };
    format!("{threads} {world}, {}", body_name(panel.columns[0].body))
}

/// Returns who leads each workload that has rates.
fn leads<'a>(run: &Run, panel: &'a Panel<'a>) -> Vec<Lead<'a>> {
    let fields = panel.columns.iter().map(|column| (column, competitors(column)));
    let fields: Vec<(&WorkloadColumn<'_>, Vec<&Cell>)> = fields.collect();
    // The first is compared with each other one.
    let pairs = fields.iter().map(|(_, cells)| cells.len().saturating_sub(1)).sum();
    let chance = at_the_end(pairs, run.provenance.looked);
    let lead = |(column, cells): (&'a WorkloadColumn<'a>, Vec<&Cell>)| {
        let (first, others) = cells.split_first()?;
        let event = &column.table.event;
        let is_behind = |other: &&&Cell| {
            let [new, old] = sides(&run.cells, first, other, event);
            let found = compare(&new, &old, chance);
            match found.and_then(|found| found.verdict) {
                Some(verdict) => {
                    verdict == Verdict::Faster && turning(first, other, event).is_none()
                }
                // The model is exact for its seed.
                None => {
                    let apart = found.is_some_and(|found| found.ratio.median > 1.0 + APART);
                    let is_model = first.key.world == World::Model;
                    is_model && apart && turning(first, other, event).is_none()
                }
            }
        };
        let level = others.iter().filter(|other| !is_behind(other));
        let level = level.map(|cell| cell.key.strategy_name()).collect();
        let first = first.key.strategy_name();
        Some(Lead { column, first, level, competing: cells.len() })
    };
    fields.into_iter().filter_map(lead).collect()
}

/// Returns the cells that compete in a workload, the fastest first: not the bound.
fn competitors<'a>(column: &WorkloadColumn<'a>) -> Vec<&'a Cell> {
    let event = &column.table.event;
    let median = |cell: &Cell| cell.rate(event).map_or(0.0, |rate| rate.median);
    let competes = |cell: &&Cell| {
        let is_judged = !cell.is_oversubscribed && cell.is_covered(event);
        cell.key.strategy_name() != BASES[0] && is_judged && median(cell) > 0.0
    };
    let mut cells: Vec<&Cell> = column.cells().filter(competes).collect();
    cells.sort_by(|a, b| median(b).total_cmp(&median(a)));
    cells
}

impl Lead<'_> {
    fn has(&self, name: &String) -> bool {
        self.first == *name || self.level.contains(name)
    }
}

/// Returns the ratios of a strategy: `0.96 to 1.03 of the rate without any lock`.
fn kept<'a>(
    columns: impl Iterator<Item = &'a WorkloadColumn<'a>>,
    strategy: &str,
    ratios: &Ratios,
) -> Option<String> {
    let found = columns.filter_map(|column| {
        let ratio = column.ratio(column.cell(strategy)?, ratios)?.ratio.median;
        Some((column.base?, ratio))
    });
    let found: Vec<(&str, f64)> = found.collect();
    // Ratios to two bases do not make one range.
    let base = BASES.into_iter().find(|base| found.iter().any(|(with, _)| with == base))?;
    let of_base = || found.iter().filter(|(with, _)| *with == base).map(|(_, ratio)| *ratio);
    let (least, most) = (of_base().fold(f64::INFINITY, f64::min), of_base().fold(0.0, f64::max));
    let range = match (share(least), share(most)) {
        (least, most) if least == most => least,
        (least, most) => format!("{least} to {most}"),
    };
    Some(match base {
        "unlocked" => format!("{range} of the rate without any lock"),
        base => format!("{range} times {base}"),
    })
}

/// Returns in how many workloads one strategy is ahead of all others; `None` for the only workload
/// if others are level there, which [`level_with`] says.
fn sureness(leads: &[Lead<'_>], is_model: bool) -> Option<String> {
    let alone = leads.iter().filter(|lead| lead.level.is_empty()).count();
    let places = match leads.len() {
        1 if alone == 0 => return None,
        1 => String::new(),
        all => format!(" in {alone} of {all} workloads"),
    };
    let ahead = match is_model {
        true => {
            format!("Exact for its seed: one strategy is more than {:.0} % ahead", APART * 100.0)
        }
        false => "One strategy is surely ahead".to_owned(),
    };
    Some(format!("{ahead} of all others{places}."))
}

/// Returns the strategies beside the winner that are first or level with it, with their workloads.
fn level_with(won: &[&Lead<'_>], winner: &String) -> Option<String> {
    let all = won.iter().flat_map(|lead| lead.level.iter().chain([&lead.first]));
    let mut names = distinct(all.filter(|name| *name != winner));
    let times = |name: &&String| won.iter().filter(|lead| lead.has(name)).count();
    names.sort_by_key(|name| Reverse(times(name)));
    let counted = |name: &&String| match won.len() {
        1 => (*name).clone(),
        _ => format!("{name} in {}", times(name)),
    };
    let names: Vec<String> = names.iter().map(counted).collect();
    (!names.is_empty()).then(|| format!("Also level with the first: {}.", some_of(&names)))
}

/// Returns who leads the workloads that the winner does not.
fn elsewhere(leads: &[Lead<'_>], winner: &String) -> Option<String> {
    let lost = || leads.iter().filter(|lead| !lead.has(winner));
    let places = |first: &String| {
        let own = lost().filter(|lead| lead.first == *first);
        let own: Vec<String> = own.map(|lead| lead.column.table.key().workload.clone()).collect();
        match own.as_slice() {
            [one] => format!("{first} in {one}"),
            several => format!("{first} in {}", several.len()),
        }
    };
    let names: Vec<String> =
        distinct(lost().map(|lead| &lead.first)).into_iter().map(places).collect();
    (!names.is_empty()).then(|| format!("Elsewhere first: {}.", some_of(&names)))
}

/// Returns what the strategy of the running kernel keeps.
fn of_this_kernel(run: &Run, panel: &Panel<'_>, winner: &str, ratios: &Ratios) -> Option<String> {
    let own = run.provenance.host.kernel_locks.as_ref()?.strategy.as_deref()?;
    let kept = kept(panel.columns.iter(), own, ratios).filter(|_| own != winner)?;
    Some(format!("This kernel's {own}: {kept}."))
}

/// Returns the rates of a strategy that has no other to compare with.
fn rates(panel: &Panel<'_>, strategy: &str, at: &str) -> String {
    let rates = panel.columns.iter().filter_map(|column| {
        let found = column.cell(strategy)?.rate(&column.table.event)?;
        let rate = rate_of(&column.table.event, found.median);
        Some(format!("{rate} in {}", column.table.key().workload))
    });
    let rates: Vec<String> = rates.collect();
    match rates.is_empty() {
        true => format!("No result: {at}"),
        false => format!("{strategy}: {} ({at})", some_of(&rates)),
    }
}

/// Returns the first names, and the number of the others.
fn some_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut shown = names[..names.len() - more].to_vec();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    listed(&shown)
}
