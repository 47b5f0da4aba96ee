//! Makes a workload from a name, a path or a text.

use std::path::Path;

use super::shipped::WORKLOADS;
use super::{read, written};
use crate::diag::Diagnostics;
pub use crate::named::FileText;
use ::workload::Workload;

impl FileText {
    /// Parses the text of a workload file: see [`parse`].
    ///
    /// # Errors
    ///
    /// Every mistake of the text.
    pub fn parse(&self, known: &[&str]) -> Result<Workload, Diagnostics> {
        parse(&self.name, &self.path_shown, &self.text, known)
    }
}

/// Reads the workload file at `path`.
///
/// # Errors
///
/// The file cannot be read.
pub fn open(path: &Path) -> Result<FileText, Diagnostics> {
    WORKLOADS.read(path)
}

/// Returns the workload `name` that `text` describes. Diagnostics show `path_shown`;
/// `known_strategies` are the names that `[[expect]]` may mention (`NAME` or `NAME:VARIANT`).
///
/// # Errors
///
/// Every mistake of the text.
pub fn parse(
    name: &str,
    path_shown: &str,
    text: &str,
    known_strategies: &[&str],
) -> Result<Workload, Diagnostics> {
    let mut mistakes = Vec::new();
    let workload = read::document(text, &mut mistakes)
        .and_then(|document| written::workload(name, &document, known_strategies, &mut mistakes));
    match workload {
        Some(workload) if mistakes.is_empty() => Ok(workload),
        _ => Err(Diagnostics::new(path_shown, text, mistakes)),
    }
}

/// Finds a workload: the name of a shipped one, or a path, which has a `/` or
/// ends in `.toml`.
///
/// # Errors
///
/// No shipped workload has the name, or the file cannot be read.
pub fn find(name_or_path: &str) -> Result<FileText, Diagnostics> {
    WORKLOADS.find(name_or_path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{
        Backing, IoLatency, LoadOrStore, Loops, Order, Reset, Scope, Slices, Threads, Until,
        resolved,
    };

    fn minimal() -> Workload {
        let text = "summary = \" x \"\n[[file]]\nname = \"f\"\nsize = \"2MiB\"\n\
                    [[vma]]\nname = \"v\"\nsize = \"1MiB\"\nfile = \"f\"\n\
                    [[op]]\ntouch = { vma = \"v\", access = \"read\" }\n";
        parse("minimal", "minimal.toml", text, &[]).unwrap()
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let workload = minimal();
        assert_eq!(workload.summary, "x");
        assert_eq!((workload.reset, workload.warmup_ns), (Reset::Remap, 50_000_000));
        assert_eq!(workload.until, Until::Duration(100_000_000));
        let file = &workload.files[0];
        assert_eq!((file.pages, file.cached, file.speculation), (512, 1.0, true));
        assert_eq!(file.io, IoLatency::Fixed(0));
        let vma = &workload.vmas[0];
        assert_eq!((vma.pages, vma.count, vma.scope, vma.writable), (256, 1, Scope::Shared, true));
        let backing =
            Backing::File { file: 0, offset_pages: 0, shared: false, fault_around_order: 4 };
        assert_eq!(vma.backing, backing);
        let group = &workload.groups[0];
        assert_eq!((group.name.as_str(), group.threads), ("faulters", Threads::Weight(1.0)));
        assert_eq!(group.loops, Loops::Times(1));
        let touch = group.touches().next().unwrap();
        assert_eq!((touch.access, touch.order), (LoadOrStore::Read, Order::Sequential));
        let rest = (touch.slices, touch.touches, touch.think_ns);
        assert_eq!(rest, (Slices::Disjoint, None, 0));
    }

    #[test]
    fn phases_of_other_groups_are_empty() {
        let text = "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
                    [[group]]\nname = \"a\"\n[[group]]\nname = \"b\"\nthreads = 2\n\
                    [[op]]\ngroup = \"a\"\ntouch = { vma = \"v\", access = \"read\" }\n\
                    [[op]]\ngroup = \"b\"\nphase = 2\ntouch = { vma = \"v\", access = \"read\" }\n";
        let workload = parse("x", "x.toml", text, &[]).unwrap();
        let ops = |group: usize| -> Vec<usize> {
            workload.groups[group].phases.iter().map(|phase| phase.ops.len()).collect()
        };
        assert_eq!((ops(0), ops(1)), (vec![1, 0], vec![0, 1]));
        assert_eq!(workload.groups[1].threads, Threads::Fixed(2));
    }

    #[test]
    fn the_resolved_form_carries_units_in_its_keys() {
        let value = resolved(&minimal());
        assert_eq!(value["until"]["duration_ns"], 100_000_000);
        assert_eq!(value["vmas"][0]["size_bytes"], 1 << 20);
        assert_eq!(value["vmas"][0]["file"]["name"], "f");
        assert_eq!(value["groups"][0]["phases"][0][0]["touch"]["vma"], "v");
    }

    #[test]
    fn the_digest_is_stable() {
        // If this changes, comparisons with older documents break.
        assert_eq!(crate::workload::digest(&minimal()), "3fd75a7efc1a4362");
    }
}
