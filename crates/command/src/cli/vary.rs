//! Subjects of `--vary`: a parameter of the model's machine, a time of the workload, or the kernel.

use std::collections::BTreeSet;
use std::str::FromStr;

use inputs::machines::vary::MachineVary;
use inputs::workload::PAUSE_MAX_NS;
use inputs::workload::units::{parse_time, print_time};

/// One `--vary`: a name and its values.
#[derive(Debug, Clone, PartialEq)]
pub enum Vary {
    /// A parameter of the model's machine.
    Machine(MachineVary),
    /// Private work between two touches, in nanoseconds.
    ThinkNs(BTreeSet<u64>),
    /// Time from start to start of a writer's operations, in nanoseconds.
    EveryNs(BTreeSet<u64>),
    /// Kernels that all strategies run in.
    Kernels(Vec<String>),
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = |list: &str| -> Result<BTreeSet<u64>, String> {
            let times = list.split(',').map(|time| parse_time(time.trim()));
            times.collect::<Result<_, _>>().map_err(|error| error.to_string())
        };
        match text.split_once('=') {
            Some(("think", list)) => times(list).and_then(pauses).map(Self::ThinkNs),
            Some(("every", list)) => times(list).map(Self::EveryNs),
            Some(("kernel", list)) => {
                Ok(Self::Kernels(list.split(',').map(|name| name.trim().to_owned()).collect()))
            }
            _ => text.parse().map(Self::Machine).map_err(|problem| {
                format!(
                    "{problem}; or give a time of the workload, 'think=0ns,1us,10us' or \
                     'every=20us,200us', or kernels, 'kernel=6.12,./mine.toml'"
                )
            }),
        }
    }
}

/// Checks that no time is too long for one touch.
fn pauses(times: BTreeSet<u64>) -> Result<BTreeSet<u64>, String> {
    match times.last() {
        Some(longest) if *longest > PAUSE_MAX_NS => {
            let (longest, most) = (print_time(*longest), print_time(PAUSE_MAX_NS));
            Err(format!("'{longest}' is too long for one touch: give {most} at most"))
        }
        _ => Ok(times),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_have_times_and_machines_have_numbers() {
        let think = "think=10us, 0ns,300ns,0ns".parse();
        assert_eq!(think, Ok(Vary::ThinkNs([0, 300, 10_000].into())));
        assert_eq!("every=1ms".parse(), Ok(Vary::EveryNs([1_000_000].into())));
        for name in ["upgrade-ns", "upg"] {
            let vary = format!("{name}=0.7,1").parse();
            let Ok(Vary::Machine(vary)) = vary else { panic!("{name} is a number") };
            assert_eq!((vary.name, vary.values), (name, vec![0.7, 1.0]));
        }
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        let wrong = |text: &str| text.parse::<Vary>().unwrap_err();
        assert!(wrong("think=1,2").contains(r#"write "1ns", "1us", "1ms" or "1s""#));
        assert!(wrong("think=1us,60s").contains("'60s' is too long for one touch"));
        assert!("every=3600s".parse::<Vary>().is_ok());
        assert!(wrong("every=99999s").contains("longer than an hour"));
        assert!(wrong("thinking=1us").contains("think=0ns,1us,10us"));
    }
}
