//! Hardware counters of a storming thread, on only while it storms.

use host::perf::{Counters, Counts};

/// Counters, or why there are none.
pub(super) struct Meter(Result<Counters, String>);

impl Meter {
    /// Counters of the calling thread, off.
    pub fn open() -> Self {
        Self(Counters::open().map_err(|why| why.to_string()))
    }

    /// No counters, for a storm that is not measured.
    pub fn closed() -> Self {
        Self(Err("not measured".to_owned()))
    }

    /// Counts from here.
    pub fn on(&mut self) {
        self.change(Counters::enable);
    }

    /// Counts no further.
    pub fn off(&mut self) {
        self.change(Counters::disable);
    }

    fn change(&mut self, change: fn(&mut Counters) -> std::io::Result<()>) {
        if let Ok(counters) = &mut self.0
            && let Err(error) = change(counters)
        {
            self.0 = Err(format!("the hardware counters failed: {error}"));
        }
    }

    /// Returns the counts.
    pub fn read(self) -> Result<Counts, String> {
        let counts = self.0?.read().map_err(|e| format!("the hardware counters failed: {e}"))?;
        counts.ok_or_else(|| "others use the hardware counters: they never ran".to_owned())
    }
}
