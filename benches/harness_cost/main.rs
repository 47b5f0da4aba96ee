//! Cost of the harness in addition to the measured code, in one interleaved run.
//!
//! *Generic against hand-written:* the read sides of the primitives, once through
//! [`Machine`](faultstorm::machine::Machine) and once with plain atomics. `scripts/disassembly`
//! compares their locked instructions.
//!
//! *A fault of `unlocked` against a hand-written loop* with the same loads, lock, store and unlock
//! over the same tables: the harness's cost per fault.
//!
//! `cargo bench --bench harness_cost`. With `--test` each part runs once, with little work.

#[path = "../common/mod.rs"]
mod common;
mod fault;
mod primitives;

use faultstorm::host::affinity;
use faultstorm::stats;
use std::sync::atomic::{AtomicU64, Ordering};

/// Amount of work to measure.
#[derive(Clone, Copy)]
struct Effort {
    repeats: usize,
    /// Operations per repeat of a primitive.
    operations: u64,
    /// Rounds over the VMA per repeat of a fault.
    rounds: u64,
}

/// Cost of a variant: one mean per repeat, in nanoseconds.
struct Cost {
    name: &'static str,
    ns: Vec<f64>,
}

impl Cost {
    fn median(&self) -> f64 {
        stats::median(&self.ns).expect("every repeat has a time")
    }
}

/// Measures each variant once per repeat, in turn. Each repeat starts with another variant, so that
/// none is always measured after the same other one.
fn interleaved(
    repeats: usize,
    names: &[&'static str],
    mut measure: impl FnMut(usize) -> f64,
) -> Vec<Cost> {
    let mut costs: Vec<Cost> = names.iter().map(|name| Cost { name, ns: Vec::new() }).collect();
    for repeat in 0..repeats {
        for turn in 0..names.len() {
            let variant = (repeat + turn) % names.len();
            let ns = measure(variant);
            costs[variant].ns.push(ns);
        }
    }
    costs
}

/// Eight words on a separate line, as in a hand-written program.
#[repr(C, align(64))]
struct HandLine([AtomicU64; 8]);

impl HandLine {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 8])
    }

    #[inline(always)]
    fn load(&self, word: usize) -> u64 {
        self.0[word].load(Ordering::Relaxed)
    }
}

fn main() {
    // As in criterion: little work, except under `cargo bench` without `--test`.
    let said = |flag| std::env::args().any(|arg| arg == flag);
    let effort = match !said("--bench") || said("--test") {
        true => Effort { repeats: 2, operations: 1000, rounds: 1 },
        false => Effort { repeats: 41, operations: 2_000_000, rounds: 10 },
    };
    affinity::pin(common::cpus(1)[0]).expect("the CPU is one that we may use");
    println!("medians of {} interleaved repeats, one thread\n", effort.repeats);
    primitives::compare(effort);
    println!();
    fault::compare(effort);
}
