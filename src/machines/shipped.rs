//! The machines that come with the crate, held in the binary.

/// Names the file of each shipped machine once.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../machines/", $name, ".toml")))),*]
    };
}

static SHIPPED: &[(&str, &str)] = shipped![
    "xeon-icelake-2s",
    "xeon-skylake-8s",
    "xeon-cascadelake-2s",
    "xeon-sapphire-rapids-2s",
    "xeon-granite-rapids-2s",
    "xeon-ivybridge-4s",
    "epyc-rome-2s",
    "epyc-milan-2s",
    "epyc-genoa-2s",
    "epyc-bergamo-2s",
    "ampere-altra",
    "graviton2",
    "graviton3",
    "laptop-intel",
    "laptop-amd-zen3",
];

/// Returns name and text of every shipped machine.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}
