//! The files of targets that come with the crate.

use crate::named::{self, Shipped};

/// The files of targets that come with the crate.
pub(super) const TARGETS: Shipped =
    Shipped { what: "file of targets", folder: "validation", files: SHIPPED };

const SHIPPED: &[(&str, &str)] = named::shipped![
    "validation":
    "perfbook-hand-over",
    "perfbook-fetch-add",
    "downs-skylake-client",
    "pft-icelake",
    "pft-icelake-vma-per-thread",
    "pft-broadwell",
    "bdw-pft-2024-no-adjacent-prefetch",
    "spf-2021",
    "spf-v12-page-fault2",
    "spf-v12-page-fault3",
    "rwsem-4-sockets",
    "folly-skylake",
    "lockhammer-skylake",
    "lockhammer-skylake-empty",
];

/// Returns name and text of every shipped file of targets.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}
