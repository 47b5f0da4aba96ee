//! This machine's numbers for the model, as far as its cores can measure them.
//!
//! A few cores cannot measure hops to sockets that the machine does not have, the price of many
//! copies, or arbitration among many cores. These numbers are taken from another machine file, and
//! marked as estimates.

pub mod kernel;
mod loops;
mod machine;
mod memory;

pub use machine::machine;

use host::topology::Topology;
use stats::median;
use std::io;
use std::thread;

/// A number that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Its name in tables.
    pub what: &'static str,
    /// The probe that measured it.
    pub probe: Probe,
    /// Median over repeats, in nanoseconds.
    pub ns: f64,
    /// Half the distance between the largest and the smallest repeat, as a share of the median.
    pub spread: f64,
}

/// A quantity that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A load that hits.
    LoadHit,
    /// A read-modify-write that hits.
    RmwHit,
    /// A plain store.
    Store,
    /// A line handed over by compare-exchange alone.
    BlindHandOver,
    /// A line handed over by a load and a compare-exchange.
    LookingHandOver,
    /// A ticket lock handed over.
    TicketHandOver,
    /// A line read again after a write, as a sequence count is.
    Refill,
    /// An addition to one line while all CPUs add.
    ContendedAdd,
    /// A successful round of a compare-exchange loop while all CPUs run it.
    ContendedLoop,
    /// A load from memory.
    Memory,
    /// Clearing a page.
    ClearPage,
    /// Copying a page.
    CopyPage,
}

/// Measures all quantities in turn, `repeats` times, so that a drift of the clock hits all of them
/// alike. It runs on the CPUs of `topology` that the process may use.
///
/// # Errors
/// A thread cannot be pinned or started.
pub fn measure(topology: &Topology, repeats: u32) -> io::Result<Vec<Measurement>> {
    // Loops pin their thread, so they run on one that is not the caller's.
    thread::scope(|scope| {
        let measure =
            thread::Builder::new().spawn_scoped(scope, || measure_pinned(topology, repeats))?;
        measure.join().expect("loops do not panic")
    })
}

fn measure_pinned(topology: &Topology, repeats: u32) -> io::Result<Vec<Measurement>> {
    let cpus: Vec<usize> = topology.allowed().map(|cpu| cpu.id).collect();
    let mut probes: Vec<(Probe, &'static str, Vec<f64>)> =
        probes(cpus.len()).map(|(probe, what)| (probe, what, Vec::new())).collect();
    let memory = memory::Buffers::new();
    for _ in 0..repeats {
        for (probe, _, samples) in &mut probes {
            samples.push(match probe {
                Probe::Memory => memory.latency_ns(cpus[0])?,
                Probe::ClearPage => memory.clear_ns(cpus[0])?,
                Probe::CopyPage => memory.copy_ns(cpus[0])?,
                probe => loops::ns(*probe, &cpus)?,
            });
        }
    }
    let measured = probes.into_iter().map(|(probe, what, samples)| {
        let ns = median(&samples).expect("there are repeats, and times are numbers");
        let low = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let high = samples.iter().copied().fold(0.0, f64::max);
        Measurement { what, probe, ns, spread: (high - low) / 2.0 / ns }
    });
    Ok(measured.collect())
}

/// Returns the probes that `cpus` CPUs can measure, with their names.
fn probes(cpus: usize) -> impl Iterator<Item = (Probe, &'static str)> {
    let alone = [
        (Probe::LoadHit, "load, own cache"),
        (Probe::RmwHit, "fetch_add, own cache"),
        (Probe::Store, "store, own cache"),
        (Probe::Memory, "load, memory"),
        (Probe::ClearPage, "clearing a page"),
        (Probe::CopyPage, "copying a page"),
    ];
    let together = [
        (Probe::BlindHandOver, "hand-over, blind CAS"),
        (Probe::LookingHandOver, "hand-over, load and CAS"),
        (Probe::TicketHandOver, "hand-over, ticket lock"),
        (Probe::Refill, "refill after a write"),
        (Probe::ContendedAdd, "fetch_add, all CPUs"),
        (Probe::ContendedLoop, "CAS loop, all CPUs"),
    ];
    let together = together.into_iter().filter(move |_| cpus > 1);
    alone.into_iter().chain(together)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::affinity;

    #[test]
    fn the_caller_may_run_where_it_could_before() {
        let before = affinity::allowed_cpus().expect("the kernel says where we may run");
        let topology = Topology::here().expect("the kernel says what there is");
        let measured = measure(&topology, 1).expect("threads can be had");
        assert!(measured.iter().all(|found| found.ns >= 0.0));
        assert_eq!(affinity::allowed_cpus().ok(), Some(before));
    }
}
