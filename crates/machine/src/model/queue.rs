//! The two queues of the engine: cores that can run, and events of lines.

use super::parameters::Ps;

/// Bits of a key that identify a core.
const CORE_BITS: u32 = 10;
/// Upper limit (exclusive) of core numbers.
pub const CORES: u64 = 1 << CORE_BITS;
/// A time that is never reached.
pub const NEVER: Ps = Ps::MAX;

/// A binary heap with the smallest key first; the first key can be replaced in place.
#[derive(Debug)]
struct Heap<K>(Vec<K>);

impl<K: Ord + Copy> Heap<K> {
    fn push(&mut self, key: K) {
        self.0.push(key);
        let keys = &mut self.0[..];
        let mut at = keys.len() - 1;
        while at > 0 && key < keys[(at - 1) / 2] {
            keys[at] = keys[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        keys[at] = key;
    }

    fn pop(&mut self) -> Option<K> {
        let last = self.0.pop()?;
        let Some(first) = self.0.first().copied() else { return Some(last) };
        self.replace_first(last);
        Some(first)
    }

    /// Replaces the first key. The new key is later than most others, so the way down is nearly
    /// always long, and the smaller child is chosen without a branch.
    #[inline]
    fn replace_first(&mut self, key: K) {
        let keys = &mut self.0[..];
        let (mut at, mut child) = (0, 1);
        while child + 1 < keys.len() {
            child += usize::from(keys[child + 1] < keys[child]);
            if keys[child] >= key {
                break;
            }
            keys[at] = keys[child];
            at = child;
            child = 2 * at + 1;
        }
        if child + 1 == keys.len() && keys[child] < key {
            keys[at] = keys[child];
            at = child;
        }
        keys[at] = key;
    }
}

/// Cores that can run, by clock, then by number. The first stays in place while it runs, because
/// most often it is put back.
#[derive(Debug)]
pub struct ReadyQueue(Heap<u64>);

impl Default for ReadyQueue {
    fn default() -> Self {
        Self(Heap(Vec::new()))
    }
}

fn key(core: usize, clock: Ps) -> u64 {
    debug_assert!(core < 1 << CORE_BITS && clock < 1 << (64 - CORE_BITS));
    clock << CORE_BITS | core as u64
}

/// Returns the last clock with which `core` comes before another core with this clock.
#[inline]
pub fn before_core(core: usize, other: usize, clock: Ps) -> Ps {
    before(key(other, clock), core)
}

#[inline]
fn before(other: u64, core: usize) -> Ps {
    other.saturating_sub(core as u64 + 1) >> CORE_BITS
}

impl ReadyQueue {
    /// Returns the first core and its clock.
    #[inline]
    pub fn first(&self) -> Option<(usize, Ps)> {
        let key = *self.0.0.first()?;
        Some(((key & ((1 << CORE_BITS) - 1)) as usize, key >> CORE_BITS))
    }

    /// Returns the last clock with which `core` still comes before the second.
    #[inline]
    pub fn before_second(&self, core: usize) -> Ps {
        let keys = &self.0.0;
        let children = &keys[1..keys.len().min(3)];
        children.iter().min().map_or(NEVER, |second| before(*second, core))
    }

    /// Adds a core.
    pub fn push(&mut self, core: usize, clock: Ps) {
        self.0.push(key(core, clock));
    }

    /// Puts the first core back with a later clock.
    #[inline]
    pub fn delay_first(&mut self, core: usize, clock: Ps) {
        self.0.replace_first(key(core, clock));
    }

    /// Takes the first core out.
    pub fn pop_first(&mut self) {
        self.0.pop().expect("there is a core");
    }
}

/// Events by time; those at one time by rank. Events of the same rank must not depend on their
/// order: it is reproducible, but not the order in which they were pushed.
#[derive(Debug)]
pub struct EventQueue<T> {
    /// Time, rank, slot.
    heap: Heap<u128>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self { heap: Heap(Vec::new()), slots: Vec::new(), free: Vec::new() }
    }
}

/// Bits of an event's key below its time, and bits of its slot.
const TIE_BITS: u32 = 64;
const SLOT_BITS: u32 = 16;
/// Upper limit (exclusive) of ranks.
pub const RANKS: u64 = 1 << (TIE_BITS - SLOT_BITS);

impl<T> EventQueue<T> {
    /// Returns the time of the first event.
    #[inline]
    pub fn first_time(&self) -> Ps {
        self.heap.0.first().map_or(NEVER, |key| (key >> TIE_BITS) as Ps)
    }

    /// Adds an event.
    pub fn push(&mut self, time: Ps, rank: u64, event: T) {
        assert!(rank < RANKS, "a rank has its place in a key");
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slots.push(Some(event));
                self.slots.len() as u32 - 1
            }
        };
        assert!(slot < 1 << SLOT_BITS, "each core has few requests under way");
        let tie = rank << SLOT_BITS | u64::from(slot);
        self.heap.push(u128::from(time) << TIE_BITS | u128::from(tie));
    }

    /// Removes the first event.
    pub fn pop(&mut self) -> Option<(Ps, T)> {
        let key = self.heap.pop()?;
        let slot = key as u32 & ((1 << SLOT_BITS) - 1);
        self.free.push(slot);
        self.slots[slot as usize].take().map(|event| ((key >> TIE_BITS) as Ps, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn cores_come_in_order(steps in prop::collection::vec((0usize..1024, 0u64..500), 1..300)) {
            let (mut cores, mut oracle) = (ReadyQueue::default(), BTreeSet::new());
            for (core, clock) in steps {
                match core % 3 {
                    0 if !oracle.is_empty() => {
                        cores.pop_first();
                        oracle.pop_first();
                    }
                    1 if !oracle.is_empty() => {
                        let (before, first): (Ps, usize) = oracle.pop_first().unwrap();
                        cores.delay_first(first, before + clock);
                        oracle.insert((before + clock, first));
                    }
                    _ if oracle.iter().all(|(_, other)| *other != core) => {
                        cores.push(core, clock);
                        oracle.insert((clock, core));
                    }
                    _ => {}
                }
                let first = oracle.first().map(|(clock, core)| (*core, *clock));
                prop_assert_eq!(cores.first(), first);
                if !oracle.is_empty() {
                    let (first, second) = (oracle.first().unwrap().1, oracle.iter().nth(1));
                    let until = cores.before_second(first);
                    let comes_before = |clock| second.is_none_or(|second| (clock, first) < *second);
                    prop_assert!(comes_before(until));
                    prop_assert!(until == NEVER || !comes_before(until + 1));
                }
            }
        }
    }

    #[test]
    fn events_of_one_time_come_by_rank() {
        let mut events = EventQueue::default();
        for (time, rank, event) in [(5, 8, 'd'), (5, 7, 'c'), (5, 0, 'b'), (1, 9, 'a')] {
            events.push(time, rank, event);
        }
        let order: Vec<(Ps, char)> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(order, [(1, 'a'), (5, 'b'), (5, 'c'), (5, 'd')]);
        assert_eq!(events.first_time(), NEVER);
    }
}
