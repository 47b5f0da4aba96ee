//! Files of which each thread has its own.

use super::extent::Extent;
use workload::{Backing, Scope, Workload, WorkloadFile, WorkloadVma};

/// All files of a storm: those of the workload, which the first thread has itself, and after
/// them the copies of the other threads.
pub(super) struct Copies {
    pub files: Vec<WorkloadFile>,
    /// First copy of each file of the workload; none if threads share the file.
    first: Vec<Option<usize>>,
}

impl Copies {
    /// `extents`: the places of each VMA, one for each thread if the VMA is per thread.
    pub fn new(workload: &Workload, extents: &[Vec<Extent>]) -> Self {
        let mut files = workload.files.clone();
        let mut first = Vec::new();
        for (number, file) in workload.files.iter().enumerate() {
            first.push((file.scope == Scope::PerThread).then_some(files.len()));
            if file.scope == Scope::PerThread {
                let maps = |vma: &WorkloadVma| match vma.backing {
                    Backing::File { file, .. } => file == number,
                    Backing::Anonymous => false,
                };
                let vmas = workload.vmas.iter().zip(extents).filter(|(vma, _)| maps(vma));
                let threads = vmas.map(|(_, places)| places.len()).max().unwrap_or(1);
                files.extend((1..threads).map(|_| file.clone()));
            }
        }
        Self { files, first }
    }

    /// Returns the numbers of all copies of a file of the workload, itself included.
    pub fn of_file(&self, file: usize) -> impl Iterator<Item = usize> {
        let copies = self.first[file].map_or(0..0, |first| {
            let next = self.first[file + 1..].iter().flatten().next();
            first..next.copied().unwrap_or(self.files.len())
        });
        std::iter::once(file).chain(copies)
    }

    /// A VMA as thread `index` of its group has it.
    pub fn vma(&self, vma: &WorkloadVma, index: usize) -> WorkloadVma {
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

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::super::steps::{ThreadStep, WriterOp};
    use inputs::workload::parse;
    use workload::Until;

    #[test]
    fn each_thread_maps_and_maps_again_a_file_of_its_own() {
        let text = "summary = \"x\"\n\
                    [[file]]\nname = \"own\"\nsize = \"1MiB\"\nscope = \"per-thread\"\n\
                    [[file]]\nname = \"all\"\nsize = \"1MiB\"\n\
                    [[vma]]\nname = \"v\"\nsize = \"1MiB\"\nfile = \"own\"\n\
                    scope = \"per-thread\"\n[[vma]]\nname = \"w\"\nsize = \"1MiB\"\n\
                    file = \"all\"\nscope = \"per-thread\"\n\
                    [[op]]\ntouch = { vma = \"v\", access = \"read\" }\n\
                    [[op]]\ntouch = { vma = \"w\", access = \"read\" }\n\
                    [[op]]\nmunmap = { vma = \"v\" }\n[[op]]\nmmap = { vma = \"v\" }\n";
        let workload = parse("x", "x.toml", text, &[]).unwrap();
        let plan = Plan::new(&workload, 3, 1, Until::Rounds(1)).unwrap();
        let names: Vec<&str> = plan.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["own", "all", "own", "own"]);
        let mapped: Vec<_> = plan.mappings.iter().map(|mapping| mapping.file.unwrap()).collect();
        assert_eq!(mapped, [0, 2, 3, 1, 1, 1]);
        let pages: Vec<u64> = plan.file_pages.iter().flatten().map(|r| r.end - r.start).collect();
        assert_eq!(pages, [256; 4]);
        let again = plan.threads.iter().map(|thread| match thread.phases[0].last() {
            Some(ThreadStep::Change(change)) => match &change.turns[0] {
                WriterOp::Mmap(mapping) => mapping.file.unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
        assert_eq!(again.collect::<Vec<_>>(), [0, 2, 3]);
    }
}
