//! The books: numbers that must be equal when no core faults.
//!
//! A storm whose books do not balance is an error, never a result.

use super::addr::{ENTRIES, PAGE_BYTES, Pfn, Pte, TABLE_SPAN, Vaddr};
use super::frames::{ANON, flag as frames};
use super::page_cache::File;
use super::page_table::TableId;
use super::vma::{VmaFields, flag};
use super::vmstat::Item;
use super::wait::file_stamp;
use super::{Core, Mm};
use machine::{Machine, Ordering};
use rayon::prelude::*;
use std::ops::Range;

/// Returns the word of a page that touches write: not the first, which has the origin of the
/// content; and a different one for each page, so that a page that was not cleared is found.
pub fn touched_word(page: u64) -> usize {
    1 + (page % (PAGE_BYTES / 8 - 1)) as usize
}

/// One of this number of pages is compared word by word.
const COMPARED_WHOLE: u64 = 61;

/// Counts from a walk of the page tables.
struct Census {
    /// Ptes by frame.
    maps: Vec<u32>,
    tables: u64,
    mapped: i64,
}

impl<M: Machine> Mm<M> {
    /// Checks a space in which no core faults. Its cores are retired; pages may still be mapped.
    ///
    /// # Errors
    /// The first numbers that differ.
    pub fn check_books(&self, core: &Core<M>) -> Result<(), String> {
        self.end_grace_periods(core);
        let census = self.take_census()?;
        let mapped = if self.config.rss { census.mapped } else { 0 };
        equal(format_args!("rss in pages"), self.rss.pages(), "present ptes", mapped)?;
        let bytes = self.field(self.kernel.mm.pgtables_bytes).load(Ordering::Relaxed);
        let counted = if self.config.pgtables_bytes { census.tables } else { 0 };
        let name = "bytes of tables in the tree";
        equal(format_args!("pgtables_bytes"), bytes, name, counted * PAGE_BYTES)?;
        let live = (self.tables.pool.slots() - self.tables.pool.free()) as u64;
        equal(
            format_args!("tables not free"),
            live,
            "tables in the tree and the pgd",
            census.tables + 1,
        )?;
        let locked = self.field(self.kernel.mm.mmap_count).load(Ordering::Relaxed);
        equal(format_args!("mmap_lock.count"), locked, "that of a lock nobody holds", 0)?;
        self.check_folios(&census)?;
        self.check_charges()?;
        self.check_file_references()
    }

    /// Checks a space after [`exit`](Self::exit): everything is free.
    ///
    /// # Errors
    /// The first thing that is not free.
    pub fn check_all_free(&self, core: &Core<M>) -> Result<(), String> {
        self.end_grace_periods(core);
        let (nodes_free, nodes) = self.tree.free_nodes();
        equal(
            format_args!("free frames"),
            self.frames.zones.free(),
            "frames",
            self.frames.zones.slots(),
        )?;
        equal(
            format_args!("free tables and the pgd"),
            self.tables.pool.free() + 1,
            "tables",
            self.tables.pool.slots(),
        )?;
        // Checked here, not on each free: a check is an access like any other.
        let written = self.tables.all().iter().filter(|table| !table.is_empty()).count();
        equal(format_args!("free tables with an entry"), written, "expected", 0)?;
        equal(format_args!("free VMAs"), self.vmas.free_count(), "VMAs", self.vmas.count())?;
        equal(format_args!("folios on LRU lists"), self.lru.size(), "expected", 0)?;
        self.check_charges()?;
        if self.frames.zones.stat.is_on() {
            self.compare_statistics(vec![[0; Item::ALL.len()]; self.frames.zones.nodes()])?;
        }
        equal(format_args!("free tree nodes"), nodes_free, "tree nodes", nodes)?;
        equal(format_args!("rss in pages"), self.rss.pages(), "present ptes", 0)
    }

    /// Frees objects that wait for readers. No reader is left, so a few epochs end every grace
    /// period. Each core that has left has handed over a bag of its own, and a flush frees a few of
    /// them.
    fn end_grace_periods(&self, core: &Core<M>) {
        for _ in 0..64 + self.cores() {
            core.flush_deferred();
        }
    }

    fn take_census(&self) -> Result<Census, String> {
        let mut page_tables = Vec::new();
        self.for_each_page_table(|table, base| page_tables.push((table, base)));
        let check = |(table, base): &(TableId, u64)| self.check_table(*table, *base);
        let mapped: Vec<Vec<Pfn>> = match M::IS_OF_ALL_THREADS {
            true => page_tables.par_iter().map(check).collect::<Result<_, String>>()?,
            false => page_tables.iter().map(check).collect::<Result<_, String>>()?,
        };
        let mut census = Census { maps: vec![0; self.frames.count()], tables: 0, mapped: 0 };
        for frame in mapped.into_iter().flatten() {
            census.maps[frame.0 as usize] += 1;
            census.mapped += 1;
        }
        census.tables = self.count_tables(self.pgd(), 3);
        Ok(census)
    }

    /// Returns true if any VMA reaches into a range.
    pub(super) fn is_mapped(&self, range: Range<Vaddr>) -> bool {
        let mut reaches = false;
        self.tree.for_each_in(self.field(self.kernel.mm.mt_root), range.start, range.end, |vma| {
            reaches |= self.vma(vma).range().0 < range.end;
        });
        reaches
    }

    fn count_tables(&self, table: TableId, levels: u32) -> u64 {
        let children = (0..ENTRIES).filter_map(|index| self.tables.get(table).child(index));
        children.map(|t| if levels > 1 { 1 + self.count_tables(t, levels - 1) } else { 1 }).sum()
    }

    /// Checks every pte of a table. Returns the frames that they map, in order.
    fn check_table(&self, id: TableId, base: u64) -> Result<Vec<Pfn>, String> {
        if !self.is_mapped(Vaddr(base)..Vaddr(base + TABLE_SPAN)) {
            return Err(format!("a page table at {base:#x}, no VMA"));
        }
        let mut mapped = Vec::with_capacity(ENTRIES);
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
                mapped.push(frame);
                self.check_mapping(addr, frame, &vma)?;
                self.check_content(addr, pte, frame, &vma)?;
            }
        }
        Ok(mapped)
    }

    /// Checks that this VMA may map the frame here.
    fn check_mapping(&self, addr: Vaddr, frame: Pfn, vma: &impl VmaFields) -> Result<(), String> {
        let (folio, at) = (self.frames.folio(frame), addr.0);
        let page = vma.file().map(|file| (&self.files[file], vma.file_page(addr)));
        if let Some((file, page)) = page
            && page >= file.pages()
        {
            return Err(format!("a pte at {at:#x}, page {page} of a file that ends before it"));
        }
        match (folio.mapping().load(Ordering::Relaxed), page) {
            (ANON, _) if vma.has_anon_vma() => Ok(()),
            (ANON, _) => Err(format!("an anonymous page at {at:#x} in a VMA without anon_vma")),
            (mapping, Some((file, page))) if mapping == file.mapping() => {
                let name = format_args!("page of the file at {at:#x}");
                equal(name, folio.index().load(Ordering::Relaxed), "what the VMA maps", page)
            }
            _ => Err(format!("a page at {at:#x} that its VMA's file does not have")),
        }
    }

    /// Checks that the page has the content that the fault gave it, and, if it is writable, the
    /// value that the touch wrote.
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
        let at = addr.0;
        equal(format_args!("first word of the page at {at:#x}"), word(0), "its origin", origin)?;
        // A shared page may have been written through another mapping.
        if !pte.is_writable() || vma.flags() & flag::SHARED != 0 {
            return Ok(());
        }
        // An anonymous page keeps its number when it moves; a copy of a file's page has none.
        let page = match vma.file() {
            None => vma.file_page(addr),
            Some(_) if self.config.pages_move => return Ok(()),
            Some(_) => addr.page(),
        };
        let touched = touched_word(page);
        // The fault that maps a large folio is on one page of it.
        let config = &self.config;
        let may_have_missed = config.pages_move
            || config.rights_change
            || config.prefaults
            || self.frames.is_large(frame);
        // A file's page is read into memory that keeps older words beyond the first.
        let of_source = |source: Pfn| self.frames.word(source, touched).load(Ordering::Relaxed);
        let untouched = || {
            let source = self.source_of(addr, vma);
            source.is_none_or(|source| word(touched) == source.map_or(0, of_source))
        };
        if !(may_have_missed && untouched()) {
            let name = format_args!("touched word of the page at {at:#x}");
            equal(name, word(touched), "what was written", page)?;
        }
        if page.is_multiple_of(COMPARED_WHOLE) {
            self.compare_whole(addr, frame, vma, touched)?;
        }
        Ok(())
    }

    /// Returns the frame that a page was copied from: `Some(None)` if the page was cleared, `None`
    /// if a truncate has removed the frame.
    fn source_of(&self, addr: Vaddr, vma: &impl VmaFields) -> Option<Option<Pfn>> {
        match vma.file() {
            None => Some(None),
            Some(file) => self.files[file].lookup(vma.file_page(addr)).map(Some),
        }
    }

    /// Checks that a page is as it was cleared or copied, except for the touched word.
    fn compare_whole(
        &self,
        addr: Vaddr,
        frame: Pfn,
        vma: &impl VmaFields,
        touched: usize,
    ) -> Result<(), String> {
        let file = vma.file().map(|file| &self.files[file]);
        if file.is_some_and(File::is_written) {
            return Ok(());
        }
        let word = |frame, index| self.frames.word(frame, index).load(Ordering::Relaxed);
        let Some(source) = self.source_of(addr, vma) else { return Ok(()) };
        for index in (1..ENTRIES).filter(|index| *index != touched) {
            let copied = source.map_or(0, |source| word(source, index));
            let name = format_args!("word {index} of the page at {:#x}", addr.0);
            equal(name, word(frame, index), "its source", copied)?;
        }
        Ok(())
    }

    fn check_folios(&self, census: &Census) -> Result<(), String> {
        let maps = |frame: usize| u64::from(census.maps[frame]);
        let mut cached = vec![0; census.maps.len()];
        for file in &self.files {
            let mut pages = 0;
            file.for_each_cached(|_, frame| {
                cached[frame.0 as usize] += 1;
                pages += 1;
            });
            equal(format_args!("nrpages"), file.cached(), "cached pages", pages)?;
        }
        // Frames of each folio that is not free.
        let check = |number: usize| {
            let head = Pfn(number as u32);
            if self.frames.head(head) != head {
                return Ok(0);
            }
            let pages = number..number + self.frames.pages_of(head) as usize;
            pages.clone().try_for_each(|page| self.check_page(page, maps(page)))?;
            let all_maps: u64 = pages.clone().map(maps).sum();
            let all_cached: u64 = pages.clone().map(|page| cached[page]).sum();
            self.check_folio(head, all_maps, all_cached)?;
            Ok(if all_maps + all_cached > 0 { pages.len() } else { 0 })
        };
        let live: usize = match M::IS_OF_ALL_THREADS {
            true => (1..cached.len()).into_par_iter().map(check).sum::<Result<_, String>>()?,
            false => (1..cached.len()).map(check).sum::<Result<_, String>>()?,
        };
        equal(format_args!("frames not free"), self.used(), "frames with a reference", live)?;
        self.check_lists(live as u64)?;
        self.check_statistics(census, &cached)
    }

    /// Checks the counts of zones and nodes.
    fn check_statistics(&self, census: &Census, cached: &[u64]) -> Result<(), String> {
        let zones = &self.frames.zones;
        if !zones.stat.is_on() {
            return Ok(());
        }
        let mut expected = vec![[0_i64; Item::ALL.len()]; zones.nodes()];
        for (number, cached) in cached.iter().enumerate().skip(1) {
            let (frame, maps) = (Pfn(number as u32), census.maps[number]);
            let anon = self.frames.folio(frame).mapping().load(Ordering::Relaxed) == ANON;
            let item = if anon { Item::AnonMapped } else { Item::FileMapped };
            let of_node = &mut expected[zones.node_of(frame)];
            of_node[item as usize] += i64::from(maps > 0);
            of_node[Item::FilePages as usize] += *cached as i64;
        }
        // Tables have no node here: each is counted on the node of the core that took or freed it.
        let tables: i64 = (0..zones.nodes()).map(|n| zones.stat.of_node(n, Item::PageTable)).sum();
        equal(format_args!("NR_PAGETABLE"), tables, "tables in the tree", census.tables as i64)?;
        self.compare_statistics(expected)
    }

    /// Compares the counts with the expected ones; the rest is computed from lists and zones.
    fn compare_statistics(&self, mut expected: Vec<[i64; Item::ALL.len()]>) -> Result<(), String> {
        let zones = &self.frames.zones;
        for (node, expected) in expected.iter_mut().enumerate() {
            let [anon, file] = if self.lru.is_on() { self.lru.sizes_of(node) } else { [0; 2] };
            for (item, value) in [
                (Item::FreePages, zones.free_of(node) as i64),
                (Item::ZoneInactiveAnon, anon as i64),
                (Item::InactiveAnon, anon as i64),
                (Item::ZoneInactiveFile, file as i64),
                (Item::InactiveFile, file as i64),
                (Item::PageTable, zones.stat.of_node(node, Item::PageTable)),
            ] {
                expected[item as usize] = value;
            }
            for item in Item::ALL {
                let name = format_args!("{item:?} of node {node}");
                equal(name, zones.stat.of_node(node, item), "counted", expected[item as usize])?;
            }
        }
        for item in Item::ALL {
            let sum = expected.iter().map(|of_node| of_node[item as usize]).sum();
            equal(
                format_args!("{item:?} of all nodes"),
                zones.stat.of_all(item),
                "their sum",
                sum,
            )?;
        }
        Ok(())
    }

    /// Returns the number of frames that are in no zone.
    fn used(&self) -> usize {
        self.frames.zones.slots() - self.frames.zones.free()
    }

    /// Checks that every frame in use, and nothing else, is charged to every group.
    fn check_charges(&self) -> Result<(), String> {
        self.memcg.usage().try_for_each(|usage| {
            equal(format_args!("pages charged"), usage, "frames in use", self.used() as u64)
        })
    }

    /// Checks that every live folio is on a list of its node once. `live`: their pages.
    fn check_lists(&self, live: u64) -> Result<(), String> {
        let mut listed = 0;
        let mut wrong = None;
        self.lru.for_each(&self.frames, |node, frame| {
            listed += u64::from(self.frames.pages_of(frame));
            let flags = self.frames.folio(frame).flags().load(Ordering::Relaxed);
            if self.frames.zones.node_of(frame) != node || flags & frames::LRU == 0 {
                wrong = Some(frame.0);
            }
        });
        if let Some(frame) = wrong {
            return Err(format!("frame {frame} is on an LRU list that is not its own"));
        }
        let expected = if self.lru.is_on() { live } else { 0 };
        equal(format_args!("sizes of LRU lists"), self.lru.size(), "pages on them", listed)?;
        equal(format_args!("pages on LRU lists"), listed, "pages of live folios", expected)
    }

    /// Returns a folio has a reference for each pte that maps a page of it, and for each place in a
    /// cache.
    fn check_folio(&self, head: Pfn, maps: u64, cached: u64) -> Result<(), String> {
        let (refs, number) = (self.frames.folio(head).refs().count(), head.0);
        equal(format_args!("_refcount of frame {number}"), refs, "cache and maps", maps + cached)?;
        if !self.frames.is_large(head) {
            return Ok(());
        }
        let mapcount = self.frames.large_mapcount(head).load(Ordering::Relaxed);
        equal(format_args!("_large_mapcount of frame {number}"), mapcount, "maps", maps)
    }

    /// Returns a page counts the ptes that map it: one at most if it is anonymous.
    fn check_page(&self, number: usize, maps: u64) -> Result<(), String> {
        let folio = self.frames.folio(Pfn(number as u32));
        let mapcount = folio.mapcount().load(Ordering::Relaxed);
        equal(format_args!("_mapcount of frame {number}"), mapcount, "maps", maps)?;
        let anon = folio.mapping().load(Ordering::Relaxed) == ANON;
        match anon && maps > 1 {
            true => Err(format!("anonymous frame {number} is mapped {maps} times")),
            false => Ok(()),
        }
    }

    /// Checks that each file has its opener's reference and one for each VMA. No fault waits.
    ///
    /// # Errors
    /// The file that has not.
    pub fn check_file_references(&self) -> Result<(), String> {
        let mut expected = vec![1; self.files.len()];
        self.tree.for_each(self.field(self.kernel.mm.mt_root), |vma| {
            if let Some(file) = self.vma(vma).file() {
                expected[file] += 1;
            }
        });
        for (file, refs) in self.files.iter().zip(expected) {
            let name = format_args!("f_ref of file {}", file.number());
            equal(name, file.refs().count(), "opener and VMAs", refs)?;
        }
        Ok(())
    }
}

fn equal<T: PartialEq + std::fmt::Display>(
    name: std::fmt::Arguments,
    value: T,
    other_name: &str,
    other: T,
) -> Result<(), String> {
    if value == other {
        return Ok(());
    }
    Err(format!("{name}: {value}, but {other_name}: {other}"))
}
