//! Contents of a storm's files at the start of a round.

use super::plan::Plan;
use machine::Machine;
use mm::page_cache::PageState;
use mm::{Core, Mm};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::ops::Range;

/// The files of a storm.
pub(super) struct Contents {
    files: Vec<(workload::WorkloadFile, Vec<Range<u64>>)>,
    seed: u64,
}

impl Contents {
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let files = plan.files.iter().cloned().zip(plan.file_pages.iter().cloned());
        Self { files: files.collect(), seed }
    }

    /// Returns true if faults leave pages in another state than they find them in.
    pub fn wear(&self) -> bool {
        let marked =
            |file: &workload::WorkloadFile| file.locked + file.not_uptodate + file.readahead > 0.0;
        self.files.iter().any(|(file, _)| marked(file))
    }

    /// Gives every file its length, and every page its state.
    pub fn fill<M: Machine>(&self, mm: &Mm<M>, core: &mut Core<M>) {
        for (number, (file, pages)) in self.files.iter().enumerate() {
            mm.files()[number].set_pages(file.pages);
            if file.folio_pages > 1 {
                let order = file.folio_pages.ilog2() as u8;
                let firsts = pages.iter().flat_map(Clone::clone).step_by(file.folio_pages as usize);
                firsts.for_each(|first| mm.populate_folio(core, number, first, order));
                continue;
            }
            for index in pages.iter().flat_map(Clone::clone) {
                mm.populate(core, number, index, self.state(number, index));
            }
        }
    }

    /// Returns true if a page is in the page cache when a round starts.
    pub fn is_cached(&self, number: usize, index: u64) -> bool {
        self.state(number, index) != PageState::Absent
    }

    /// Returns the state of a page when a round starts: two coins for each page, the same for the
    /// same seed.
    fn state(&self, number: usize, index: u64) -> PageState {
        let (file, _) = &self.files[number];
        let seed = self.seed ^ (number as u64) << 48 ^ index << 1 ^ 1;
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut coin = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        if coin() >= file.cached {
            return PageState::Absent;
        }
        let mark = coin();
        match () {
            () if mark < file.locked => PageState::Locked,
            () if mark < file.locked + file.not_uptodate => PageState::NotUptodate,
            () if mark < file.locked + file.not_uptodate + file.readahead => PageState::Readahead,
            () => PageState::Cached,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workload::IoLatency;

    #[test]
    fn shares_are_as_asked() {
        let file = workload::WorkloadFile {
            name: "f".into(),
            pages: 10_000,
            cached: 0.5,
            locked: 0.2,
            not_uptodate: 0.1,
            readahead: 0.3,
            io: IoLatency::Fixed(1),
            speculation: true,
            directory: None,
            scope: workload::Scope::Shared,
            folio_pages: 1,
        };
        let contents = Contents { files: vec![(file, Vec::new())], seed: 9 };
        let share = |state| (0..10_000).filter(|i| contents.state(0, *i) == state).count();
        let expected = [
            (PageState::Absent, 5000),
            (PageState::Locked, 1000),
            (PageState::NotUptodate, 500),
            (PageState::Readahead, 1500),
            (PageState::Cached, 2000),
        ];
        for (state, count) in expected {
            assert!(share(state).abs_diff(count) < 150, "{state:?}: {}", share(state));
        }
    }
}
