//! What `--vary` varies: a number of the model's machine, or the time between touches.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::machines::vary::Vary as MachineVary;
use crate::workload::units::parse_time;

/// One `--vary`: a name and its values.
#[derive(Debug, Clone, PartialEq)]
pub enum Vary {
    /// A number of the model's machine.
    Machine(MachineVary),
    /// Private work between two touches, in nanoseconds.
    ThinkNs(BTreeSet<u64>),
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(("think", list)) = text.split_once('=') else {
            let or_think = |problem| format!("{problem}; or give 'think', as think=0ns,1us,10us");
            return text.parse().map(Self::Machine).map_err(or_think);
        };
        let times = list.split(',').map(|time| parse_time(time.trim()));
        times.collect::<Result<_, _>>().map(Self::ThinkNs).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn think_has_times_and_the_rest_numbers() {
        let think = "think=10us, 0ns,300ns,0ns".parse();
        assert_eq!(think, Ok(Vary::ThinkNs([0, 300, 10_000].into())));
        let Ok(Vary::Machine(vary)) = "upg=0.7,1".parse() else { panic!("upg is a number") };
        assert_eq!((vary.name, vary.values), ("upg", vec![0.7, 1.0]));
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        let wrong = |text: &str| text.parse::<Vary>().unwrap_err();
        assert!(wrong("think=1,2").contains(r#"write "1ns", "1us", "1ms" or "1s""#));
        assert!(wrong("thinking=1us").contains("think=0ns,1us,10us"));
    }
}
