//! The texts around the charts: origins of the runs, and doubts about them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use document::run::{Cell, HostInfo, Key, Provenance, Run, Status, distinct};

use super::data::{RunPart, WarningPart};
use crate::about::{machine, program};
use crate::notes::warnings;
use crate::ratios::Ratios;
use crate::sentences::{noise_floor, reading};
use crate::words::plural;

/// Returns the origin of a run, and how to read it; `world` names the world of a cell.
pub(super) fn run_part(run: &Run, ratios: &Ratios, world: impl Fn(&Key) -> String) -> RunPart {
    let by = &run.provenance;
    let world = |cell: &Cell| {
        let prefetch = if cell.key.entry_prefetch { "on" } else { "off" };
        let (name, placement) = (world(&cell.key), &cell.key.placement);
        format!("{name}: {placement} placement, entry prefetch {prefetch}")
    };
    let worlds = distinct(run.strategies().map(world));
    RunPart {
        title: format!("Version {}, {}", program(by), machine(&by.host)),
        worlds: worlds.join("; "),
        digest: run.digest.clone(),
        provenance: exact(provenance(by)),
        noise: noise_floor(run),
        reading: reading(run, ratios),
        machines: run.machines.iter().map(|(at, it)| (at.clone(), exact(it.clone()))).collect(),
    }
}

/// Returns the provenance without warnings, and without entries for each cell or CPU.
fn provenance(of: &Provenance) -> Value {
    let host = HostInfo { topology: None, ..of.host.clone() };
    let short = Provenance { host, warnings: Vec::new(), cells: BTreeMap::new(), ..of.clone() };
    serde_json::to_value(short).expect("keys are strings")
}

/// Largest integer below which a script has all.
const INTEGER_MAX: u64 = 1 << 53;

/// Returns a value whose integers a script shows as they are: those too large for it, as seeds
/// can be, are text.
pub(super) fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|n| n > INTEGER_MAX) => {
            Value::String(number.to_string())
        }
        Value::Array(list) => list.into_iter().map(exact).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, exact(value))).collect(),
        other => other,
    }
}

/// Returns what spoils the numbers, the worst first; `differing`: workloads that differ under one
/// name.
pub(super) fn doubts(runs: &[Run], differing: BTreeSet<&str>) -> Vec<WarningPart> {
    let doubt = |code: &str, text: String| WarningPart { code: code.to_owned(), text };
    let cells = || runs.iter().flat_map(|run| &run.cells);
    let failed = cells().filter(|cell| cell.status == Status::Failed).count();
    let mut found = Vec::new();
    if failed > 0 {
        let text = "they have no numbers; see the end of the charts".to_owned();
        found.push(doubt(&format!("{} failed", plural(failed, "cell")), text));
    }
    for name in differing {
        let text = format!("'{name}' is not the same workload in all runs: they do not compare");
        found.push(doubt("runs differ", text));
    }
    for (number, run) in runs.iter().enumerate() {
        if !run.complete {
            let title =
                if runs.len() > 1 { format!("run {}: ", number + 1) } else { String::new() };
            let text = "it was cut short, or still goes on".to_owned();
            found.push(doubt(&format!("{title}partial run"), text));
        }
        let warnings = warnings(&run.provenance.warnings);
        found.extend(warnings.iter().map(|warning| doubt(warning.code, warning.sentence())));
    }
    if cells().next().is_none() {
        found.push(doubt("no cells", "there is nothing to show".to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn integers_that_a_script_would_round_are_text() {
        let value = json!({ "seed": u64::MAX, "list": [1u64 << 53, (1u64 << 53) + 1, -3, 0.5] });
        let text = "{\"list\":[9007199254740992,\"9007199254740993\",-3,0.5],\
                    \"seed\":\"18446744073709551615\"}";
        assert_eq!(exact(value).to_string(), text);
    }
}
