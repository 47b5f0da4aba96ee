//! Who has a copy of a line.

/// Agents (cores with a cache of their own) that a machine may have.
pub const AGENTS_MAX: usize = 1024;
const WORDS: usize = AGENTS_MAX / 64;
const FEW: usize = 3;

/// A set of agents: up to three by number, more as a bitmap, so that a line stays small.
#[derive(Debug, Default, Clone)]
pub struct Sharers {
    count: u16,
    few: [u16; FEW],
    many: Option<Box<[u64; WORDS]>>,
}

impl Sharers {
    /// How many there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether `agent` has a copy.
    #[inline(always)]
    pub fn contains(&self, agent: u16) -> bool {
        let count = usize::from(self.count);
        if count <= FEW {
            return self.few[..count].contains(&agent);
        }
        self.bits()[usize::from(agent) / 64] >> (agent % 64) & 1 == 1
    }

    fn bits(&self) -> &[u64; WORDS] {
        self.many.as_ref().expect("more than three are kept as a bitmap")
    }

    /// Adds an agent.
    pub fn insert(&mut self, agent: u16) {
        if self.contains(agent) {
            return;
        }
        let count = usize::from(self.count);
        self.count += 1;
        if count < FEW {
            self.few[count] = agent;
            return;
        }
        let bits = self.many.get_or_insert_with(|| Box::new([0; WORDS]));
        if count == FEW {
            bits.fill(0);
            for agent in self.few {
                bits[usize::from(agent) / 64] |= 1 << (agent % 64);
            }
        }
        bits[usize::from(agent) / 64] |= 1 << (agent % 64);
    }

    /// Takes everybody out.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// All agents, in no order that matters.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let count = usize::from(self.count);
        let few = if count <= FEW { &self.few[..count] } else { &[] };
        let bits: &[u64] = if count <= FEW { &[] } else { self.bits() };
        let many = bits.iter().enumerate().filter(|(_, bits)| **bits != 0);
        let many = many.flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| (word * 64 + bit) as u16)
        });
        few.iter().copied().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn is_a_set(steps in prop::collection::vec((0u16..1024, 0u8..20), 0..200)) {
            let (mut sharers, mut oracle) = (Sharers::default(), BTreeSet::new());
            for (agent, step) in steps {
                if step == 0 {
                    sharers.clear();
                    oracle.clear();
                } else {
                    sharers.insert(agent);
                    oracle.insert(agent);
                }
                prop_assert_eq!(sharers.len(), oracle.len());
                prop_assert_eq!(sharers.contains(agent), oracle.contains(&agent));
                prop_assert_eq!(&sharers.iter().collect::<BTreeSet<_>>(), &oracle);
            }
        }
    }
}
