//! The schemes that a command may run.

use super::{Entry, STRATEGIES};
use mm::kernel;

/// The schemes that a command knows: those that are shipped, then the caller's own.
#[derive(Clone, Copy)]
pub struct Known {
    own: &'static [Entry],
}

impl Known {
    /// Those that are shipped.
    pub const SHIPPED: Self = Self { own: &[] };

    /// Those that are shipped, and the caller's own.
    ///
    /// # Panics
    /// Where two have the same name, which results are told apart by.
    pub fn with(own: &'static [Entry]) -> Self {
        let known = Self { own };
        let names = known.names();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "two strategies have the name '{name}'");
        }
        known
    }

    /// All, in the order in which results show them.
    pub fn iter(self) -> impl Iterator<Item = &'static Entry> + Clone {
        STRATEGIES.iter().chain(self.own)
    }

    /// Their names, in the same order.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(|entry| entry.name).collect()
    }

    /// The scheme of this name; of `NAME:KERNEL` the scheme in that kernel.
    pub fn find(self, name: &str) -> Option<&'static Entry> {
        self.iter().find(|entry| entry.name == name).or_else(|| self.within(name))
    }

    /// Made once for each name that is asked for.
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
    #[should_panic(expected = "two strategies have the name 'vm-refcnt'")]
    fn no_two_have_one_name() {
        static OWN: [Entry; 1] = [named("vm-refcnt")];
        Known::with(&OWN);
    }
}
