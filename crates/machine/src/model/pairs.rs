//! Pairs of lines in one block of 128 bytes: the adjacent line prefetcher.
//!
//! A processor with this prefetcher fetches lines in pairs. So one core's write also takes the
//! neighbouring line from the other cores. This was blamed, on Broadwell, for the cost of a lock on
//! its own line in `vm_area_struct` (S. Baghdasaryan's series "reimplement per-vma lock as a
//! refcount", linux-mm, February 2025, which put the lock there again).
//!
//! The neighbour is requested together with the line and with the same need, and nobody waits for
//! it. That a write takes both lines is our reading of that mail: vendors say only that the pair is
//! fetched.

use super::directory::Need;
use super::engine::Engine;
use super::line::{LineRequest, ModelLine, RequestKind};
use super::multicore::Multicore;
use std::cell::RefCell;
use std::collections::HashMap;

/// Lines that have a neighbour, with its address; empty if the machine has no such prefetcher.
#[derive(Debug, Default)]
pub(super) struct Pairs(RefCell<HashMap<*const ModelLine, *const ModelLine>>);

impl Multicore {
    /// Records that the two lines are neighbours.
    ///
    /// # Safety
    /// After this call neither line is moved, and neither is dropped while cores run.
    pub(super) unsafe fn pair(&self, line: &ModelLine, other: &ModelLine) {
        if self.parameters().adjacent_pairs {
            self.pairs.0.borrow_mut().extend([
                (std::ptr::from_ref(line), std::ptr::from_ref(other)),
                (std::ptr::from_ref(other), std::ptr::from_ref(line)),
            ]);
        }
    }

    /// Returns the neighbour of this line that `agent` must fetch too, for the same `need`: `None`
    /// if it has that line already.
    fn beside(&self, line: &ModelLine, agent: u16, need: Need) -> Option<&ModelLine> {
        let other = *self.pairs.0.borrow().get(&std::ptr::from_ref(line))?;
        // SAFETY: it was a reference when the two were paired, and has been neither moved nor
        // dropped since (see `pair`): only running cores request lines.
        let other = unsafe { &*other };
        let has = other.state(self, |state| match need {
            Need::Copy => state.directory.readable(agent),
            Need::Ownership | Need::FetchOp => state.directory.writable(agent),
        });
        (!has).then_some(other)
    }
}

impl Engine {
    /// Requests the neighbour of the line in `request`.
    #[cold]
    pub(super) fn request_pair(
        &mut self,
        multicore: &Multicore,
        line: &ModelLine,
        request: &LineRequest,
    ) {
        let LineRequest { core, agent, need, issued_at, .. } = *request;
        let need = if need == Need::Copy { need } else { Need::Ownership };
        let Some(beside) = multicore.beside(line, agent, need) else { return };
        if !self.cores[usize::from(core)].is_asking_for(beside, true) {
            let what = (need, RequestKind::Prefetch);
            self.request(multicore, usize::from(core), beside, 0, what, issued_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::multicore::current;
    use crate::model::tests::{MACHINE, places};
    use crate::model::{ModelLine, Multicore, Parameters};
    use crate::{Line, LineName, Ordering};

    static NAME: LineName = LineName { name: "test.pair", words: ["word"; 8] };

    /// Returns when a core is done with one line of a pair, while two others use the other.
    fn done_ps(adjacent_pairs: bool, operation: fn(&ModelLine)) -> u64 {
        let multicore = Multicore::new(&Parameters { adjacent_pairs, ..MACHINE }, &places(3));
        let _here = multicore.enter();
        let lines: Box<[ModelLine]> = (0..2).map(|_| ModelLine::new(&NAME, [0; 8])).collect();
        // SAFETY: they stay in the box, which the cores own until they are done.
        unsafe { lines[0].pair(&lines[1]) };
        let clocks = multicore.run(move |core| {
            (0..1000).for_each(|_| operation(&lines[usize::from(core == 0)]));
            current().clock()
        });
        clocks.unwrap_or_else(|_| panic!("they end"))[0]
    }

    #[test]
    fn a_write_also_takes_the_neighbour() {
        let add = |line: &ModelLine| {
            line.fetch_add(0, 1, Ordering::Relaxed);
        };
        assert!(done_ps(true, add) > 4 * done_ps(false, add));
    }

    #[test]
    fn a_read_takes_the_neighbour_from_no_core() {
        let load = |line: &ModelLine| {
            line.load(0, Ordering::Relaxed);
        };
        let (pairs, alone) = (done_ps(true, load), done_ps(false, load));
        assert!(pairs < alone + alone / 20, "but at first: {pairs}, {alone}");
    }
}
