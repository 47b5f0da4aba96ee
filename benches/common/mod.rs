//! Shared by the benches: CPUs of threads, and numbers of threads.

use faultstorm::host::placement::{Placement, place};
use faultstorm::host::topology::Topology;

#[allow(dead_code, reason = "not every bench is run at several")]
/// Returns the thread counts of a bench: 1, then doublings, then the number of CPUs.
pub fn thread_counts() -> Vec<usize> {
    let cpus = topology().allowed_count();
    let doublings = std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < cpus);
    doublings.chain([cpus]).collect()
}

/// Returns the CPUs of `threads` threads: cores before siblings, sockets in turn.
pub fn cpus(threads: usize) -> Vec<usize> {
    place(&topology(), &Placement::Scatter, threads).expect("there are as many CPUs")
}

fn topology() -> Topology {
    Topology::here().expect("the kernel says where we may run")
}
