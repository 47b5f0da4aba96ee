//! Numbers of a machine that `--vary` varies.

use crate::sourced::{AllowedValues, FileKey, Set, Varied, keys};
use machine::model::Parameters;
use std::collections::BTreeMap;
use std::str::FromStr;

/// A name that `--vary` takes: a number of machine files, the distances of a section, or a
/// switch of the model.
pub struct Knob {
    /// The key of the number in machine files, or its section.
    pub name: &'static str,
    /// A short name that `--vary` takes too.
    pub short: &'static str,
    kind: KnobKind,
}

enum KnobKind {
    /// Numbers of machine files that are varied together.
    Keys { section: &'static str, keys: Vec<&'static FileKey<Parameters>> },
    /// A mechanism of the model.
    Switch(&'static Switch),
}

/// A mechanism of the model that is on or off. Machine files do not have it.
struct Switch {
    name: &'static str,
    short: &'static str,
    about: &'static str,
    set: fn(&mut Parameters, bool),
}

/// Factors of a time.
const FACTOR: AllowedValues = AllowedValues::Number(0.0, 1000.0);

static SWITCHES: [Switch; 2] = [
    Switch {
        name: "hoist-loads",
        short: "hoist",
        about: "independent loads are done along with the lock; 0 unless given",
        set: |p, on| p.hoist_loads = on,
    },
    Switch {
        name: "merge-own-requests",
        short: "merge",
        about: "an access joins the core's own prefetch of its line; 1 unless given",
        set: |p, on| p.merge_own_requests = on,
    },
];

/// Returns all names that `--vary` takes for a machine.
pub fn knobs() -> Vec<Knob> {
    let mut knobs: Vec<Knob> = Vec::new();
    for (section, key) in keys::<Parameters>() {
        let (name, short) = match key.varied {
            Some(Varied::ByKey(short)) => (key.name, short),
            Some(Varied::BySection(short)) => (section, short),
            None => continue,
        };
        match knobs.last_mut() {
            Some(Knob { name: last, kind: KnobKind::Keys { keys, .. }, .. }) if *last == name => {
                keys.push(key);
            }
            _ => {
                knobs.push(Knob { name, short, kind: KnobKind::Keys { section, keys: vec![key] } });
            }
        }
    }
    knobs.extend(SWITCHES.iter().map(|switch| Knob {
        name: switch.name,
        short: switch.short,
        kind: KnobKind::Switch(switch),
    }));
    knobs
}

/// Returns the machine with each mechanism of the model off and on, and the mechanism's name.
pub(super) fn switched(own: &Parameters) -> impl Iterator<Item = (String, Parameters)> {
    let own = *own;
    let both = SWITCHES.iter().flat_map(|switch| [(switch, false), (switch, true)]);
    both.map(move |(switch, on)| {
        let mut parameters = own;
        (switch.set)(&mut parameters, on);
        (switch.name.to_owned(), parameters)
    })
}

impl Knob {
    fn is_named(&self, name: &str) -> bool {
        self.name == name || self.short == name
    }

    /// The values that `--vary` takes for it.
    fn allowed(&self) -> AllowedValues {
        match &self.kind {
            KnobKind::Keys { keys, .. } => match keys[0].set {
                Set::Ns(_) => FACTOR,
                Set::By(_) => keys[0].allowed,
            },
            KnobKind::Switch(_) => AllowedValues::Count(0, 1),
        }
    }

    /// Returns its row of a table: names, values, and what it is.
    pub fn row(&self) -> String {
        let (values, about) = match &self.kind {
            KnobKind::Keys { section, keys } => {
                let values = match keys[0].set {
                    Set::Ns(_) => "factors",
                    Set::By(_) => "the number",
                };
                (values, format!("`[{section}]`: {}", keys[0].about))
            }
            KnobKind::Switch(switch) => ("0 or 1", switch.about.to_owned()),
        };
        format!("| `{}` | `{}` | {values} | {about} |\n", self.name, self.short)
    }

    fn apply(&self, parameters: &mut Parameters, value: f64) {
        match &self.kind {
            KnobKind::Keys { keys, .. } => {
                for key in keys {
                    match key.set {
                        Set::Ns(field) => {
                            let ps = field(parameters);
                            *ps = (*ps as f64 * value).round() as u64;
                        }
                        Set::By(set) => set(parameters, value),
                    }
                }
            }
            KnobKind::Switch(switch) => (switch.set)(parameters, value != 0.0),
        }
    }
}

/// A knob and its values: `upgrade-ns=0.7,1,1.3`.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineVary {
    /// The name on the command line, which documents use too.
    pub name: &'static str,
    /// Its values.
    pub values: Vec<f64>,
}

impl FromStr for MachineVary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, list) =
            text.split_once('=').ok_or("write NAME=VALUES, as upgrade-ns=0.7,1,1.3")?;
        let knobs = knobs();
        let knob = knobs.iter().find(|knob| knob.is_named(name)).ok_or_else(|| {
            let all: Vec<&str> = knobs.iter().map(|knob| knob.name).collect();
            format!("'{name}' cannot be varied: {} can", all.join(", "))
        })?;
        let value = |text: &str| {
            let value = text.trim().parse::<f64>().ok();
            value
                .filter(|value| knob.allowed().contains(*value))
                .ok_or_else(|| format!("'{text}' is not {}", knob.allowed()))
        };
        let values = list.split(',').map(value).collect::<Result<Vec<f64>, String>>()?;
        Ok(Self { name: if name == knob.name { knob.name } else { knob.short }, values })
    }
}

/// Returns the key of machine files that a name of `--vary` stands for; `None` if it is no such
/// name.
pub fn key_of(name: &str) -> Option<&'static str> {
    knobs().iter().find(|knob| knob.is_named(name)).map(|knob| knob.name)
}

/// Values by knob.
pub type Settings = BTreeMap<String, f64>;

/// Returns all combinations of values; a single empty one if nothing is varied.
pub fn combinations(varied: &[MachineVary]) -> Vec<Settings> {
    let mut all = vec![Settings::new()];
    for MachineVary { name, values } in varied {
        let with = |so_far: &Settings| {
            let so_far = so_far.clone();
            values
                .iter()
                .map(move |value| {
                    let mut one = so_far.clone();
                    one.insert((*name).to_owned(), *value);
                    one
                })
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// Returns the machine's parameters with `settings` applied.
pub fn varied(parameters: &Parameters, settings: &Settings) -> Parameters {
    let mut parameters = *parameters;
    for knob in knobs() {
        for (_, value) in settings.iter().filter(|(name, _)| knob.is_named(name)) {
            knob.apply(&mut parameters, *value);
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::MachineFile;

    #[test]
    fn knobs_are_combined_and_set() {
        let varied_by = ["upg=0.5,2".parse().unwrap(), "share=0.1,0.2,0.3".parse().unwrap()];
        let all = combinations(&varied_by);
        assert_eq!(all.len(), 6);
        let machine = MachineFile::find("xeon-icelake-2s").unwrap().parameters;
        let last = varied(&machine, &all[5]);
        assert_eq!(
            (last.upgrade.0[2], last.request_share_permille),
            (machine.upgrade.0[2] * 2, 300)
        );
        assert_eq!(varied(&machine, &combinations(&[])[0]), machine);
        let shootdown = combinations(&["ipi1=2".parse().unwrap(), "ipi=0".parse().unwrap()]);
        let shootdown = varied(&machine, &shootdown[0]).shootdown;
        assert_eq!((shootdown.round_trip_ps, shootdown.each_ps), (0, 400_000));
    }

    #[test]
    fn a_knob_has_the_key_of_machine_files_and_a_short_name() {
        let machine = MachineFile::find("xeon-icelake-2s").unwrap().parameters;
        for knob in knobs() {
            let by = |name: &str| varied(&machine, &[(name.to_owned(), 1.0)].into());
            assert_eq!(by(knob.name), by(knob.short), "{}", knob.name);
            let named = |name: &str| format!("{name}=1").parse::<MachineVary>().unwrap().name;
            assert_eq!((named(knob.name), named(knob.short)), (knob.name, knob.short));
            assert_eq!([knob.name, knob.short].map(key_of), [Some(knob.name); 2]);
        }
        let double = varied(&machine, &[("memory-ns".to_owned(), 2.0)].into());
        assert_eq!(double.memory, machine.memory.map(|ps| ps * 2));
        assert_eq!(double.last_level_ps, machine.last_level_ps, "no distance");
    }

    #[test]
    fn mistakes_say_what_can_be_varied() {
        let wrong = |text: &str| text.parse::<MachineVary>().unwrap_err();
        assert!(wrong("upq=1").contains("upgrade-ns"));
        assert!(wrong("upg").contains("upgrade-ns=0.7,1,1.3"));
        assert!(wrong("share=2").contains("a number from 0.05 to 1"));
        assert!(wrong("smt=0.5").contains("a number from 1 to 8"));
        assert!(wrong("hoist=2").contains("'2'"));
        assert!(wrong("upg=-1").contains("'-1'"));
    }
}
