//! In which order a thread touches the pages of its slice.

use rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};
use rand_pcg::Pcg64Mcg;
use std::ops::Range;
use workload::Order;

/// Pages in the order in which they are touched, by number within the extent. What
/// cannot be computed in a step is drawn before the storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// `from`, `from + step`, ... below `to`, then the same from `from + 1`, `step` times.
    Steps {
        /// First page.
        from: u64,
        /// Page after the last.
        to: u64,
        /// Distance of neighbours.
        step: u64,
    },
    /// One after another, from the start again when it is over.
    Listed(Box<[u32]>),
}

impl Pages {
    /// Creates the order of a pass over `slice` of an extent of mappings of `each` pages.
    ///
    /// # Panics
    /// If the slice is empty, or its pages are listed and their numbers have more than 32 bits.
    pub fn new(
        order: Order,
        slice: Range<u64>,
        each: u64,
        touches: Option<u64>,
        seed: u64,
    ) -> Self {
        assert!(!slice.is_empty(), "a slice has a page");
        let (from, to) = (slice.start, slice.end);
        match order {
            Order::Sequential => Self::Steps { from, to, step: 1 },
            Order::Strided(step) => Self::Steps { from, to, step: step.min(to - from) },
            Order::Random => Self::Listed(permutation(slice, seed)),
            Order::Zipf(exponent) => Self::Listed(zipf(slice, exponent, touches, seed)),
            Order::OnePerTable => Self::Listed(first_pages(slice, each)),
        }
    }

    /// Touches of a whole pass.
    pub fn len(&self) -> u64 {
        match self {
            Self::Steps { from, to, .. } => to - from,
            Self::Listed(pages) => pages.len() as u64,
        }
    }

    /// Returns true if a pass touches nothing: a slice without a first page of a table.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the beginning of a pass.
    pub fn iter(&self) -> PagesIter<'_> {
        self.iter_from(0)
    }

    /// Returns a pass from its touch number `index` on, which it has.
    pub fn iter_from(&self, index: u64) -> PagesIter<'_> {
        let (at, column) = match *self {
            // The first columns may have a page more than the others.
            Self::Steps { from, to, step } => {
                let (pages, longer) = ((to - from) / step, (to - from) % step);
                let (column, row) = match index.checked_sub(longer * (pages + 1)) {
                    None => (index / (pages + 1), index % (pages + 1)),
                    Some(index) => (longer + index / pages, index % pages),
                };
                (from + column + row * step, column)
            }
            Self::Listed(_) => (index, 0),
        };
        PagesIter { pages: self, at, column }
    }
}

/// Endless passes over [`Pages`].
#[derive(Debug, Clone)]
pub struct PagesIter<'a> {
    pages: &'a Pages,
    at: u64,
    column: u64,
}

impl Iterator for PagesIter<'_> {
    type Item = u64;

    #[inline(always)]
    fn next(&mut self) -> Option<u64> {
        let at = self.at;
        match self.pages {
            Pages::Steps { from, to, step } => {
                self.at += step;
                if self.at >= *to {
                    self.column = (self.column + 1) % step;
                    self.at = from + self.column;
                }
                Some(at)
            }
            Pages::Listed(pages) => {
                self.at = if at + 1 == pages.len() as u64 { 0 } else { at + 1 };
                Some(u64::from(pages[at as usize]))
            }
        }
    }
}

impl PagesIter<'_> {
    /// Returns the next pages, at most `most`, while they are neighbours: a loop over them has
    /// nothing else to do.
    #[inline(always)]
    pub fn neighbours(&mut self, most: u64) -> Range<u64> {
        if let Pages::Steps { from, to, step: 1 } = *self.pages {
            let run = self.at..to.min(self.at + most);
            self.at = if run.end == to { from } else { run.end };
            return run;
        }
        let next = self.next().expect("passes are endless");
        next..next + 1
    }
}

/// Returns the pages of `slice`, shuffled (Fisher and Yates).
pub(super) fn permutation(slice: Range<u64>, seed: u64) -> Box<[u32]> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut pages = numbered(slice);
    for last in (1..pages.len()).rev() {
        pages.swap(last, below(&mut random, last as u64 + 1) as usize);
    }
    pages
}

/// Returns a number below `end`, evenly to 1 part in 2^32.
fn below(random: &mut Pcg64Mcg, end: u64) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(end)) >> 64) as u64
}

fn zipf(slice: Range<u64>, exponent: f64, touches: Option<u64>, seed: u64) -> Box<[u32]> {
    let pages = slice.end - slice.start;
    // Ranks are scattered, so that the popular pages do not share a table.
    let by_rank = permutation(slice, seed);
    let ranks = Zipf::new(pages as f64, exponent).expect("the exponent of a workload is positive");
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x5a69_7066);
    (0..touches.unwrap_or(pages))
        .map(|_| by_rank[(ranks.sample(&mut random) as usize).clamp(1, by_rank.len()) - 1])
        .collect()
}

/// Returns the first page under each table of mappings of `each` pages.
fn first_pages(slice: Range<u64>, each: u64) -> Box<[u32]> {
    let per_table = workload::PAGES_PER_TABLE;
    let first = |page: &u64| (page % each).is_multiple_of(per_table);
    numbered(slice.filter(first))
}

fn numbered(pages: impl Iterator<Item = u64>) -> Box<[u32]> {
    let number = |page: u64| u32::try_from(page).expect("a page that is listed has 32 bits");
    pages.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(pages: &Pages) -> Vec<u64> {
        pages.iter().take(pages.len() as usize).collect()
    }

    #[test]
    fn strides_cover_the_slice_once() {
        let pages = Pages::new(Order::Strided(4), 10..20, 100, None, 1);
        assert_eq!(pass(&pages), [10, 14, 18, 11, 15, 19, 12, 16, 13, 17]);
        let again: Vec<_> = pages.iter().skip(10).take(3).collect();
        assert_eq!(again, [10, 14, 18], "a second pass is as the first");
    }

    #[test]
    fn a_random_pass_is_a_permutation_of_its_seed() {
        let order = |seed| pass(&Pages::new(Order::Random, 5..1000, 1000, None, seed));
        let mut sorted = order(7);
        assert_eq!(sorted, order(7));
        assert_ne!(sorted, order(8));
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(5..1000));
    }

    #[test]
    fn a_pass_can_be_begun_anywhere() {
        for order in [
            Order::Sequential,
            Order::Strided(4),
            Order::Strided(7),
            Order::Strided(30),
            Order::Random,
            Order::Zipf(1.0),
            Order::OnePerTable,
        ] {
            let pages = Pages::new(order, 10..27, 5, None, 1);
            for index in 0..pages.len() {
                let found: Vec<u64> = pages.iter_from(index).take(40).collect();
                let expected: Vec<u64> = pages.iter().skip(index as usize).take(40).collect();
                assert_eq!(found, expected, "{order:?} from {index}");
            }
        }
    }

    #[test]
    fn neighbours_are_the_same_pages() {
        for order in [Order::Sequential, Order::Strided(3), Order::Random] {
            let pages = Pages::new(order, 10..20, 100, None, 1);
            let (mut runs, mut found) = (pages.iter(), Vec::new());
            for most in [3, 1, 9, 20, 2] {
                found.extend(runs.neighbours(most));
            }
            let one_by_one: Vec<u64> = pages.iter().take(found.len()).collect();
            assert_eq!(found, one_by_one, "{order:?}");
        }
    }

    #[test]
    fn zipf_prefers_few_pages_and_stays_in_the_slice() {
        let pages = pass(&Pages::new(Order::Zipf(1.2), 100..612, 1000, Some(5000), 3));
        assert_eq!(pages.len(), 5000);
        assert!(pages.iter().all(|page| (100..612).contains(page)));
        let mut counts = std::collections::BTreeMap::new();
        pages.iter().for_each(|page| *counts.entry(page).or_insert(0) += 1);
        let most = counts.values().max().expect("there are touches");
        assert!(*most > 5000 / 10, "the first rank has well over its even share: {most}");
    }

    #[test]
    fn one_page_per_table_of_each_mapping() {
        let pages = Pages::new(Order::OnePerTable, 0..2048, 700, None, 1);
        assert_eq!(pass(&pages), [0, 512, 700, 1212, 1400, 1912]);
    }
}
