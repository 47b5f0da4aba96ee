//! A fault of `unlocked` on the zero page, compared with a hand-written loop.

use super::{Effort, HandLine, common, interleaved};
use faultstorm::host::clock::Clock;
use faultstorm::mm::frames::Arena;
use faultstorm::stats;
use faultstorm::storm::{Executor, Recording, StormRequest, ThreadExecutor};
use faultstorm::strategy::{self, STRATEGIES};
use faultstorm::workload::{self, Until, Workload};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr::{null_mut, slice_from_raw_parts};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const PAGES: u64 = 1 << 16;
const PAGE_SHIFT: u32 = 12;
const PRESENT: u64 = 1;
const ZERO_PAGE: u64 = 1 << 2 | PRESENT;
/// Start of the VMA: 2 MiB aligned, as every VMA of a storm is.
const START: u64 = 1 << 30;
const LEAF: u64 = 1 << 8;

/// Workload of one VMA, whose pages every thread reads once per round.
const WORKLOAD: &str = r#"
summary = "the zero page, one VMA"
reset = "zap"
[[vma]]
name = "heap"
size = "256MiB"
[[op]]
touch = { vma = "heap", access = "read" }
"#;

/// A table of 512 entries, followed by its lock on a separate line.
#[repr(C, align(64))]
struct HandTable {
    entries: [AtomicU64; 512],
    lock: HandLine,
}

/// Memory that a fault of `unlocked` reads and writes, with the same layout.
struct HandSpace {
    /// Root of the tree, and top table.
    mm: HandLine,
    /// A tree of one leaf: header, pivots, slots.
    node: [HandLine; 4],
    /// `vm_start`, `vm_end`, flags; then the file.
    vma: [HandLine; 2],
    tables: *const [HandTable],
}

fn index(addr: u64, level: u32) -> usize {
    (addr >> (PAGE_SHIFT + 9 * level)) as usize % 512
}

impl HandSpace {
    /// Allocates tables on huge pages, as a storm does.
    fn new() -> Self {
        let count = 3 + PAGES as usize / 512;
        let bytes = (count * size_of::<HandTable>()).next_multiple_of(2 << 20);
        // SAFETY: a new mapping touches no other memory; the advice changes no content.
        let at = unsafe {
            let (access, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
            let at = mmap_anonymous(null_mut(), bytes, access, private).expect("there is memory");
            let _ = madvise(at, bytes, Advice::LinuxHugepage);
            at
        };
        let (mm, vma) = (HandLine::new(), [const { HandLine::new() }; 2]);
        let node = [const { HandLine::new() }; 4];
        mm.0[0].store(1, Relaxed);
        mm.0[1].store(PRESENT, Relaxed);
        node[0].0[0].store(LEAF | 1, Relaxed);
        node[0].0[1].store(START + (PAGES << PAGE_SHIFT), Relaxed);
        node[2].0[0].store(1, Relaxed);
        vma[0].0[0].store(START, Relaxed);
        vma[0].0[1].store(START + (PAGES << PAGE_SHIFT), Relaxed);
        let space = Self { mm, node, vma, tables: slice_from_raw_parts(at.cast(), count) };
        space.link();
        space
    }

    fn link(&self) {
        let entry = |table: u64| table << PAGE_SHIFT | PRESENT;
        self.table(0).entries[index(START, 3)].store(entry(1), Relaxed);
        self.table(1).entries[index(START, 2)].store(entry(2), Relaxed);
        for table in 0..PAGES / 512 {
            let at = index(START + (table << 21), 1);
            self.table(2).entries[at].store(entry(3 + table), Relaxed);
        }
    }

    #[inline(always)]
    fn table(&self, number: u64) -> &HandTable {
        // SAFETY: the mapping lives as long as `self`; it is zeroed, which is a valid `HandTable`
        // of atomics; and the index is checked against its length.
        unsafe { &(&*self.tables)[number as usize] }
    }

    #[inline(always)]
    fn child(&self, table: u64, index: usize) -> u64 {
        let entry = self.table(table).entries[index].load(Acquire);
        assert!(entry & PRESENT != 0, "every table is there");
        entry >> PAGE_SHIFT
    }

    /// Walks from the top table to the pmd table.
    #[inline(always)]
    fn to_pmd(&self, addr: u64) -> u64 {
        let pud = self.child(self.mm.load(1) >> PAGE_SHIFT, index(addr, 3));
        self.child(pud, index(addr, 2))
    }

    /// Walks as the processor does; then does the same as `unlocked`, in the same order: tree, VMA,
    /// tables, lock, pte, unlock.
    #[inline(always)]
    fn touch<R>(&self, addr: u64, read_section: impl Fn() -> R) {
        let lowest = self.child(self.to_pmd(addr), index(addr, 1));
        if self.table(lowest).entries[index(addr, 0)].load(Acquire) != 0 {
            return;
        }
        let _section = read_section();
        assert!(self.mm.0[0].load(Acquire) != 0, "there is a tree");
        let header = self.node[0].load(0);
        assert!(header == LEAF | 1 && addr < self.node[0].load(1), "the only entry holds it");
        assert!(self.node[2].0[0].load(Acquire) == 1, "there is one VMA");
        let [lookup, file] = &self.vma;
        assert!(lookup.load(0) <= addr && addr < lookup.load(1), "it is inside");
        assert!(file.load(2) == 0, "it is anonymous");
        let pmd = self.to_pmd(addr);
        // Once to check that the table exists, once to lock it.
        self.child(pmd, index(addr, 1));
        let table = self.table(self.child(pmd, index(addr, 1)));
        let lock = &table.lock.0[0];
        assert!(lock.compare_exchange(0, 1, Acquire, Relaxed).is_ok(), "nobody else is here");
        let pte = &table.entries[index(addr, 0)];
        if pte.load(Relaxed) == 0 {
            pte.store(ZERO_PAGE, Release);
        }
        lock.store(0, Release);
    }

    fn zap(&self) {
        for table in 0..PAGES / 512 {
            self.table(3 + table).entries.iter().for_each(|pte| pte.store(0, Relaxed));
        }
    }

    /// Returns the mean time of a fault over `rounds` rounds, in nanoseconds.
    #[inline(always)]
    fn rounds<R>(&self, rounds: u64, clock: Clock, read_section: impl Fn() -> R) -> f64 {
        let mut ns = 0.0;
        for _ in 0..rounds {
            let from = clock.start();
            for page in 0..PAGES {
                self.touch(START + (page << PAGE_SHIFT), &read_section);
            }
            ns += clock.delta_ns(from, clock.end());
            self.zap();
        }
        ns / (rounds * PAGES) as f64
    }
}

impl Drop for HandSpace {
    fn drop(&mut self) {
        let bytes = (self.tables.len() * size_of::<HandTable>()).next_multiple_of(2 << 20);
        // SAFETY: the mapping was made in `new`, and no reference to it outlives `self`.
        let _ = unsafe { munmap(self.tables.cast_mut().cast(), bytes) };
    }
}

/// Returns the mean time of a fault of `unlocked`, in nanoseconds.
fn unlocked(workload: &Workload, rounds: u64, clock: Clock, sample_period: u64) -> f64 {
    let entry = strategy::find("unlocked").expect("it is in the table");
    let storm = (entry.run)(&StormRequest {
        workload,
        weighted_threads: 1,
        real_body: false,
        entry_prefetch: false,
        kernel: None,
        seed: 1,
        // Several rounds before the measurement, so that all memory has been touched.
        warmup_ns: 10_000_000,
        until: Until::Rounds(rounds),
        executor: Executor::Threads(ThreadExecutor {
            cpus: &common::cpus(1),
            recording: Recording::Throughput,
            sample_period,
            clock,
            arena: &Arena::new(1).expect("there is memory for a page"),
        }),
    })
    .expect("a storm of one thread");
    assert_eq!(storm.counts.faults, rounds * PAGES);
    storm.window_ns / storm.counts.faults as f64
}

/// Prints the cost of `unlocked` beyond the hand-written loop.
pub fn compare(effort: Effort) {
    let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    let workload = workload::parse("zero", "zero.toml", WORKLOAD, &names)
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
    let (clock, space) = (Clock::new(), HandSpace::new());
    let epoch = crossbeam_epoch::Collector::new().register();
    space.rounds(1, clock, || {});
    let names = ["by hand", "by hand, epoch pin", "unlocked", "unlocked, sampled 1/64"];
    let costs = interleaved(effort.repeats, &names, |variant| match variant {
        0 => space.rounds(effort.rounds, clock, || {}),
        1 => space.rounds(effort.rounds, clock, || epoch.pin()),
        2 => unlocked(&workload, effort.rounds, clock, 0),
        _ => unlocked(&workload, effort.rounds, clock, 64),
    });
    println!("fault (zero page)       ns a fault   beyond by hand      95%");
    for cost in &costs {
        let beyond: Vec<f64> = cost.ns.iter().zip(&costs[0].ns).map(|(a, b)| a - b).collect();
        let beyond = stats::interval(&beyond, 1).expect("every repeat has a difference");
        let bounds = match (beyond.low, beyond.high) {
            (Some(low), Some(high)) => format!("{low:.2} to {high:.2}"),
            _ => "-".to_owned(),
        };
        let (name, ns) = (cost.name, cost.median());
        println!("{name:<23} {ns:>10.2}   {:>11.2} ns   {bounds}", beyond.median);
    }
}
