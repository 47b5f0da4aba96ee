//! How much memory a storm needs.

use super::{Access, Action, Backing, Group, Loops, Op, Order, Scope, Threads, Touch, Until, Vma};
use super::{PAGE_BYTES, PAGES_PER_TABLE, Workload};

/// What the address space keeps for each page beside its contents: its entry in
/// a page table or a page cache, and the counters of its folio. An estimate,
/// of the size of the kernel's `struct page`.
const METADATA_BYTES_PER_PAGE: u64 = 64;

/// Memory that a storm needs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Contents of all pages that are touched, and of those mapped around them.
    pub frames_bytes: u64,
    /// About 64 bytes for each page of the files and of the anonymous VMAs.
    pub metadata_bytes: u64,
}

impl Memory {
    /// Frames and metadata together.
    pub fn total_bytes(&self) -> u64 {
        self.frames_bytes.saturating_add(self.metadata_bytes)
    }
}

impl Vma {
    /// Pages of all `count` mappings.
    pub fn total_pages(&self) -> u64 {
        self.pages.saturating_mul(self.count)
    }

    /// Page tables of the lowest level under all `count` mappings, each of which
    /// starts at the beginning of a table.
    pub fn tables(&self) -> u64 {
        self.pages.div_ceil(PAGES_PER_TABLE).saturating_mul(self.count)
    }
}

impl Workload {
    /// Returns an upper bound of the memory of a storm at `threads` threads.
    pub fn memory(&self, threads: usize) -> Memory {
        let threads = u64::try_from(threads).unwrap_or(u64::MAX);
        let forks = self.changes().any(|change| change.action == Action::Fork);
        let mut file_frames = vec![0_u64; self.files.len()];
        let mut anonymous_frames = 0_u64;
        let mut metadata_pages = 0_u64;
        for (index, vma) in self.vmas.iter().enumerate() {
            let use_of = self.use_of(index, threads);
            let copies = if vma.scope == Scope::PerThread { use_of.threads } else { 1 };
            let all_pages = vma.total_pages().saturating_mul(copies);
            let written = use_of.written.min(all_pages);
            if !matches!(vma.backing, Backing::File { shared: true, .. }) {
                // A child of fork keeps the pages of which its parent writes copies.
                let held = if forks { written } else { 0 };
                anonymous_frames = anonymous_frames.saturating_add(written).saturating_add(held);
            }
            match vma.backing {
                // Reads of anonymous memory map the zero page.
                Backing::Anonymous => metadata_pages = metadata_pages.saturating_add(all_pages),
                Backing::File { file, fault_around_order, .. } => {
                    let around = use_of.read.saturating_mul(1 << fault_around_order);
                    let touched = around.saturating_add(use_of.written).min(vma.pages);
                    file_frames[file] = file_frames[file].saturating_add(touched);
                }
            }
            if use_of.moved {
                // Page tables of the second place.
                metadata_pages = metadata_pages.saturating_add(all_pages);
            }
        }
        let mut frames = anonymous_frames;
        for (file, touched) in self.files.iter().zip(file_frames) {
            frames = frames.saturating_add(touched.min(file.pages));
            metadata_pages = metadata_pages.saturating_add(file.pages);
        }
        Memory {
            frames_bytes: frames.saturating_mul(PAGE_BYTES),
            metadata_bytes: metadata_pages.saturating_mul(METADATA_BYTES_PER_PAGE),
        }
    }

    /// Returns what is done with the VMA `index` in a storm at `threads` threads.
    fn use_of(&self, index: usize, threads: u64) -> Use {
        let mut total = Use::default();
        for group in &self.groups {
            let group_threads = match group.threads {
                Threads::Fixed(fixed) => u64::try_from(fixed).unwrap_or(u64::MAX),
                Threads::Weight(_) => threads,
            };
            for op in group.ops().filter(|op| op.vma() == Some(index)) {
                total.threads = total.threads.max(group_threads);
                match op {
                    Op::Touch(touch) => {
                        let pages = self.pages_touched(touch, group, group_threads);
                        let of_access = match touch.access {
                            Access::Read => &mut total.read,
                            Access::Write => &mut total.written,
                        };
                        *of_access = of_access.saturating_add(pages);
                    }
                    Op::Change(change) => {
                        total.moved |= matches!(change.action, Action::Mremap(_));
                    }
                }
            }
        }
        total
    }

    /// Returns how many pages the `threads` threads of a group touch at most, of all of
    /// them together.
    fn pages_touched(&self, touch: &Touch, group: &Group, threads: u64) -> u64 {
        let vma = &self.vmas[touch.vma];
        let copies = if vma.scope == Scope::PerThread { threads } else { 1 };
        let all = match touch.order {
            Order::OnePerTable => vma.tables(),
            _ => vma.total_pages(),
        };
        let all = all.saturating_mul(copies);
        let of_round = match (touch.touches, group.loops) {
            (Some(touches), Loops::Times(loops)) => {
                touches.saturating_mul(loops).saturating_mul(threads)
            }
            _ => all,
        };
        match self.until {
            Until::Touches(touches) => all.min(of_round).min(touches.saturating_mul(threads)),
            Until::Duration(_) | Until::Faults(_) | Until::Rounds(_) => all.min(of_round),
        }
    }
}

/// What is done with a VMA in a round, at the most.
#[derive(Debug, Default)]
struct Use {
    /// Pages that are read.
    read: u64,
    /// Pages that are written.
    written: u64,
    /// Threads of the largest group that uses it.
    threads: u64,
    /// Whether pieces of it move.
    moved: bool,
}

#[cfg(test)]
mod tests {
    // The types as the reader of files has them, which is built upon this crate.
    use inputs::workload::{Limits, PAGE_BYTES, Workload, parse, resolve};

    const LIMITS: Limits = Limits { memory_bytes: u64::MAX };

    fn shipped(name: &str) -> Workload {
        resolve(name).unwrap().parse(&["speculative", "mmap-lock"], &LIMITS).unwrap()
    }

    #[test]
    fn reads_of_anonymous_memory_need_no_frames() {
        assert_eq!(shipped("huge-anon-read").memory(8).frames_bytes, 0);
        assert_eq!(shipped("huge-anon").memory(8).frames_bytes, 1 << 30);
    }

    #[test]
    fn a_private_write_needs_the_page_and_its_copy() {
        assert_eq!(shipped("private-write").memory(2).frames_bytes, 2 * (256 << 20));
    }

    #[test]
    fn a_mapping_for_each_thread_is_needed_as_often() {
        let workload = shipped("vma-per-thread");
        assert_eq!(workload.memory(3).total_bytes(), 3 * workload.memory(1).total_bytes());
    }

    #[test]
    fn sparse_touches_need_the_pages_around_them() {
        let memory = shipped("sparse-file").memory(4);
        assert_eq!(memory.frames_bytes, 8192 * 16 * PAGE_BYTES);
        assert_eq!(memory.metadata_bytes, (16 << 30) / PAGE_BYTES * 64);
    }

    #[test]
    fn touches_bound_the_frames() {
        let text = "summary = \"x\"\ntouches = 10\n[[vma]]\nname = \"a\"\nsize = \"1GiB\"\n\
                    [[op]]\ntouch = { vma = \"a\", access = \"write\" }\n";
        let workload = parse("x", "x.toml", text, &[], &LIMITS).unwrap();
        assert_eq!(workload.memory(4).frames_bytes, 40 * PAGE_BYTES);
    }

    fn anonymous(keys: &str, rest: &str) -> u64 {
        let text = format!(
            "summary = \"x\"\n[[vma]]\nname = \"a\"\nsize = \"1MiB\"\n[[group]]\nname = \"g\"\n\
             {keys}\n[[op]]\ntouch = {{ vma = \"a\", access = \"write\", touches = 10 }}\n{rest}"
        );
        parse("x", "x.toml", &text, &[], &LIMITS).unwrap().memory(2).frames_bytes / PAGE_BYTES
    }

    #[test]
    fn loops_touch_as_often() {
        assert_eq!(anonymous("", ""), 20);
        assert_eq!(anonymous("loops = 4", ""), 80);
        assert_eq!(anonymous("loops = 40", ""), 256);
    }

    #[test]
    fn a_child_keeps_what_its_parent_copies() {
        assert_eq!(anonymous("", "[[op]]\nfork = {}\n"), 40);
    }

    #[test]
    fn a_shared_write_needs_no_copy() {
        let text = "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\n\
                    [[vma]]\nname = \"a\"\nsize = \"1MiB\"\nfile = \"f\"\nsharing = \"shared\"\n\
                    [[op]]\ntouch = { vma = \"a\", access = \"write\" }\n";
        let workload = parse("x", "x.toml", text, &[], &LIMITS).unwrap();
        assert_eq!(workload.memory(4).frames_bytes, 1 << 20);
    }
}
