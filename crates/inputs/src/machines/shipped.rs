//! The machines that come with the crate.

use super::MachineFile;
use crate::named::{self, Shipped};

/// The machines that come with the crate.
pub(super) const MACHINES: Shipped =
    Shipped { what: "machine", folder: "machines", files: SHIPPED };

const SHIPPED: &[(&str, &str)] = named::shipped![
    "machines":
    "xeon-icelake-2s",
    "xeon-skylake-8s",
    "xeon-cascadelake-2s",
    "xeon-sapphire-rapids-2s",
    "xeon-granite-rapids-2s",
    "xeon-broadwell-2s",
    "xeon-ivybridge-4s",
    "epyc-rome-2s",
    "epyc-milan-2s",
    "epyc-genoa-2s",
    "epyc-bergamo-2s",
    "ampere-altra",
    "graviton2",
    "graviton3",
    "graviton4-2s",
    "laptop-intel",
    "laptop-amd-zen3",
];

/// Returns the names of shipped machines whose summary names the CPU of `slug`: `8375c` for
/// `intel-r-xeon-r-platinum-8375c-cpu-2-90ghz`.
pub fn of_cpu(slug: &str) -> Vec<&'static str> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_lowercase);
        words.filter(|word| is_model(word)).collect()
    };
    let named = words(slug);
    let is_it = |(name, text): &&(&str, &str)| {
        let machine = MachineFile::parse(name, name, text);
        machine.is_ok_and(|machine| words(&machine.summary).iter().any(|w| named.contains(w)))
    };
    SHIPPED.iter().filter(is_it).map(|(name, _)| *name).collect()
}

/// True if a word names a CPU model: four letters or more, with a digit, and no frequency.
fn is_model(word: &str) -> bool {
    word.len() >= 4 && word.contains(|c: char| c.is_ascii_digit()) && !word.ends_with("ghz")
}

/// Returns name and text of every shipped machine.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_found_by_its_cpu() {
        for (slug, names) in [
            ("intel-r-xeon-r-platinum-8375c-cpu-2-90ghz", &["xeon-icelake-2s"][..]),
            ("intel-r-xeon-r-platinum-8176-cpu-2-10ghz", &["xeon-skylake-8s"]),
            ("intel-r-xeon-r-cpu-e5-4650v2-2-40ghz", &["xeon-ivybridge-4s"]),
            ("amd-epyc-7r13-processor", &["epyc-milan-2s"]),
            ("amd-epyc-9654-96-core-processor", &["epyc-genoa-2s"]),
            ("amd-ryzen-7-5800u-with-radeon-graphics", &["laptop-amd-zen3"]),
            ("intel-r-xeon-r-processor-2-10ghz", &[]),
            ("unknown-cpu", &[]),
        ] {
            assert_eq!(of_cpu(slug), names, "{slug}");
        }
    }
}
