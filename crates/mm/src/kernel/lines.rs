//! Lines and words of a space, computed from offsets in bytes.

use machine::{LINE_WORDS, LineName, Waited};
use sync::spinlock::LockWords;

/// Bytes of a line.
pub(super) const LINE_BYTES: u16 = 64;

/// The offset of a field that a kernel does not have: it is placed after the structure.
pub const ABSENT: u16 = u16::MAX;

/// A word of a structure: the line, and the word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Line of the structure.
    pub line: usize,
    /// Word of the line.
    pub word: usize,
}

impl Field {
    /// Returns the words of a spinlock of this name that begins here.
    pub const fn lock(self, name: Waited) -> LockWords {
        LockWords { name, locked: self.word, tail: self.word + 1 }
    }

    /// Returns the word that is `words` further on.
    pub const fn then(self, words: usize) -> Self {
        Self { line: self.line, word: self.word + words }
    }
}

/// The lines of a structure, while its fields are put on them.
///
/// Fields that share 64 bytes in the kernel share a line. A line has eight words, and a field of
/// four bytes takes a whole one, a spinlock two: a field without room goes to an extra line, so
/// fields that faults write are placed first.
pub(super) struct StructLines<const N: usize> {
    pub names: [LineName; N],
    /// Number of the 64 bytes of the structure that each line represents.
    pub numbers: [u16; N],
    used: [usize; N],
    pub are_too_few: bool,
}

impl<const N: usize> StructLines<N> {
    pub const fn new() -> Self {
        const EMPTY: LineName = LineName { name: "", words: [""; LINE_WORDS] };
        Self { names: [EMPTY; N], numbers: [ABSENT; N], used: [0; N], are_too_few: false }
    }

    /// Places a field with these words at an offset in bytes. The first field of a line names it.
    pub const fn put(&mut self, name: &'static str, words: &[&'static str], offset: u16) -> Field {
        let number = offset / LINE_BYTES;
        let mut line = 0;
        while self.used[line] > 0
            && (self.numbers[line] != number || self.used[line] + words.len() > LINE_WORDS)
        {
            line += 1;
            if line == N {
                self.are_too_few = true;
                return Field { line: 0, word: 0 };
            }
        }
        if self.used[line] == 0 {
            self.names[line].name = name;
            self.numbers[line] = number;
        }
        let word = self.used[line];
        let mut at = 0;
        while at < words.len() {
            self.names[line].words[word + at] = words[at];
            at += 1;
        }
        self.used[line] += words.len();
        Field { line, word }
    }
}
