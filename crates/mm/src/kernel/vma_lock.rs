//! `struct vma_lock`: an object of a slab, so that those of several VMAs share lines.

use machine::{LINE_WORDS, LineName};

/// Most lines after which the places of objects start again.
pub const VMA_LOCK_LINES: usize = 8;

/// Bytes of a word.
const WORD: u16 = 8;

/// Bytes of an object, and the offsets of the fields that faults touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmaLockObject {
    /// Distance of two objects in the slab.
    pub size: u16,
    /// `lock.count`.
    pub lock_count: u16,
    /// `lock.owner`.
    pub lock_owner: u16,
}

/// Places of the same fields in words, and the names of the slab's lines.
#[derive(Debug)]
pub struct VmaLockLayout {
    /// The first lines; those after them are alike, in turn.
    pub lines: [LineName; VMA_LOCK_LINES],
    /// Words of an object.
    pub words: usize,
    /// Word of the count.
    pub count: usize,
    /// Word of the owner.
    pub owner: usize,
    /// True if the two are words of the object.
    pub fits: bool,
}

impl VmaLockObject {
    /// The object of kernels that have it (6.4 to 6.14): a `struct rw_semaphore`.
    pub const DEFAULT: Self = Self { size: 40, lock_count: 0, lock_owner: 8 };
}

impl VmaLockLayout {
    /// Creates the layout of these numbers. A line has eight words, and an object of `n` words is
    /// at the same place of a line every `n` lines at the latest.
    pub const fn of(object: &VmaLockObject) -> Self {
        let words = (object.size / WORD) as usize;
        let (count, owner) =
            ((object.lock_count / WORD) as usize, (object.lock_owner / WORD) as usize);
        let fits = words >= 2
            && words <= VMA_LOCK_LINES
            && count < words
            && owner < words
            && count != owner;
        let mut lines =
            [const { LineName { name: "vma_lock", words: [""; LINE_WORDS] } }; VMA_LOCK_LINES];
        let mut at = 0;
        while fits && at < words * LINE_WORDS {
            let name = match at % words {
                word if word == count => "count",
                word if word == owner => "owner",
                _ => "",
            };
            lines[at / LINE_WORDS].words[at % LINE_WORDS] = name;
            at += 1;
        }
        Self { lines, words, count, owner, fits }
    }
}
