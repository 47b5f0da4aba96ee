//! The schemes as users meet them, and their runners in each world.
//!
//! The list itself is [`for_every_scheme`], in the crate of the schemes. A scheme from outside the
//! workspace is an [`Entry`] too, which is passed to `faultstorm::cmd::main`;
//! `examples/own_strategy.rs` is one.

mod entry;
mod known;

pub use entry::{Entry, Everywhere, Runner};
pub use known::Known;
pub use strategy::*;

use std::sync::LazyLock;

macro_rules! shipped {
    ($scheme:ty) => {
        Entry::shipped::<$scheme>
    };
}

/// All shipped schemes, in the order of the results.
pub static STRATEGIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let rows: [fn(usize) -> Entry; COUNT] = for_every_scheme!(shipped);
    rows.iter().enumerate().map(|(row, shipped)| shipped(row)).collect()
});

/// Finds a shipped scheme; see [`Known::find`].
pub fn find(name: &str) -> Option<&'static Entry> {
    Known::SHIPPED.find(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_variants_follow_their_scheme() {
        for (index, entry) in STRATEGIES.iter().enumerate() {
            let first = STRATEGIES.iter().position(|other| other.name == entry.name);
            assert_eq!(first, Some(index), "{} is listed once", entry.name);
            let (name, variant) = entry.split();
            assert_eq!(variant.is_some(), entry.is_variant());
            assert!(find(name).is_some(), "{name} is a scheme");
        }
    }
}
