//! Memory cgroups: pages are charged to the group of the process and to every group above
//! it, by 64 at a time.
//!
//! Reference: Linux 7.2 `mm/memcontrol.c` (`try_charge_memcg`, `consume_stock`, `uncharge_batch`)
//! and `mm/page_counter.c`. A core keeps the rest of a batch as its stock. Freed pages do not
//! return to the stock: each call that frees subtracts its pages from the counters at once. In the
//! root group nothing is counted.

use machine::{LINE_WORDS, Line, LineName, Machine, Ordering};

/// A line of its own since Linux 6.1.
static USAGE: LineName =
    LineName { name: "memcg.usage", words: ["memory.usage", "", "", "", "", "", "", ""] };

static TRACKING: LineName = LineName {
    name: "memcg.watermark",
    words: [
        "memory.emin",
        "memory.min_usage",
        "memory.children_min_usage",
        "memory.elow",
        "memory.low_usage",
        "memory.children_low_usage",
        "memory.watermark",
        "memory.failcnt",
    ],
};

const WATERMARK: usize = 6;
/// Pages that are charged at a time (`MEMCG_CHARGE_BATCH`).
const CHARGE_BATCH: u64 = 64;

/// `struct page_counter` without its read-mostly limits.
struct PageCounter<M: Machine> {
    usage: M::Line,
    tracking: M::Line,
}

impl<M: Machine> PageCounter<M> {
    fn new() -> Self {
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        Self { usage: line(&USAGE), tracking: line(&TRACKING) }
    }

    fn charge(&self, pages: u64) {
        let usage = self.usage.fetch_add(0, pages, Ordering::Relaxed) + pages;
        // Lossy, as in the kernel.
        if usage > self.tracking.load(WATERMARK, Ordering::Relaxed) {
            self.tracking.store(WATERMARK, usage, Ordering::Relaxed);
        }
    }
}

/// The counters that a process charges: its own group's first, the root's last.
pub struct Memcg<M: Machine>(Box<[PageCounter<M>]>);

impl<M: Machine> Memcg<M> {
    /// Creates the counters of a group with `depth` groups above it.
    pub fn new(depth: u32) -> Self {
        let levels = if depth == 0 { 0 } else { depth + 1 };
        Self((0..levels).map(|_| PageCounter::new()).collect())
    }

    fn charge(&self, pages: u64) {
        self.0.iter().for_each(|level| level.charge(pages));
    }

    /// Uncharges pages that were freed.
    pub fn uncharge(&self, pages: u64) {
        for level in self.0.iter().filter(|_| pages > 0) {
            level.usage.fetch_sub(0, pages, Ordering::Relaxed);
        }
    }

    /// Returns the pages charged to each group, stocks included.
    pub fn usage(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|level| level.usage.load(0, Ordering::Relaxed))
    }
}

/// Pages that a core has charged and not used yet (`memcg_stock_pcp`). No other core reads it, so
/// it is on no tracked line.
#[derive(Debug, Default)]
pub struct Stock(u64);

impl Stock {
    /// Charges a page.
    #[inline(always)]
    pub fn charge<M: Machine>(&mut self, memcg: &Memcg<M>) {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => self.refill(memcg, CHARGE_BATCH - 1),
        }
    }

    /// Charges the pages of a large folio together (`try_charge_memcg`).
    pub fn charge_many<M: Machine>(&mut self, memcg: &Memcg<M>, pages: u64) {
        match self.0.checked_sub(pages) {
            Some(left) => self.0 = left,
            None => {
                let batch = pages.max(CHARGE_BATCH);
                memcg.charge(batch);
                self.put_by(memcg, batch - pages);
            }
        }
    }

    /// Adds to the stock, which has at most a batch (`refill_stock`).
    fn put_by<M: Machine>(&mut self, memcg: &Memcg<M>, pages: u64) {
        self.0 += pages;
        if self.0 > CHARGE_BATCH {
            self.retire(memcg);
        }
    }

    /// Starts with part of a batch, by `draw`.
    pub fn stagger<M: Machine>(&mut self, memcg: &Memcg<M>, draw: u64) {
        self.retire(memcg);
        let pages = draw % CHARGE_BATCH;
        memcg.charge(pages);
        self.0 = pages;
    }

    #[cold]
    fn refill<M: Machine>(&mut self, memcg: &Memcg<M>, left: u64) {
        memcg.charge(CHARGE_BATCH);
        self.0 = left;
    }

    /// Gives everything back (`drain_stock`).
    pub fn retire<M: Machine>(&mut self, memcg: &Memcg<M>) {
        memcg.uncharge(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::Host;

    #[test]
    fn pages_are_charged_by_batch_at_every_level() {
        let (memcg, mut stock) = (Memcg::<Host>::new(2), Stock::default());
        (0..65).for_each(|_| stock.charge(&memcg));
        assert!(memcg.usage().eq([128, 128, 128]), "its own, the one above, the root");
        memcg.uncharge(5);
        stock.retire(&memcg);
        assert!(memcg.usage().eq([60, 60, 60]));
    }

    #[test]
    fn a_large_folio_is_charged_at_once() {
        let (memcg, mut stock) = (Memcg::<Host>::new(1), Stock::default());
        stock.charge_many(&memcg, 16);
        stock.charge_many(&memcg, 48);
        assert!(memcg.usage().eq([64, 64]), "one batch for both");
        stock.charge_many(&memcg, 512);
        assert!(memcg.usage().eq([576, 576]), "and nothing is left of it");
        memcg.uncharge(576);
        stock.retire(&memcg);
        assert!(memcg.usage().eq([0, 0]));
    }

    #[test]
    fn in_the_root_group_nothing_is_charged() {
        let (memcg, mut stock) = (Memcg::<Host>::new(0), Stock::default());
        (0..65).for_each(|_| stock.charge(&memcg));
        assert_eq!(memcg.usage().count(), 0);
    }
}
