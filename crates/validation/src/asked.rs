//! What the model is asked: the rate of one storm, and what a fault lacks of a measured one.

use catalogue::Entry;
use host::placement::Placement;
use inputs::machines::MachineFile;
use inputs::workload::{Until, Workload};
use storm::plan::total_threads;
use storm::{ModelSpec, Storm, StormError};

/// Faults a thread: batches turn over several times.
const FAULTS: u64 = 2048;

/// A storm of the model.
#[derive(Clone)]
pub(super) struct Asked<'a> {
    /// Under which scheme.
    pub entry: &'static Entry,
    /// Of what.
    pub workload: &'a Workload,
    /// Threads that groups with a weight share.
    pub threads: usize,
    /// Where they are on the machine.
    pub placement: Placement,
    /// Whether clearing and copying pages is charged.
    pub real_body: bool,
    /// Whether the fault entry asks for mmap_lock's line.
    pub entry_prefetch: bool,
    /// Of every random draw.
    pub seed: u64,
    /// Storming before the measurement, in virtual nanoseconds.
    pub warmup_ns: u64,
}

impl Asked<'_> {
    /// Faults per second of all threads on this machine.
    ///
    /// # Errors
    /// Where the storm fails, or the machine has not such places.
    pub fn rate(&self, machine: &MachineFile) -> Result<f64, StormError> {
        let places = machine
            .places(&self.placement, total_threads(self.workload, self.threads))
            .map_err(|error| StormError::Machine(error.to_string()))?;
        let spec = ModelSpec {
            workload: self.workload,
            threads: self.threads,
            machine: &machine.parameters,
            places: &places,
            real_body: self.real_body,
            entry_prefetch: self.entry_prefetch,
            kernel: None,
            seed: self.seed,
            warmup_ns: self.warmup_ns,
            until: Until::Faults(FAULTS),
            trace: None,
        };
        Ok(rate(&(self.entry.model)(&spec)?.storm))
    }

    /// The machine on which this storm is as fast as `measured`, in faults per second: by the
    /// trap, which stands for all that the simulated kernel leaves out. Not below nothing, so
    /// that a model that is too slow stays too slow.
    ///
    /// # Errors
    /// As [`Asked::rate`].
    pub fn fitted(&self, machine: &MachineFile, measured: f64) -> Result<MachineFile, StormError> {
        let lacks_ns = self.threads as f64 * (1e9 / measured - 1e9 / self.rate(machine)?);
        let mut fitted = machine.clone();
        let work = &mut fitted.parameters.work;
        work.trap_ps = (work.trap_ps as f64 + lacks_ns * 1000.0).max(0.0) as u64;
        Ok(fitted)
    }
}

/// Faults per second inside of the window, all threads together.
pub(super) fn rate(storm: &Storm) -> f64 {
    let faults: u64 = storm.threads.iter().map(|thread| thread.faults).sum();
    faults as f64 / storm.window_ns * 1e9
}
