//! Progress of a thread over time, from which the window of a leg is computed.

/// Most notes that are kept of a leg.
const MOST: usize = 1 << 16;

/// Time and faults at looks at the clock, in order. If a thread looks more often than can be
/// kept, every second note goes, and from then on half as many are taken.
pub(super) struct Notes {
    kept: Vec<(u64, u64)>,
    most: usize,
    /// Looks for each one that is kept.
    every: u64,
    /// Looks since the last that was kept.
    looks: u64,
}

/// Returns the notes that are kept of so many looks.
fn kept(looks: u64) -> usize {
    looks.saturating_add(2).min(MOST as u64) as usize
}

/// Returns the bytes that the notes of so many looks take.
pub(super) fn bytes(looks: u64) -> u64 {
    (kept(looks) * size_of::<(u64, u64)>()) as u64
}

impl Notes {
    /// Of legs in which a thread looks at the clock so often between begin and end.
    pub fn new(looks: u64) -> Self {
        let most = kept(looks);
        Self { kept: Vec::with_capacity(most), most, every: 1, looks: 0 }
    }

    /// A leg begins.
    pub fn begin(&mut self, at: u64, faults: u64) {
        self.kept.clear();
        self.kept.push((at, faults));
        (self.every, self.looks) = (1, 0);
    }

    /// The thread has looked at the clock.
    pub fn take(&mut self, at: u64, faults: u64) {
        self.looks += 1;
        if self.looks < self.every {
            return;
        }
        self.looks = 0;
        // Room is left for the end.
        if self.kept.len() + 1 == self.most {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
        }
        self.kept.push((at, faults));
    }

    /// The leg is over.
    pub fn end(&mut self, at: u64, faults: u64) {
        self.kept.push((at, faults));
    }

    /// Faults by `time`, between two notes by proportion.
    pub fn faults_by(&self, time: u64) -> f64 {
        let after = self.kept.partition_point(|(at, _)| *at < time);
        let faults = |index: usize| self.kept[index].1 as f64;
        if after == 0 {
            return faults(0);
        }
        if after == self.kept.len() {
            return faults(after - 1);
        }
        let ((from, _), (to, _)) = (self.kept[after - 1], self.kept[after]);
        let share = (time - from) as f64 / (to - from) as f64;
        faults(after - 1) + share * (faults(after) - faults(after - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_between_two_notes_are_by_proportion() {
        let mut notes = Notes::new(2);
        notes.begin(100, 0);
        notes.take(200, 10);
        notes.take(300, 10);
        notes.end(400, 50);
        let by = |time| notes.faults_by(time);
        assert_eq!([by(0), by(150), by(250), by(375), by(999)], [0.0, 5.0, 10.0, 40.0, 50.0]);
    }

    #[test]
    fn a_leg_of_any_length_is_kept_in_bounded_memory_from_end_to_end() {
        let mut notes = Notes::new(u64::MAX);
        let room = notes.kept.capacity();
        for _ in 0..2 {
            notes.begin(0, 0);
            (1..5 * MOST as u64).for_each(|look| notes.take(10 * look, look));
            notes.end(50 * MOST as u64, 5 * MOST as u64);
            assert!(notes.kept.len() > MOST / 2 && notes.kept.capacity() == room);
            for share in [1, 100, 1_000, 49_999] {
                let (time, faults) = (share * MOST as u64 / 1_000, share as f64 * MOST as f64);
                assert!((notes.faults_by(time) - faults / 1e4).abs() < 8.0, "by {time}");
            }
        }
    }
}
