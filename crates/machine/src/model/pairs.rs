//! Lines that stand in one block of 128 bytes: the adjacent line prefetcher.
//!
//! A processor that has it completes what it fetches to a pair of lines. So what one core
//! writes takes from the others what stands beside it: this was blamed, on Broadwell, for what
//! a lock in `vm_area_struct` cost on a line of its own (S. Baghdasaryan's series "reimplement
//! per-vma lock as a refcount", linux-mm, February 2025, which put it there again).
//!
//! The neighbour is asked for as the line is, along with it, and nobody waits for it. That
//! a write takes both is a reading of that mail: makers say only that the pair is fetched.

use super::directory::Need;
use super::engine::Engine;
use super::line::{ModelLine, Request, RequestKind};
use super::world::World;
use std::cell::RefCell;
use std::collections::HashMap;

/// Each line that has a neighbour, and where that is; empty where the machine has no such
/// prefetcher.
#[derive(Debug, Default)]
pub(super) struct Pairs(RefCell<HashMap<*const ModelLine, *const ModelLine>>);

impl World {
    /// The two stand beside each other.
    ///
    /// # Safety
    /// From here on neither is moved, and none is dropped while cores run.
    pub(super) unsafe fn pair(&self, line: &ModelLine, other: &ModelLine) {
        if self.parameters().adjacent_pairs {
            self.pairs.0.borrow_mut().extend([
                (std::ptr::from_ref(line), std::ptr::from_ref(other)),
                (std::ptr::from_ref(other), std::ptr::from_ref(line)),
            ]);
        }
    }

    /// The line beside this one that `agent` is to fetch too, for the same `need`: none
    /// where it has that.
    fn beside(&self, line: &ModelLine, agent: u16, need: Need) -> Option<&ModelLine> {
        let other = *self.pairs.0.borrow().get(&std::ptr::from_ref(line))?;
        // SAFETY: it was a reference when the two were paired, and has been neither moved
        // nor dropped since (see `pair`), since cores run: only they ask for lines.
        let other = unsafe { &*other };
        let has = other.state(self, |state| match need {
            Need::Copy => state.directory.readable(agent),
            Need::Ownership | Need::FetchOp => state.directory.writable(agent),
        });
        (!has).then_some(other)
    }
}

impl Engine {
    /// Asks for what stands beside a line that `request` asks for.
    #[cold]
    pub(super) fn request_pair(&mut self, world: &World, line: &ModelLine, request: &Request) {
        let Request { core, agent, need, issued_at, .. } = *request;
        let need = if need == Need::Copy { need } else { Need::Ownership };
        let Some(beside) = world.beside(line, agent, need) else { return };
        if !self.cores[usize::from(core)].is_asking_for(beside, true) {
            let what = (need, RequestKind::Prefetch);
            self.request(world, usize::from(core), beside, 0, what, issued_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::tests::{MACHINE, places};
    use crate::model::world::current;
    use crate::model::{ModelLine, Parameters, World};
    use crate::{Line, LineName, Ordering};

    static NAME: LineName = LineName { name: "test.pair", words: ["word"; 8] };

    /// When a core is done with one line of a pair, while two others use the other.
    fn done_ps(adjacent_pairs: bool, operation: fn(&ModelLine)) -> u64 {
        let world = World::new(&Parameters { adjacent_pairs, ..MACHINE }, &places(3));
        let _here = world.enter();
        let lines: Box<[ModelLine]> = (0..2).map(|_| ModelLine::new(&NAME, [0; 8])).collect();
        // SAFETY: they stay in the box, which the cores own until they are done.
        unsafe { lines[0].pair(&lines[1]) };
        let clocks = world.run(move |core| {
            (0..1000).for_each(|_| operation(&lines[usize::from(core == 0)]));
            current().clock()
        });
        clocks.unwrap_or_else(|_| panic!("they end"))[0]
    }

    #[test]
    fn who_writes_takes_the_neighbour_too() {
        let add = |line: &ModelLine| {
            line.fetch_add(0, 1, Ordering::Relaxed);
        };
        assert!(done_ps(true, add) > 4 * done_ps(false, add));
    }

    #[test]
    fn who_reads_takes_it_from_nobody() {
        let load = |line: &ModelLine| {
            line.load(0, Ordering::Relaxed);
        };
        let (pairs, alone) = (done_ps(true, load), done_ps(false, load));
        assert!(pairs < alone + alone / 20, "but at first: {pairs}, {alone}");
    }
}
