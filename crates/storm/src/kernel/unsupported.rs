//! Parts of a workload that the running kernel cannot do: a cell is skipped if its faults would
//! differ, and gets a remark if they are not quite as the file says.

use super::fault_around;
use super::signal::CAN_STEP_OVER;
use host::Roots;
use rustix::mm::{Advice, madvise};
use workload::{Action, Backing, IoLatency, KernelParts, Workload, WorkloadFile};

/// Returns why this workload cannot run on the running kernel: every reason, in one sentence.
pub fn refuses(workload: &Workload) -> Option<String> {
    let has = |action: fn(&Action) -> bool| workload.changes().any(|c| action(&c.action));
    let marked = |file: &WorkloadFile| file.locked + file.not_uptodate + file.readahead > 0.0;
    let in_memory = |file: &WorkloadFile| file.cached < 1.0 && file.directory.is_none();
    let mut reasons = Vec::new();
    let mut because = |is: bool, reason: &str| {
        if is {
            reasons.push(reason.to_owned());
        }
    };
    because(
        workload.vmas.iter().any(|vma| vma.grows_down_from_pages.is_some()),
        "a stack of the kernel grows by the fault below it, not by an operation",
    );
    because(
        has(|action| matches!(action, Action::Fork)),
        "a process with storming threads is not forked",
    );
    because(
        has(|action| matches!(action, Action::NumaScan(_))),
        "the kernel scans for NUMA balancing by itself (/proc/sys/kernel/numa_balancing)",
    );
    because(
        has(|action| action.populates().is_some()) && !populates(),
        "this kernel has no MADV_POPULATE_READ and MADV_POPULATE_WRITE (Linux 5.14)",
    );
    because(
        workload.files.iter().any(marked),
        "pages cannot be made `locked`, `not_uptodate` or marked for `readahead`",
    );
    because(
        workload.vmas.iter().any(|vma| vma.folio_pages > 1),
        "sizes of folios are switched on in /sys/kernel/mm/transparent_hugepage for all processes",
    );
    because(
        workload.files.iter().any(|file| file.folio_pages > 1),
        "a file system chooses the sizes of folios in its page cache",
    );
    because(
        workload.files.iter().any(in_memory),
        "a file in memory is `cached` whole: give it a `directory` on a disk",
    );
    because(
        !CAN_STEP_OVER && (workload.may_segv() || workload.may_sigbus()),
        "touches that end in a signal are stepped over on x86-64 only",
    );
    reasons.extend(fault_around::refusal(workload, &Roots::default()));
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// Returns true if the kernel has MADV_POPULATE_READ, which it refuses for a range of no pages only
/// if it does not know it.
fn populates() -> bool {
    // SAFETY: the range is empty.
    unsafe { madvise(std::ptr::null_mut(), 0, Advice::LinuxPopulateRead) }.is_ok()
}

/// Returns true if a shared mapping of a file in memory may be written.
fn has_shared_memory(workload: &Workload) -> bool {
    workload.vmas.iter().filter(|vma| vma.writable).any(|vma| match vma.backing {
        Backing::File { file, shared, .. } => shared && workload.files[file].directory.is_none(),
        Backing::Anonymous => false,
    })
}

/// Returns remarks on parts that run, but not exactly as the file says.
pub fn remarks(workload: &Workload) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut remark = |is: bool, text: &str| {
        if is {
            remarks.push(text.to_owned());
        }
    };
    let waits = |file: &WorkloadFile| file.io != IoLatency::Fixed(0);
    remark(
        workload.files.iter().any(waits),
        "reads take as long as the disk takes, not `io_latency`",
    );
    remark(
        workload.kernel != KernelParts::default(),
        "[kernel] is about the simulated one: the running kernel counts and lists as it does",
    );
    // `shmem_vm_ops` has none (Linux 7.2 `mm/shmem.c`), `xfs_file_vm_ops` has one
    // (`fs/xfs/xfs_file.c`).
    remark(
        has_shared_memory(workload),
        "a file in memory has no `page_mkwrite`: a first shared write costs less than with a \
         file system, which is simulated here: give the file a `directory` on a disk",
    );
    remark(
        workload.files.iter().any(|file| !file.speculation),
        "`speculation` is about the simulated file system",
    );
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use inputs::workload::find;

    macro_rules! name {
        ($scheme:ty) => {
            <$scheme as strategy::Scheme>::NAME
        };
    }

    fn shipped(name: &str) -> Workload {
        let strategies = strategy::for_every_scheme!(name);
        find(name).unwrap().parse(&strategies).unwrap()
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        assert_eq!(refuses(&shipped("huge-anon")), None);
        assert_eq!(refuses(&shipped("private-write")), None);
        for (name, part) in [
            ("stack-growth", "a stack of the kernel"),
            ("fork-storm", "is not forked"),
            ("io-heavy", "`locked`, `not_uptodate`"),
            ("file-cold", "give it a `directory`"),
        ] {
            let why = refuses(&shipped(name)).unwrap();
            assert!(why.contains(part), "{name}: {why}");
        }
    }

    #[test]
    fn what_is_not_quite_so_is_said() {
        assert!(remarks(&shipped("huge-anon")).is_empty());
        assert!(remarks(&shipped("wis-page-fault1")).is_empty(), "whole mappings come and go");
        assert!(remarks(&shipped("file-cold"))[0].contains("`io_latency`"));
        assert!(remarks(&shipped("shared-write"))[0].contains("`page_mkwrite`"));
        assert!(remarks(&shipped("private-write")).is_empty());
    }
}
