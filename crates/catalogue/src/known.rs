//! The schemes that a command can run.

use super::{Entry, STRATEGIES};
use mm::kernel;

/// The schemes that a command knows: the shipped ones, then the caller's own.
#[derive(Clone, Copy)]
pub struct Known {
    own: &'static [Entry],
}

impl Known {
    /// The shipped schemes.
    pub const SHIPPED: Self = Self { own: &[] };

    /// Returns the shipped schemes and the caller's own.
    ///
    /// # Panics
    /// If two have the same name, because results are identified by it.
    pub fn with(own: &'static [Entry]) -> Self {
        let known = Self { own };
        let names = known.names();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "two strategies have the name '{name}'");
        }
        known
    }

    /// All schemes, in the order of the results.
    pub fn iter(self) -> impl Iterator<Item = &'static Entry> + Clone {
        STRATEGIES.iter().chain(self.own)
    }

    /// Their names, in the same order.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(|entry| entry.name).collect()
    }

    /// Finds the scheme with this name; for `NAME:KERNEL` the scheme in that kernel.
    pub fn find(self, name: &str) -> Option<&'static Entry> {
        self.iter().find(|entry| entry.name == name).or_else(|| self.within(name))
    }

    /// Makes the entry of `NAME:KERNEL`, which stays in memory.
    fn within(self, name: &str) -> Option<&'static Entry> {
        let (scheme, release) = name.rsplit_once(':')?;
        let kernel = kernel::SHIPPED.iter().find(|kernel| kernel.name == release)?;
        let entry = self.iter().find(|entry| entry.name == scheme)?;
        Some(Box::leak(Box::new(entry.within(kernel))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VmRefcnt;

    const fn named(name: &'static str) -> Entry {
        Entry { name, ..Entry::of::<VmRefcnt>() }
    }

    #[test]
    fn own_schemes_stand_behind_those_that_are_shipped() {
        static OWN: [Entry; 1] = [named("mine")];
        let known = Known::with(&OWN);
        assert_eq!(known.names().len(), STRATEGIES.len() + 1);
        assert_eq!(known.names().last(), Some(&"mine"));
        assert!(known.find("mine").is_some() && Known::SHIPPED.find("mine").is_none());
    }

    #[test]
    fn a_scheme_is_found_in_any_shipped_kernel() {
        let known = Known::SHIPPED;
        let found = |name: &str| known.find(name).map(|entry| (entry.name, entry.kernel.name));
        assert_eq!(found("vm-refcnt"), Some(("vm-refcnt", "7.2")));
        assert_eq!(found("vm-refcnt:6.18"), Some(("vm-refcnt:6.18", "6.18")));
        let variant = "speculative:refcount:7.2";
        assert_eq!(found(variant), Some((variant, "7.2")));
        assert!(known.find("vm-refcnt:6.99").is_none() && known.find("lock:6.18").is_none());
        let pinned = known.find("mmap-lock:6.12").unwrap();
        assert!(pinned.is_pinned() && !known.find("mmap-lock").unwrap().is_pinned());
        assert!(pinned.not_compiled_for(pinned.kernel).is_some(), "it is compiled for 6.2");
    }

    #[test]
    #[should_panic(expected = "two strategies have the name 'vm-refcnt'")]
    fn no_two_have_one_name() {
        static OWN: [Entry; 1] = [named("vm-refcnt")];
        Known::with(&OWN);
    }
}
