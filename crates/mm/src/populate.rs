//! Puts pages of files where a storm finds them. Not simulated work.

use super::addr::Pfn;
use super::frames::flag;
use super::page_cache::PageState;
use super::vmstat::Item;
use super::{Core, Mm};
use machine::{Machine, Ordering};

impl<M: Machine> Mm<M> {
    /// Puts page `index` of a file into a state, from any other state. An absent page has its place
    /// in the index, so that reading it in allocates nothing. No core may fault.
    ///
    /// # Panics
    /// If the space was made with too few frames.
    pub fn populate(&self, core: &mut Core<M>, number: usize, index: u64, state: PageState) {
        let file = &self.files[number];
        let flags = match state {
            PageState::Absent => return file.reserve(index, &self.waiters),
            PageState::Cached => flag::UPTODATE,
            PageState::Locked => flag::LOCKED | flag::IO,
            PageState::NotUptodate => 0,
            PageState::Readahead => flag::UPTODATE | flag::READAHEAD,
        };
        if let Some(frame) = file.lookup(index) {
            let word = self.frames.folio(frame).flags();
            let listed = word.load(Ordering::Relaxed) & flag::LRU;
            return word.store(flags | listed, Ordering::Relaxed);
        }
        // As if all cores had read the file in together.
        let reader = index as usize % self.cores();
        let frame = core.take_frame_as(self, reader);
        let frame = frame.expect("the space was made with enough frames");
        self.frames.folio(frame).init(file.mapping(), index, flags);
        self.write_file_content(number, index, frame);
        assert!(file.insert(index, frame, &self.waiters), "a page is cached once");
        core.count(self, frame, Item::FilePages, 1);
        core.add_to_lru(self, frame);
    }

    /// Puts a large folio into the page cache, from page `first` of a file on, unless it is there.
    /// Nobody faults.
    ///
    /// # Panics
    /// If the space was made with too few frames.
    pub fn populate_folio(&self, core: &mut Core<M>, number: usize, first: u64, order: u8) {
        let file = &self.files[number];
        if file.lookup(first).is_some() {
            return;
        }
        let reader = (first >> order) as usize % self.cores();
        let head = core.take_large_folio_as(self, reader, order);
        let head = head.expect("the space was made with enough frames");
        self.frames.init_large_file(head, file.mapping(), first);
        for page in 0..1 << order {
            let (index, frame) = (first + u64::from(page), Pfn(head.0 + page));
            self.write_file_content(number, index, frame);
            assert!(file.insert(index, frame, &self.waiters), "a page is cached once");
        }
        core.count(self, head, Item::FilePages, 1 << order);
        core.add_to_lru(self, head);
    }
}
