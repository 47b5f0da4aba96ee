//! Outcomes that a workload's operations can have.

use super::{Action, Change, LoadOrStore, Op, ThreadGroup, Touch, Workload, WorkloadFile};

impl Workload {
    /// Returns all operations of writers, group after group.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.groups.iter().flat_map(ThreadGroup::ops).filter_map(|op| match op {
            Op::Touch(_) => None,
            Op::Change(change) => Some(change),
        })
    }

    /// True if the workload has writers.
    pub fn has_changes(&self) -> bool {
        self.changes().next().is_some()
    }

    /// True if a touch can find no mapping, or one that forbids the access.
    pub fn may_segv(&self) -> bool {
        let takes_away = |change: &Change| {
            let action = &change.action;
            matches!(action, Action::Munmap(_) | Action::Mremap(_))
                || matches!(action, Action::Mprotect { writable: false, .. })
        };
        let incomplete =
            self.vmas.iter().any(|vma| !vma.mapped || vma.grows_down_from_pages.is_some());
        // Such a workload has a writer that makes the mapping writable, maybe too late.
        let writes_early =
            |touch: &Touch| touch.access == LoadOrStore::Write && !self.vmas[touch.vma].writable;
        incomplete
            || self.changes().any(takes_away)
            || self.groups.iter().flat_map(ThreadGroup::touches).any(writes_early)
    }

    /// True if a touch can be beyond the end of a file.
    pub fn may_sigbus(&self) -> bool {
        self.changes().any(|change| matches!(change.action, Action::Truncate { .. }))
    }

    /// True if a fault may wait for a page of a file.
    pub fn may_wait(&self) -> bool {
        let waits =
            |file: &WorkloadFile| file.cached < 1.0 || file.locked > 0.0 || file.not_uptodate > 0.0;
        self.may_sigbus() || self.files.iter().any(waits)
    }
}

#[cfg(test)]
mod tests {
    // `inputs` is built with this crate, not with its test build: its types are others than ours.
    use inputs::workload::{Action, Pieces, Workload};
    use inputs::workload::{Loops, Order, Slices, digest, parse, resolved};

    /// A workload with a shared VMA `v` of 1MiB, of a file `f`, and with `rest`.
    fn with(rest: &str) -> Workload {
        let text = format!(
            "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"2MiB\"\n\
             [[vma]]\nname = \"v\"\nsize = \"1MiB\"\nfile = \"f\"\n{rest}"
        );
        parse("x", "x.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"))
    }

    fn with_op(op: &str) -> Workload {
        with(&format!("[[op]]\n{op}\n"))
    }

    fn actions(workload: &Workload) -> Vec<Action> {
        workload.changes().map(|change| change.action.clone()).collect()
    }

    #[test]
    fn every_action_is_written_under_its_name() {
        let vmas = "[[vma]]\nname = \"s\"\nsize = \"1MiB\"\ngrows_down = \"4KiB\"\n\
                    [[vma]]\nname = \"a\"\nsize = \"1MiB\"\n";
        let keys = |name: &str| match name {
            "mprotect" => "vma = \"v\", prot = \"read\"",
            "truncate" => "file = \"f\", size = \"0\"",
            "fork" | "smaps" => "every = \"1ms\"",
            "expand_stack" => "vma = \"s\"",
            "madvise_free" => "vma = \"a\"",
            _ => "vma = \"v\"",
        };
        let ops = Action::NAMES.map(|name| format!("[[op]]\n{name} = {{ {} }}\n", keys(name)));
        let workload = with(&format!("{vmas}{}", ops.concat()));
        let names = workload.changes().map(|change| change.action.name());
        assert_eq!(names.collect::<Vec<_>>(), Action::NAMES);
        let ops = resolved(&workload)["groups"][0]["phases"][0].clone();
        for (number, name) in Action::NAMES.into_iter().enumerate() {
            assert!(ops[number][name]["every_ns"].is_u64(), "{name} in {ops}");
        }
    }

    #[test]
    fn pieces_are_as_long_as_their_mapping_unless_they_say_otherwise() {
        let pieces =
            Pieces { vma: 0, pages: 256, order: Order::Sequential, slices: Slices::Disjoint };
        assert_eq!(actions(&with_op("munmap = { vma = \"v\" }")), [Action::Munmap(pieces.clone())]);
        let written = "mprotect = { vma = \"v\", prot = \"read-write\", length = \"64KiB\", \
                       order = \"random\", slices = \"shared\", every = \"50us\" }";
        let workload = with_op(written);
        let shared = Pieces { pages: 16, order: Order::Random, slices: Slices::Shared, ..pieces };
        assert_eq!(actions(&workload), [Action::Mprotect { pieces: shared, writable: true }]);
        assert_eq!(workload.changes().next().unwrap().every_ns, 50_000);
    }

    #[test]
    fn writers_go_on_as_long_as_others_touch() {
        let groups = |loops: &str| {
            with(&format!(
                "[[group]]\nname = \"a\"\n[[group]]\nname = \"b\"\nthreads = 1\n{loops}\n\
                 [[op]]\ngroup = \"a\"\ntouch = {{ vma = \"v\", access = \"read\" }}\n\
                 [[op]]\ngroup = \"b\"\nmunmap = {{ vma = \"v\" }}\n"
            ))
        };
        let loops = |workload: Workload| [workload.groups[0].loops, workload.groups[1].loops];
        assert_eq!(loops(groups("")), [Loops::Times(1), Loops::UntilDone]);
        assert_eq!(loops(groups("loops = 8")), [Loops::Times(1), Loops::Times(8)]);
        assert_eq!(with_op("munmap = { vma = \"v\" }").groups[0].loops, Loops::Times(1));
    }

    #[test]
    fn what_writers_take_away_may_be_missing() {
        let may = |op: &str| {
            let workload = with_op(op);
            (workload.may_segv(), workload.may_sigbus())
        };
        assert_eq!(may("touch = { vma = \"v\", access = \"write\" }"), (false, false));
        assert_eq!(may("munmap = { vma = \"v\" }"), (true, false));
        assert_eq!(may("mremap = { vma = \"v\" }"), (true, false));
        assert_eq!(may("mprotect = { vma = \"v\", prot = \"read\" }"), (true, false));
        assert_eq!(may("mprotect = { vma = \"v\", prot = \"read-write\" }"), (false, false));
        assert_eq!(may("madvise_dontneed = { vma = \"v\" }"), (false, false));
        let cut = "truncate = { file = \"f\", size = \"0\" }\n[[op]]\nfork = {}";
        assert_eq!(may(&format!("{cut}\n[[op]]\nmmap = {{ vma = \"v\" }}")), (false, true));
    }

    #[test]
    fn new_keys_are_in_the_digest_only_where_they_say_something() {
        let touch = "touch = { vma = \"v\", access = \"write\" }";
        let group = |keys: &str| {
            digest(&with(&format!(
                "mapped = true\n[[group]]\nname = \"faulters\"\n{keys}\n[[op]]\n{touch}\n"
            )))
        };
        assert_eq!(group(""), digest(&with_op(touch)));
        assert_eq!(group("loops = 1"), digest(&with_op(touch)));
        assert_ne!(group("loops = 2"), digest(&with_op(touch)));
        let walking = |keys: &str| {
            let touch = format!("touch = {{ vma = \"v\", access = \"write\", touches = 1{keys} }}");
            digest(&with(&format!("[[group]]\nname = \"g\"\nloops = 2\n[[op]]\n{touch}\n")))
        };
        assert_eq!(walking(", walks = false"), walking(""));
        assert_ne!(walking(", walks = true"), walking(""));
        let mapped = format!("mapped = false\n[[op]]\n{touch}\n[[op]]\nmmap = {{ vma = \"v\" }}\n");
        assert_eq!(resolved(&with(&mapped))["vmas"][0]["mapped"], false);
        assert_ne!(digest(&with(&mapped)), digest(&with(&mapped.replace("false", "true"))));
    }
}
