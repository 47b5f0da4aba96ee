//! The set of agents that have a copy of a line.

use super::directory::NOBODY;
use std::ops::Range;

/// Largest number of agents (cores with their own cache) of a machine.
pub const AGENTS_MAX: usize = 1024;
const WORDS: usize = AGENTS_MAX / 64;
const FEW: usize = 3;

/// A set of agents: up to three by number, more as a bitmap, so that a line stays small.
#[derive(Debug, Clone)]
pub struct Sharers {
    count: u16,
    /// The first three, if there are no more; the rest is [`NOBODY`].
    few: [u16; FEW],
    many: Option<Box<[u64; WORDS]>>,
}

impl Default for Sharers {
    fn default() -> Self {
        Self { count: 0, few: [NOBODY; FEW], many: None }
    }
}

impl Sharers {
    /// Returns the number of agents.
    #[inline(always)]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// True if `agent` has a copy.
    #[inline(always)]
    pub fn contains(&self, agent: u16) -> bool {
        if usize::from(self.count) <= FEW {
            let [a, b, c] = self.few;
            return (a == agent) | (b == agent) | (c == agent);
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

    /// Removes all agents.
    pub fn clear(&mut self) {
        self.count = 0;
        self.few = [NOBODY; FEW];
    }

    /// Returns the agent with the smallest number.
    pub fn first(&self) -> Option<u16> {
        let count = usize::from(self.count);
        if count <= FEW {
            return self.few[..count].iter().min().copied();
        }
        let (word, bits) = self.bits().iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some((word * 64) as u16 + bits.trailing_zeros() as u16)
    }

    /// Returns the number of agents in a range.
    pub fn count_in(&self, range: Range<u16>) -> usize {
        let count = usize::from(self.count);
        if count <= FEW {
            return self.few[..count].iter().filter(|agent| range.contains(agent)).count();
        }
        let (start, end) = (usize::from(range.start), usize::from(range.end));
        let words = self.bits()[start / 64..end.div_ceil(64)].iter().enumerate();
        let inside = words.map(|(index, bits)| {
            let first = (start / 64 + index) * 64;
            let above = u64::MAX << start.saturating_sub(first);
            let below = if end - first >= 64 { u64::MAX } else { (1 << (end - first)) - 1 };
            (bits & above & below).count_ones() as usize
        });
        inside.sum()
    }

    /// All agents, in no particular order.
    #[cfg(test)]
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
                let to = (agent + 100).min(1024);
                prop_assert_eq!(sharers.count_in(agent..to), oracle.range(agent..to).count());
                prop_assert_eq!(&sharers.iter().collect::<BTreeSet<_>>(), &oracle);
            }
        }
    }
}
