//! The books: what must add up when no core faults.
//!
//! A storm whose books do not balance is an error, never a result.

use super::addr::{ENTRIES, PAGE_BYTES, Pfn, Pte, Vaddr};
use super::frames::ANON;
use super::page_table::TableId;
use super::vma::{VmaFields, flag};
use super::wait::file_stamp;
use super::{Core, Mm};
use crate::machine::{Machine, Ordering};
use crate::strategy::Strategy;

/// Words of a page that a touch may write: not the first, which says where the
/// content came from, and one by page, so that a page that was not cleared shows.
pub fn touched_word(page: u64) -> usize {
    1 + (page % (PAGE_BYTES / 8 - 1)) as usize
}

/// One page in so many is compared word by word.
const COMPARED_WHOLE: u64 = 61;

/// What the page tables say.
struct Census {
    /// Ptes by frame.
    maps: Vec<u32>,
    tables: u64,
    mapped: i64,
}

impl<M: Machine, S: Strategy<M>> Mm<M, S> {
    /// Checks a space in which no core faults, and whose cores are retired: pages may
    /// still be mapped.
    ///
    /// # Errors
    /// What does not add up.
    pub fn check_books(&self) -> Result<(), String> {
        let census = self.take_census()?;
        equal("rss in pages", self.rss.pages(), "present ptes", census.mapped)?;
        let bytes = self.field(S::LAYOUT.pgtables_bytes).load(Ordering::Relaxed);
        equal("pgtables_bytes", bytes, "bytes of tables in the tree", census.tables * PAGE_BYTES)?;
        let live = (self.tables.pool.slots() - self.tables.pool.free()) as u64;
        equal("tables not free", live, "tables in the tree and the pgd", census.tables + 1)?;
        self.check_folios(&census)?;
        self.check_file_references()
    }

    /// Checks a space after [`exit`](Self::exit): everything is free.
    ///
    /// # Errors
    /// What is not.
    pub fn check_all_free(&self, core: &Core<M>) -> Result<(), String> {
        // No reader is left, so a few epochs end every grace period.
        for _ in 0..64 {
            core.read_section().flush();
        }
        let (nodes_free, nodes) = self.tree.free_nodes();
        equal("free frames", self.frames.pool.free(), "frames", self.frames.pool.slots())?;
        equal(
            "free tables and the pgd",
            self.tables.pool.free() + 1,
            "tables",
            self.tables.pool.slots(),
        )?;
        equal("free VMAs", self.vmas.pool.free(), "VMAs", self.vmas.pool.slots())?;
        equal("free tree nodes", nodes_free, "tree nodes", nodes)?;
        equal("rss in pages", self.rss.pages(), "present ptes", 0)
    }

    fn take_census(&self) -> Result<Census, String> {
        let mut census = Census { maps: vec![0; self.frames.count()], tables: 0, mapped: 0 };
        let mut fault = Ok(());
        let mut page_tables = Vec::new();
        self.for_each_page_table(|table, base| page_tables.push((table, base)));
        for (table, base) in page_tables {
            fault = fault.and_then(|()| self.count_table(table, base, &mut census));
        }
        fault?;
        census.tables = self.count_tables(self.pgd(), 3);
        Ok(census)
    }

    fn count_tables(&self, table: TableId, levels: u32) -> u64 {
        let children = (0..ENTRIES).filter_map(|index| self.tables.get(table).child(index));
        children.map(|t| if levels > 1 { 1 + self.count_tables(t, levels - 1) } else { 1 }).sum()
    }

    fn count_table(&self, id: TableId, base: u64, census: &mut Census) -> Result<(), String> {
        for index in 0..ENTRIES {
            let pte = Pte(self.tables.get(id).entry(index).load(Ordering::Relaxed));
            if pte == Pte::NONE {
                continue;
            }
            let addr = Vaddr(base + index as u64 * PAGE_BYTES);
            let vma =
                self.find_vma(addr).ok_or_else(|| format!("a pte at {:#x}, no VMA", addr.0))?;
            if pte.is_writable() && vma.flags() & flag::WRITE == 0 {
                return Err(format!("a writable pte at {:#x} in a read-only VMA", addr.0));
            }
            if let Some(frame) = pte.frame() {
                census.maps[frame.0 as usize] += 1;
                census.mapped += 1;
                self.check_content(addr, pte, frame, vma)?;
            }
        }
        Ok(())
    }

    /// The page holds what the fault put there, and where it is writable what the touch
    /// wrote.
    fn check_content(
        &self,
        addr: Vaddr,
        pte: Pte,
        frame: Pfn,
        vma: &impl VmaFields,
    ) -> Result<(), String> {
        if !self.frames.has_content() {
            return Ok(());
        }
        let word = |index| self.frames.word(frame, index).load(Ordering::Relaxed);
        let origin = vma.file().map_or(0, |file| file_stamp(file, vma.file_page(addr)));
        let at = |what: &str| format!("{what} of the page at {:#x}", addr.0);
        equal(&at("first word"), word(0), "its origin", origin)?;
        if !pte.is_writable() {
            return Ok(());
        }
        let touched = touched_word(addr.page());
        equal(&at("touched word"), word(touched), "what was written", addr.page())?;
        if addr.page().is_multiple_of(COMPARED_WHOLE) {
            let source = vma.file().and_then(|file| self.files[file].lookup(vma.file_page(addr)));
            for index in (1..ENTRIES).filter(|index| *index != touched) {
                let copied =
                    source.map_or(0, |s| self.frames.word(s, index).load(Ordering::Relaxed));
                equal(&at("untouched word"), word(index), "its source", copied)?;
            }
        }
        Ok(())
    }

    fn check_folios(&self, census: &Census) -> Result<(), String> {
        let mut expected: Vec<u64> = census.maps.iter().map(|maps| u64::from(*maps)).collect();
        for file in &self.files {
            let mut cached = 0;
            file.for_each_cached(|_, frame| {
                expected[frame.0 as usize] += 1;
                cached += 1;
            });
            equal("nrpages", file.cached(), "cached pages", cached)?;
        }
        let mut live = 0;
        for (number, refs) in expected.iter().enumerate().skip(1) {
            let folio = self.frames.folio(Pfn(number as u32));
            let at = |what: &str| format!("{what} of frame {number}");
            equal(&at("_refcount"), folio.refs().count(), "cache and maps", *refs)?;
            let mapcount = folio.mapcount().load(Ordering::Relaxed);
            equal(&at("_mapcount"), mapcount, "maps", u64::from(census.maps[number]))?;
            let anon = folio.mapping().load(Ordering::Relaxed) == ANON;
            if anon && mapcount > 1 {
                return Err(format!("anonymous frame {number} is mapped {mapcount} times"));
            }
            live += usize::from(*refs > 0);
        }
        let used = self.frames.pool.slots() - self.frames.pool.free();
        equal("frames not free", used, "frames with a reference", live)
    }

    fn check_file_references(&self) -> Result<(), String> {
        let mut expected = vec![1; self.files.len()];
        self.tree.for_each(self.field(S::LAYOUT.mt_root), |vma| {
            if let Some(file) = self.vmas.get(vma).file() {
                expected[file] += 1;
            }
        });
        for (file, refs) in self.files.iter().zip(expected) {
            let name = format!("f_ref of file {}", file.number());
            equal(&name, file.refs().count(), "opener and VMAs", refs)?;
        }
        Ok(())
    }
}

fn equal<T: PartialEq + std::fmt::Display>(
    name: &str,
    value: T,
    other_name: &str,
    other: T,
) -> Result<(), String> {
    if value == other {
        return Ok(());
    }
    Err(format!("{name}: {value}, but {other_name}: {other}"))
}
