//! Settings other than the axis that differ between the sides.

use std::collections::BTreeSet;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Serialize;

use super::axis::{Axis, revision};
use super::document::Document;
use super::side::{Part, Sides};

/// A setting other than the axis that differs between the sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Difference {
    /// Its name, as `seed` or `host`.
    pub what: String,
    /// Its values in the base.
    pub base: Vec<String>,
    /// Its values in the other sides.
    pub new: Vec<String>,
}

/// Returns the values that a document has of one setting.
type ReadSetting = fn(&Document) -> BTreeSet<String>;

/// All settings, each with the axis on which it differs anyway.
const LOOKED_AT: [(&str, Option<Axis>, ReadSetting); 15] = [
    ("strategy", Some(Axis::Strategy), |d| of_cells(d, |key| key.strategy_name())),
    ("world", Some(Axis::World), |d| of_cells(d, |key| key.world.to_string())),
    ("machine", Some(Axis::Machine), |d| of_cells(d, |key| key.machine.clone())),
    ("kernel", Some(Axis::Kernel), |d| {
        of_cells(d, |key| key.one_kernel().unwrap_or("each strategy's own").to_owned())
    }),
    ("machine's numbers", Some(Axis::Machine), |d| {
        of_cells(d, |key| key.machine_digest.clone().unwrap_or_else(|| "none".to_owned()))
    }),
    ("threads", Some(Axis::Threads), |d| of_cells(d, |key| key.threads.to_string())),
    ("body", None, |d| of_cells(d, |key| key.body.to_string())),
    ("placement", None, |d| of_cells(d, |key| key.placement.clone())),
    ("entry prefetch", None, |d| {
        of_cells(d, |key| if key.entry_prefetch { "on" } else { "off" }.to_owned())
    }),
    ("seed", None, |d| of_cells(d, |key| key.seed.to_string())),
    ("revision", Some(Axis::Revision), |d| [revision(&d.run)].into()),
    ("version", Some(Axis::Revision), |d| [d.run.provenance.version.clone()].into()),
    ("profile", None, |d| [d.run.provenance.profile.clone()].into()),
    ("compiler", None, |d| d.run.provenance.rustc.iter().cloned().collect()),
    ("host", None, |d| {
        let host = &d.run.provenance.host;
        let facts = [&host.cpu_model, &host.microcode, &host.kernel, &host.governor];
        let values: Vec<&str> = facts.into_iter().flatten().map(String::as_str).collect();
        [values.join(", ")].into()
    }),
];

fn of_cells(document: &Document, read: fn(&crate::run::Key) -> String) -> BTreeSet<String> {
    document.run.strategies().map(|cell| read(&cell.key)).collect()
}

/// Returns the settings that differ. Within one run none does.
pub(super) fn all(by: Axis, sides: &Sides<'_>) -> Vec<Difference> {
    let goes_with = |axis: &Axis| *axis == by || by == Axis::World && *axis == Axis::Machine;
    let values = |part: &Part<'_>, read: ReadSetting| -> BTreeSet<String> {
        part.launches.iter().flat_map(|launch| read(launch)).collect()
    };
    let mut found = Vec::new();
    for (what, axis, read) in LOOKED_AT {
        if axis.as_ref().is_some_and(goes_with) {
            continue;
        }
        let base = values(&sides.base, read);
        let new: BTreeSet<String> = sides.new.iter().flat_map(|part| values(part, read)).collect();
        if base != new {
            let list = |values: BTreeSet<String>| {
                let mut list: Vec<String> = values.into_iter().collect();
                // Shorter words first, so that numbers are in their order.
                list.sort_by_key(|word| (word.len(), word.clone()));
                list
            };
            found.push(Difference { what: what.to_owned(), base: list(base), new: list(new) });
        }
    }
    found
}
