//! Variations of a machine within what is not known of it: each estimate, and each mechanism of
//! the model that a machine file does not decide.

use super::MachineFile;
use super::vary::switched;
use crate::sourced::AllowedValues;
use machine::model::Parameters;

/// Share by which an estimate is varied, up and down.
pub const ESTIMATE_ERROR: f64 = 0.3;

/// A machine with one number or one mechanism changed.
#[derive(Debug, Clone)]
pub struct Variation {
    /// The number, as `line.local-batch`, or the mechanism.
    pub number: String,
    /// The machine.
    pub parameters: Parameters,
}

impl MachineFile {
    /// Returns the machine with each estimate 30 % higher, or else as far as is allowed, and with
    /// each mechanism of the model the other way.
    pub fn raised(&self) -> Vec<Variation> {
        let mut raised: Vec<Variation> = Vec::new();
        for variation in self.variations() {
            match raised.last_mut().filter(|last| last.number == variation.number) {
                Some(last) => *last = variation,
                None => raised.push(variation),
            }
        }
        raised
    }

    /// Returns the machine with each estimate 30 % lower and higher (words: with each other word),
    /// and with each mechanism of the model on and off. Machines that equal this one are left out.
    pub fn variations(&self) -> Vec<Variation> {
        let mut all = Vec::new();
        let estimates = self.inputs.iter().filter(|number| number.estimate);
        for number in estimates.filter(|number| number.section != "shape") {
            for value in around(number.key.allowed, number.value) {
                let mut parameters = self.parameters;
                number.key.set(&mut parameters, value);
                let of = format!("{}.{}", number.section, number.key.name);
                all.push(Variation { number: of, parameters });
            }
        }
        let switched = switched(&self.parameters);
        all.extend(switched.map(|(number, parameters)| Variation { number, parameters }));
        all.retain(|variation| variation.parameters != self.parameters);
        all
    }
}

/// Returns the allowed values next to an estimate.
fn around(allowed: AllowedValues, value: f64) -> Vec<f64> {
    let bounds = [value * (1.0 - ESTIMATE_ERROR), value * (1.0 + ESTIMATE_ERROR)];
    match allowed {
        AllowedValues::Number(low, high) => bounds.map(|bound| bound.clamp(low, high)).into(),
        AllowedValues::Count(low, high) => {
            let [less, more] = bounds;
            let counts = [less.round().min(value - 1.0), more.round().max(value + 1.0)];
            counts.map(|count| count.clamp(low.into(), high.into())).into()
        }
        AllowedValues::Word(words) => (0..words.len()).map(|word| word as f64).collect(),
        AllowedValues::Switch => vec![0.0, 1.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_go_down_and_up_and_what_is_measured_stays() {
        let machine = MachineFile::find("xeon-icelake-2s").unwrap();
        let own = machine.parameters;
        let all = machine.variations();
        let upgrades: Vec<u64> = all.iter().map(|one| one.parameters.upgrade.0[1]).collect();
        let [low, high] = [0.7, 1.3].map(|share| (own.upgrade.0[1] as f64 * share) as u64);
        assert!(upgrades.contains(&low) && upgrades.contains(&high));
        let measured = |one: &Variation| one.parameters.write_modified == own.write_modified;
        assert!(all.iter().all(measured), "core-to-core latencies were measured");
        let estimates = machine.inputs.iter().filter(|number| number.estimate).count();
        assert!(all.len() > estimates && all.len() < 3 * estimates + 10);
        assert!(all.iter().any(|one| one.parameters.hoist_loads != own.hoist_loads));
        let raised = machine.raised();
        assert!(raised.len() < all.len() && raised.len() >= estimates);
        assert!(raised.iter().any(|one| one.parameters.upgrade.0[1] == high));
        assert!(raised.iter().all(|one| one.parameters.upgrade.0[1] != low));
    }

    #[test]
    fn values_stay_within_what_is_allowed_and_counts_move() {
        assert_eq!(around(AllowedValues::Count(1, 1000), 2.0), [1.0, 3.0]);
        assert_eq!(around(AllowedValues::Count(1, 1000), 1.0), [1.0, 2.0]);
        assert_eq!(around(AllowedValues::Number(1.0, 8.0), 1.2)[0], 1.0);
        assert_eq!(around(AllowedValues::Word(&["a", "b"]), 0.0), [0.0, 1.0]);
    }
}
