//! Files of which each thread has its own.

use super::extent::Extent;
use crate::workload::{Backing, File, Scope, Vma, Workload};

/// All files of a storm: those of the workload, whose first thread has them itself, and behind
/// them the copies of the other threads.
pub(super) struct Copies {
    pub files: Vec<File>,
    /// For each file of the workload the first of its copies; none where threads share it.
    first: Vec<Option<usize>>,
}

impl Copies {
    /// `extents`: for each VMA its places, one for each thread where it is per thread.
    pub fn new(workload: &Workload, extents: &[Vec<Extent>]) -> Self {
        let mut files = workload.files.clone();
        let mut first = Vec::new();
        for (number, file) in workload.files.iter().enumerate() {
            first.push((file.scope == Scope::PerThread).then_some(files.len()));
            if file.scope == Scope::PerThread {
                let maps =
                    |vma: &Vma| matches!(vma.backing, Backing::File { file, .. } if file == number);
                let vmas = workload.vmas.iter().zip(extents).filter(|(vma, _)| maps(vma));
                let threads = vmas.map(|(_, places)| places.len()).max().unwrap_or(1);
                files.extend((1..threads).map(|_| file.clone()));
            }
        }
        Self { files, first }
    }

    /// A VMA as thread `index` of its group has it.
    pub fn vma(&self, vma: &Vma, index: usize) -> Vma {
        let mut own = vma.clone();
        if let Backing::File { file, .. } = &mut own.backing
            && let Some(first) = self.first[*file]
            && index > 0
        {
            *file = first + index - 1;
        }
        own
    }
}
