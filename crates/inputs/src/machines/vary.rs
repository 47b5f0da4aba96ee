//! A machine's weak numbers, varied.

use super::keys::Range;
use machine::model::{Latencies, Parameters, Ps};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What can be varied.
pub struct Knob {
    /// As `--vary` and documents name it.
    pub name: &'static str,
    /// What it is, and whether it is a factor.
    pub about: &'static str,
    range: Range,
    set: fn(&mut Parameters, f64),
}

/// What a latency may be multiplied with.
const FACTOR: Range = Range::Number(0.0, 1000.0);
/// What a count may be.
const COUNT: Range = Range::Count(1, 1000);

fn scale(ps: &mut Ps, factor: f64) {
    *ps = (*ps as f64 * factor).round() as Ps;
}

fn scale_row(row: &mut Latencies, factor: f64) {
    row.0.iter_mut().for_each(|ps| scale(ps, factor));
}

/// All that can be varied.
pub static KNOBS: [Knob; 17] = [
    Knob {
        name: "wrM",
        about: "write-modified-ns, times",
        range: FACTOR,
        set: |p, f| scale_row(&mut p.write_modified, f),
    },
    Knob {
        name: "rdM",
        about: "read-modified-ns, times",
        range: FACTOR,
        set: |p, f| scale_row(&mut p.read_modified, f),
    },
    Knob {
        name: "rdS",
        about: "read-shared-ns, times",
        range: FACTOR,
        set: |p, f| scale_row(&mut p.read_shared, f),
    },
    Knob {
        name: "upg",
        about: "upgrade-ns, times",
        range: FACTOR,
        set: |p, f| scale_row(&mut p.upgrade, f),
    },
    Knob {
        name: "mem",
        about: "memory-ns, times",
        range: FACTOR,
        set: |p, f| p.memory.iter_mut().for_each(|ps| scale(ps, f)),
    },
    Knob {
        name: "o_read",
        about: "read-occupancy-ns, times",
        range: FACTOR,
        set: |p, f| scale(&mut p.read_occupancy_ps, f),
    },
    Knob {
        name: "inv1",
        about: "invalidate-each-ns, times",
        range: FACTOR,
        set: |p, f| scale(&mut p.invalidate_each_ps, f),
    },
    Knob {
        name: "ipi",
        about: "round-trip-ns of a shootdown, times",
        range: FACTOR,
        set: |p, f| scale(&mut p.shootdown.round_trip_ps, f),
    },
    Knob {
        name: "ipi1",
        about: "each-ns of a shootdown, times",
        range: FACTOR,
        set: |p, f| scale(&mut p.shootdown.each_ps, f),
    },
    Knob {
        name: "ipi_lost",
        about: "interrupted-ns of a shootdown, times",
        range: FACTOR,
        set: |p, f| scale(&mut p.shootdown.interrupted_ps, f),
    },
    Knob {
        name: "trap",
        about: "trap-ns, times",
        range: FACTOR,
        set: |p, f| scale(&mut p.work.trap_ps, f),
    },
    Knob {
        name: "smt",
        about: "smt-slowdown itself",
        range: Range::Number(1.0, 8.0),
        set: |p, n| p.smt_slowdown_permille = (n * 1000.0).round() as u64,
    },
    Knob {
        name: "reuse_k",
        about: "reuse-k itself",
        range: COUNT,
        set: |p, n| p.reuse_k = n as u16,
    },
    Knob {
        name: "local_batch",
        about: "local-batch itself",
        range: COUNT,
        set: |p, n| p.local_batch = n as u16,
    },
    Knob {
        name: "hoist",
        about: "0 or 1: independent loads are done along with the lock",
        range: Range::Count(0, 1),
        set: |p, n| p.hoist_loads = n != 0.0,
    },
    Knob {
        name: "merge",
        about: "0 or 1: an access joins the core's own prefetch of its line",
        range: Range::Count(0, 1),
        set: |p, n| p.merge_own_requests = n != 0.0,
    },
    Knob {
        name: "pairs",
        about: "0 or 1: a line is fetched along with the other one of its 128 bytes",
        range: Range::Count(0, 1),
        set: |p, n| p.adjacent_pairs = n != 0.0,
    },
];

/// A knob and its values: `upg=0.7,1,1.3`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// Which knob.
    pub name: &'static str,
    /// Its values.
    pub values: Vec<f64>,
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, list) = text.split_once('=').ok_or("write NAME=VALUES, as upg=0.7,1,1.3")?;
        let knob = KNOBS.iter().find(|knob| knob.name == name).ok_or_else(|| {
            let all: Vec<&str> = KNOBS.iter().map(|knob| knob.name).collect();
            format!("'{name}' cannot be varied: {} can", all.join(", "))
        })?;
        let value = |text: &str| {
            let value = text.trim().parse::<f64>().ok();
            value
                .filter(|value| knob.range.contains(*value))
                .ok_or_else(|| format!("'{text}' is not {}", knob.range))
        };
        let values = list.split(',').map(value).collect::<Result<Vec<f64>, String>>()?;
        Ok(Self { name: knob.name, values })
    }
}

/// Values by the name of what is varied.
pub type Settings = BTreeMap<String, f64>;

/// All combinations of what is varied; one empty one where nothing is.
pub fn combinations(varied: &[Vary]) -> Vec<Settings> {
    let mut all = vec![Settings::new()];
    for Vary { name, values } in varied {
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

/// The machine with these knobs set.
pub fn varied(parameters: &Parameters, knobs: &Settings) -> Parameters {
    let mut parameters = *parameters;
    for knob in KNOBS.iter() {
        if let Some(value) = knobs.get(knob.name) {
            (knob.set)(&mut parameters, *value);
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::Machine;

    #[test]
    fn knobs_are_combined_and_set() {
        let varied_by = ["upg=0.5,2".parse().unwrap(), "reuse_k=1,2,4".parse().unwrap()];
        let all = combinations(&varied_by);
        assert_eq!(all.len(), 6);
        let machine = Machine::find("xeon-icelake-2s").unwrap().parameters;
        let last = varied(&machine, &all[5]);
        assert_eq!((last.upgrade.0[2], last.reuse_k), (machine.upgrade.0[2] * 2, 4));
        assert_eq!(varied(&machine, &combinations(&[])[0]), machine);
        let shootdown = combinations(&["ipi1=2".parse().unwrap(), "ipi=0".parse().unwrap()]);
        let shootdown = varied(&machine, &shootdown[0]).shootdown;
        assert_eq!((shootdown.round_trip_ps, shootdown.each_ps), (0, 400_000));
    }

    #[test]
    fn mistakes_say_what_can_be_varied() {
        let wrong = |text: &str| text.parse::<Vary>().unwrap_err();
        assert!(wrong("upq=1").contains("upg"));
        assert!(wrong("upg").contains("upg=0.7,1,1.3"));
        assert!(wrong("reuse_k=1.5").contains("whole number from 1 to 1000"));
        assert!(wrong("smt=0.5").contains("a number from 1 to 8"));
        assert!(wrong("hoist=2").contains("'2'"));
        assert!(wrong("upg=-1").contains("'-1'"));
    }
}
