//! Lines that moved in a storm, with a rate per fault or per operation.

use document::run::{LineCount, Lines, OpLines};
use machine::host::Tally;

/// Lines that moved in a storm, in total.
pub(super) struct MovedLines {
    pub counted: &'static str,
    pub transfers: u64,
    pub by_name: Vec<LineCount>,
}

impl MovedLines {
    /// Returns the lines that a storm counted.
    pub fn counted(tally: &Tally) -> MovedLines {
        const COUNTED: &str = "rmw+loads";
        let total: u64 = tally.0.iter().map(|(_, line)| line.transfers).sum();
        let mut by_name: Vec<LineCount> = Vec::new();
        for (name, line) in &tally.0 {
            // A name may stand for lines of several structures.
            match by_name.iter_mut().find(|count| count.name == name.name) {
                Some(count) => {
                    count.reads = count.reads.map(|reads| reads + line.reads);
                    count.writes = count.writes.map(|writes| writes + line.writes);
                    count.transfers += line.transfers;
                }
                None => by_name.push(LineCount {
                    name: name.name.to_owned(),
                    counted: COUNTED.to_owned(),
                    reads: Some(line.reads),
                    writes: Some(line.writes),
                    transfers: line.transfers,
                    transfer_share: None,
                    stall_share: None,
                    queued_share: None,
                    word_pairs: Vec::new(),
                }),
            }
        }
        for count in &mut by_name {
            count.transfer_share = (total > 0).then(|| count.transfers as f64 / total as f64);
        }
        by_name.sort_by(|a, b| b.transfers.cmp(&a.transfers).then_with(|| a.name.cmp(&b.name)));
        MovedLines { counted: COUNTED, transfers: total, by_name }
    }

    pub fn per_fault(self, faults: u64) -> Lines {
        let transfers_per_fault = self.transfers as f64 / faults as f64;
        Lines { counted: self.counted.to_owned(), transfers_per_fault, by_name: self.by_name }
    }

    pub fn per_op(self, ops: u64) -> OpLines {
        let transfers_per_op = self.transfers as f64 / ops as f64;
        OpLines { counted: self.counted.to_owned(), transfers_per_op, by_name: self.by_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::LineName;
    use machine::host::LineTally;

    static HOT: LineName = LineName { name: "mm.hot", words: [""; 8] };
    static HOT_TOO: LineName = LineName { name: "mm.hot", words: [""; 8] };
    static COLD: LineName = LineName { name: "mm.cold", words: [""; 8] };

    #[test]
    fn lines_of_one_name_are_one_and_the_hottest_stands_first() {
        let line = |transfers| LineTally { reads: 1, writes: 2, transfers };
        let tally = Tally(vec![(&COLD, line(10)), (&HOT, line(20)), (&HOT_TOO, line(10))]);
        let found = MovedLines::counted(&tally).per_fault(80);
        assert_eq!(found.transfers_per_fault, 0.5);
        let names: Vec<&str> = found.by_name.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["mm.hot", "mm.cold"]);
        let hot = &found.by_name[0];
        assert_eq!((hot.reads, hot.writes, hot.transfers), (Some(2), Some(4), 30));
        assert_eq!(hot.transfer_share, Some(0.75));
        assert_eq!(MovedLines::counted(&tally).per_op(160).transfers_per_op, 0.25);
        let still = MovedLines::counted(&Tally(vec![(&COLD, line(0))])).per_fault(80);
        assert_eq!(still.by_name[0].transfer_share, None, "no line moved");
    }
}
