//! Bytes that a read fault of a file maps: one number of the whole system, in debugfs.

use super::super::StormError;
use host::Roots;
use host::interrupt::{Hook, When};
use mm::addr::PAGE_BYTES;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use workload::{self, Backing, Workload};

/// The kernel's default (`fault_around_pages` in mm/memory.c), which is assumed if debugfs
/// cannot be read.
const DEFAULT_BYTES: u64 = 65536;

/// The system's number, and what it was before the storm.
pub(super) struct FaultAround {
    bytes: Option<u64>,
    before: Option<Before>,
}

/// The number before the storm, which is put back also if the process is ended.
struct Before {
    path: PathBuf,
    bytes: u64,
    _at_end: Hook,
}

impl FaultAround {
    /// Sets it to what the workload asks for, if that can be set.
    pub fn of(workload: &Workload, roots: &Roots) -> Result<Self, StormError> {
        let path = path(roots);
        let now = read(&path);
        match wanted(workload).map_err(StormError::Machine)? {
            Some(wanted) if wanted != now.unwrap_or(DEFAULT_BYTES) => {
                let was = now.ok_or_else(|| StormError::Machine(cannot(wanted)))?;
                fs::write(&path, wanted.to_string())
                    .map_err(|_| StormError::Machine(cannot(wanted)))?;
                let back = path.clone();
                let at_end = Hook::new(When::Ended, move || put_back(&back, was));
                let before = Before { path, bytes: was, _at_end: at_end };
                Ok(Self { bytes: Some(wanted), before: Some(before) })
            }
            _ => Ok(Self { bytes: now, before: None }),
        }
    }

    /// Bytes that a read fault maps; none if debugfs cannot be read.
    pub fn told(&self) -> Option<u64> {
        self.bytes
    }

    /// The same, or the default if debugfs cannot be read. If that is wrong the counts
    /// of a storm of reads show it.
    pub fn bytes(&self) -> u64 {
        self.bytes.unwrap_or(DEFAULT_BYTES)
    }
}

impl Drop for FaultAround {
    fn drop(&mut self) {
        if let Some(Before { path, bytes, .. }) = &self.before {
            put_back(path, *bytes);
        }
    }
}

fn put_back(path: &Path, bytes: u64) {
    // It was writable a moment ago; if it is not any more nothing can be done.
    let _ = fs::write(path, bytes.to_string());
}

/// Returns why this machine cannot have a workload's fault-around.
pub(super) fn refusal(workload: &Workload, roots: &Roots) -> Option<String> {
    let path = path(roots);
    let wanted = match wanted(workload) {
        Ok(wanted) => wanted?,
        Err(why) => return Some(why),
    };
    let same = wanted == read(&path).unwrap_or(DEFAULT_BYTES);
    let settable = || fs::OpenOptions::new().write(true).open(&path).is_ok();
    (!same && !settable()).then(|| cannot(wanted))
}

fn cannot(wanted: u64) -> String {
    format!(
        "`fault_around_order` {} needs {wanted} bytes in fault_around_bytes of debugfs, which \
         cannot be set here: it takes root, a debugfs at /sys/kernel/debug, and a kernel that is \
         not locked down",
        (wanted / PAGE_BYTES).ilog2()
    )
}

fn path(roots: &Roots) -> PathBuf {
    roots.sys.join("kernel/debug/fault_around_bytes")
}

fn read(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Bytes that the read faults of a workload map; none if it reads no files.
fn wanted(workload: &Workload) -> Result<Option<u64>, String> {
    let touches = workload.groups.iter().flat_map(workload::ThreadGroup::touches);
    let reads = touches.filter(|touch| touch.access == workload::LoadOrStore::Read);
    let orders: BTreeSet<u8> = reads
        .filter_map(|touch| match workload.vmas[touch.vma].backing {
            Backing::File { fault_around_order, .. } => Some(fault_around_order),
            Backing::Anonymous => None,
        })
        .collect();
    match orders.into_iter().collect::<Vec<_>>().as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(PAGE_BYTES << one)),
        _ => Err("the kernel has one `fault_around_order` for all mappings".to_owned()),
    }
}
