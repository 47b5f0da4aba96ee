//! CPU affinity: the CPUs that a thread may use, and the one that it runs on.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Returns the CPUs that the calling thread may run on, in ascending order: those that `taskset`, a
/// cpuset or a container left to it.
///
/// # Errors
///
/// The error of `sched_getaffinity`: `EINVAL` if the kernel is built for more than 1024 CPUs and
/// has CPUs beyond the mask.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let mask = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| mask.is_set(cpu)).collect())
}

/// Binds the calling thread to one CPU.
///
/// # Errors
///
/// `EINVAL` if the CPU does not exist, is offline or is not in the cpuset.
pub fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::Error::from(rustix::io::Errno::INVAL));
    }
    let mut mask = CpuSet::new();
    mask.set(cpu);
    Ok(sched_setaffinity(None, &mask)?)
}

/// Returns the CPU that the calling thread runs on at this moment.
pub fn current_cpu() -> usize {
    sched_getcpu()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_runs_where_it_was_pinned() {
        for cpu in allowed_cpus().unwrap() {
            let seen = std::thread::spawn(move || {
                pin(cpu).unwrap();
                (current_cpu(), allowed_cpus().unwrap())
            });
            assert_eq!(seen.join().unwrap(), (cpu, vec![cpu]));
        }
    }

    #[test]
    fn a_cpu_beyond_the_mask_is_refused() {
        assert_eq!(pin(usize::MAX).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
