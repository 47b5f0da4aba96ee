//! Error cards: how far the model of a machine was from published figures, as recorded by
//! `faultstorm validate --published --cards`.

use super::targets::{Compared, Figure};
use inputs::machines::MachineFile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stats::median;
use std::sync::LazyLock;

/// The file of recorded figures, from the root of the repository.
pub const RECORD: &str = "validation/recorded.json";

/// Figures that were recorded, and what they depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedTargets {
    /// Digest of the text of the file of targets.
    pub targets_digest: String,
    /// Digest of the machine's numbers.
    pub machine_digest: String,
    /// The figures.
    pub compared: Compared,
}

static RECORDED: LazyLock<Vec<RecordedTargets>> = LazyLock::new(|| {
    let text = include_str!("../../../validation/recorded.json");
    serde_json::from_str(text).expect("the record is written by this program")
});

/// Returns what was recorded of all shipped files of targets.
pub fn recorded() -> &'static [RecordedTargets] {
    &RECORDED
}

/// Returns the text of a record.
pub fn record(all: &[RecordedTargets]) -> String {
    let text = serde_json::to_string_pretty(all).expect("figures and names can be written");
    text + "\n"
}

/// How far the model of a machine was from published figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Card {
    /// Files of targets whose figures count.
    pub files: Vec<String>,
    /// Files with figures by which numbers of the machine were chosen; they do not count.
    pub calibrated: Vec<String>,
    /// Figures.
    pub points: usize,
    /// Median of the errors, as a share of the published figure, without sign.
    pub median: Option<f64>,
    /// The largest error.
    pub worst: Option<f64>,
    /// Pairs of curves that differ at a number of threads.
    pub orders: usize,
    /// Those that the model has in the same order.
    pub right: usize,
}

impl Card {
    /// Returns the card of a machine with these numbers. A machine with a number changed was never
    /// compared.
    pub fn of(machine: &MachineFile) -> Self {
        let digest = machine.digest();
        let of_machine = |recorded: &&RecordedTargets| {
            recorded.compared.machine == machine.name && recorded.machine_digest == digest
        };
        Self::made_of(recorded().iter().filter(of_machine).map(|recorded| &recorded.compared))
    }

    /// Returns the card of these comparisons.
    pub fn made_of<'a>(all: impl Iterator<Item = &'a Compared> + Clone) -> Self {
        let names = |calibrated: bool| {
            let kept = all.clone().filter(move |compared| compared.calibrated == calibrated);
            kept.map(|compared| compared.name.clone()).collect()
        };
        let counted = all.clone().filter(|compared| !compared.calibrated);
        let figures: Vec<&Figure> = counted
            .flat_map(|compared| &compared.figures)
            .filter(|figure| !figure.fitted)
            .collect();
        let errors: Vec<f64> = figures.iter().filter_map(|figure| figure.error()).collect();
        let errors: Vec<f64> = errors.into_iter().map(f64::abs).collect();
        let orders = || figures.iter().flat_map(|figure| &figure.orders);
        Self {
            files: names(false),
            calibrated: names(true),
            points: figures.len(),
            median: median(&errors),
            worst: errors.iter().copied().reduce(f64::max),
            orders: orders().count(),
            right: orders().filter(|order| order.holds).count(),
        }
    }

    /// Returns the card in a line.
    pub fn line(&self) -> String {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        match (self.median, self.worst) {
            (Some(median), Some(worst)) => {
                let order = match self.orders {
                    0 => String::new(),
                    all => format!("; order right {} of {all}", self.right),
                };
                let (points, median, worst) = (self.points, percent(median), percent(worst));
                let s = if points == 1 { "" } else { "s" };
                let errors = format!("off by {median} (median), {worst} (worst)");
                format!("{points} published point{s}: {errors}{order}")
            }
            _ if self.calibrated.is_empty() => "never compared with published figures".to_owned(),
            _ => "compared only with figures by which its numbers were chosen".to_owned(),
        }
    }

    /// Returns the card for documents.
    pub fn as_json(&self) -> Value {
        json!({
            "line": self.line(),
            "files": self.files,
            "calibrated_with": self.calibrated,
            "points": self.points,
            "median_error": self.median,
            "worst_error": self.worst,
            "orders": self.orders,
            "orders_right": self.right,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::{compare_targets, find_targets};
    use catalogue::Known;
    use inputs::machines;
    use inputs::targets::shipped;

    const STALE: &str = "stale: run `faultstorm validate --published --cards` at the root";

    #[test]
    fn all_targets_of_all_machines_are_recorded() {
        let names: Vec<&str> =
            recorded().iter().map(|recorded| recorded.compared.name.as_str()).collect();
        let files: Vec<&str> = shipped().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, files, "{STALE}");
        for recorded in recorded() {
            let file = find_targets(&recorded.compared.name, Known::SHIPPED).unwrap();
            assert_eq!(recorded.targets_digest, file.digest, "{STALE}: {}", file.name);
            let digest = file.own_machine.digest();
            assert_eq!(recorded.machine_digest, digest, "{STALE}: {}", file.own_machine.name);
        }
    }

    /// Of each file the fewest threads of each curve, but one: what is recorded is what the model
    /// says now.
    #[test]
    fn the_model_is_the_one_that_was_recorded() {
        for RecordedTargets { compared, .. } in recorded() {
            let mut file = find_targets(&compared.name, Known::SHIPPED).unwrap();
            let is_fitted = file.fit.is_some();
            for curve in &mut file.curves {
                let few = curve.points.iter().map(|point| point.threads).filter(|n| *n > 1).min();
                let keeps = |n| Some(n) == few || is_fitted && n == 1;
                curve.points.retain(|point| keeps(point.threads) && point.threads < 32);
            }
            for now in compare_targets(&file, Known::SHIPPED, &|| {}).figures {
                let before = compared.figures.iter();
                let before = before.filter(|figure| figure.curve == now.curve);
                let mut before = before.filter(|figure| figure.measure == now.measure);
                let before = before.find(|figure| figure.threads == now.threads).expect(STALE);
                assert_eq!(before.model, now.model, "{STALE}: {} {now:?}", compared.name);
            }
        }
    }

    #[test]
    fn a_machine_with_a_number_changed_was_never_compared() {
        let machine = MachineFile::find("xeon-icelake-2s").unwrap();
        let card = Card::of(&machine);
        assert!(card.points >= 36 && card.orders > 0 && card.line().contains("(median)"));
        let text = machine.to_toml().replacen("load-ns = { is = 1.4", "load-ns = { is = 1.5", 1);
        let changed = MachineFile::parse("xeon-icelake-2s", "x", &text).unwrap();
        assert_eq!(Card::of(&changed).line(), "never compared with published figures");
    }

    #[test]
    fn every_machine_has_a_card() {
        let lines = machines::shipped()
            .iter()
            .map(|(name, _)| Card::of(&MachineFile::find(name).unwrap()).line());
        let lines: Vec<String> = lines.collect();
        for said in ["never compared", "compared only with", "(median)"] {
            assert!(lines.iter().any(|line| line.contains(said)), "{said}: {lines:#?}");
        }
        assert!(lines.iter().all(|line| line.len() <= 78), "{lines:#?}");
    }
}
