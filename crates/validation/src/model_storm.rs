//! One storm of the model: its rate, and the private work that makes it as fast as a measured one.

use catalogue::Entry;
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::workload::{Until, Workload};
use mm::kernel::Kernel;
use storm::plan::total_threads;
use storm::{Executor, ModelExecutor, Storm, StormError, StormRequest};

/// Faults of each thread that refill per-core batches several times.
pub(super) const FAULTS: u64 = 2048;

/// A storm of the model.
#[derive(Clone)]
pub(super) struct ModelStorm<'a> {
    /// The strategy.
    pub entry: &'static Entry,
    /// The workload.
    pub workload: &'a Workload,
    /// Threads that groups with a weight share; groups with a fixed number add theirs.
    pub threads: usize,
    /// The kernel of the space; `None`: the strategy's own.
    pub kernel: Option<&'static Kernel>,
    /// Faults of each thread.
    pub faults: u64,
    /// Their places on the machine.
    pub placement: Placement,
    /// True if clearing and copying pages is charged.
    pub real_body: bool,
    /// True if each fault prefetches the line of mmap_lock on entry.
    pub entry_prefetch: bool,
    /// Seed of all random draws.
    pub seed: u64,
    /// Length of the warm-up, in virtual nanoseconds.
    pub warmup_ns: u64,
}

impl ModelStorm<'_> {
    /// Runs the storm on `machine`, and returns faults per second of all threads together.
    ///
    /// # Errors
    /// The storm fails, or the machine does not have these places.
    pub fn rate(&self, machine: &MachineFile) -> Result<f64, StormError> {
        let places = machine
            .places(&self.placement, total_threads(self.workload, self.threads))
            .map_err(|error| StormError::Machine(error.to_string()))?;
        let spec = StormRequest {
            workload: self.workload,
            weighted_threads: self.threads,
            real_body: self.real_body,
            entry_prefetch: self.entry_prefetch,
            kernel: self.kernel,
            seed: self.seed,
            warmup_ns: self.warmup_ns,
            until: Until::Faults(self.faults),
            executor: Executor::Model(ModelExecutor {
                machine: &machine.parameters,
                places: &places,
                trace: None,
            }),
        };
        Ok(rate(&(self.entry.run)(&spec)?))
    }

    /// Returns the machine with the trap time at which this storm makes `measured` faults per
    /// second; the trap represents all work that the simulated kernel leaves out. The time does not
    /// go below 0, so a model that is too slow stays too slow.
    ///
    /// # Errors
    /// See [`ModelStorm::rate`].
    pub fn fitted(&self, machine: &MachineFile, measured: f64) -> Result<MachineFile, StormError> {
        let lacks_ns = self.threads as f64 * (1e9 / measured - 1e9 / self.rate(machine)?);
        let mut fitted = machine.clone();
        let work = &mut fitted.parameters.work;
        work.trap_ps = (work.trap_ps as f64 + lacks_ns * 1000.0).max(0.0) as u64;
        Ok(fitted)
    }
}

/// Returns the faults per second of all threads together within the window.
pub(super) fn rate(storm: &Storm) -> f64 {
    let faults: u64 = storm.threads.iter().map(|thread| thread.faults).sum();
    faults as f64 / storm.window_ns * 1e9
}
