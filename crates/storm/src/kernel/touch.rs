//! Touches of this process's memory: one instruction each, in a loop with nothing else in it.

use super::super::order::PagesIter;
use super::super::steps::TouchPlan;
use super::super::target::Toucher;
use super::RunningKernel;
use super::counts::ThreadFaults;
use super::signal::{load, store};
use machine::host::{Bare, Host};
use machine::{Machine, Work};
use mm::fault::{Access, Kind};

impl Toucher<RunningKernel> {
    /// Touches the next `count` pages; `kind` is what their faults do.
    pub(super) fn touch_kernel(
        &mut self,
        kind: Kind,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        mut count: u64,
    ) {
        let before = ThreadFaults::now();
        while self.tally.until_sample < count {
            each(touch, pages, self.tally.until_sample);
            count -= self.tally.until_sample + 1;
            self.sample_kernel(kind, touch, pages);
        }
        each(touch, pages, count);
        self.tally.until_sample -= count;
        self.count_kernel(kind, ThreadFaults::now().since(&before));
    }

    /// One touch, timed, and taken over if it faulted. The exception and the return from it
    /// are in its time.
    fn sample_kernel(&mut self, kind: Kind, touch: &TouchPlan, pages: &mut PagesIter) {
        let before = ThreadFaults::now();
        let start = self.clock.start();
        each(touch, pages, 1);
        let ns = self.clock.delta_ns(start, self.clock.end());
        let found = ThreadFaults::now().since(&before);
        if found.minor + found.major > 0 {
            self.tally.record(kind_of(kind, found.major > 0), ns);
        }
        self.tally.draw_sample();
    }

    fn count_kernel(&mut self, kind: Kind, found: ThreadFaults) {
        let counts = &mut self.tally.counts;
        counts.faults += found.total();
        counts.major += found.major;
        counts.segv += found.missed.segv;
        counts.sigbus += found.missed.sigbus;
        counts.by_kind[kind_of(kind, true) as usize] += found.major;
        counts.by_kind[kind as usize] += found.total() - found.major;
    }
}

/// The kind of a fault that waited for I/O, or did not.
fn kind_of(kind: Kind, major: bool) -> Kind {
    match kind {
        Kind::FileRead | Kind::FileReadAround if major => Kind::FileReadIo,
        kind => kind,
    }
}

/// Touches the next `count` pages.
#[inline(always)]
fn each(touch: &TouchPlan, pages: &mut PagesIter, count: u64) {
    match touch.access {
        // SAFETY: at the addresses of a plan there are only the mappings of its storm, in
        // which no Rust object is.
        Access::Read => each_by(touch, pages, count, |address| unsafe { load(address) }),
        // SAFETY: as above.
        Access::Write => each_by(touch, pages, count, |address| unsafe { store(address) }),
    }
}

#[inline(always)]
fn each_by(touch: &TouchPlan, pages: &mut PagesIter, mut count: u64, access: impl Fn(u64)) {
    while count > 0 {
        let run = pages.neighbours(count);
        count -= run.end - run.start;
        for page in run {
            access(touch.extent.address(page).0);
            if touch.think_ns > 0 {
                Host::<Bare>::work(Work::ThinkNs(touch.think_ns));
            }
        }
    }
}
