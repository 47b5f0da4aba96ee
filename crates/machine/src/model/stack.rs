//! Stacks for coroutines: one mapping, with a guard page below each.

use corosensei::stack::{Stack, StackPointer};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::rc::Rc;

const PAGE: usize = 4096;
/// Memory of a stack. Only touched pages become resident: one or two. Frames of a build without
/// optimisation are large.
const USABLE: usize = 512 * 1024;
/// Addresses that the stack of a core takes.
pub const STACK_BYTES: usize = USABLE + PAGE;
/// Distance between the tops of two stacks within their pages. Stacks that start at the same offset
/// would have their hot lines in the same cache sets of the machine that runs the model.
const COLOUR: usize = 192;

/// Stacks for a number of cores.
pub struct Stacks(Rc<Mapping>);

struct Mapping {
    base: NonNull<u8>,
    count: usize,
}

impl Stacks {
    /// Maps `count` stacks.
    ///
    /// # Errors
    /// If the kernel refuses the address space.
    pub fn new(count: usize) -> std::io::Result<Self> {
        let (prot, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: a new anonymous mapping at an address that the kernel chooses replaces no other.
        let base =
            unsafe { mmap_anonymous(std::ptr::null_mut(), count * STACK_BYTES, prot, flags)? };
        let base = NonNull::new(base.cast::<u8>()).expect("mmap returns no null mapping");
        let mapping = Mapping { base, count };
        for stack in 0..count {
            // SAFETY: the page is in the mapping just made, and nothing uses it yet.
            unsafe {
                mprotect(
                    base.as_ptr().add(stack * STACK_BYTES).cast(),
                    PAGE,
                    MprotectFlags::empty(),
                )?;
            }
        }
        Ok(Self(Rc::new(mapping)))
    }

    /// Returns all stacks, each once.
    pub fn take(self) -> impl Iterator<Item = ColouredStack> {
        (0..self.0.count).map(move |number| ColouredStack { mapping: self.0.clone(), number })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; every stack in it holds a reference to it, so none is
        // left. If unmapping fails, it is leaked and nothing else happens.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.count * STACK_BYTES) };
    }
}

/// One of [`Stacks`].
pub struct ColouredStack {
    mapping: Rc<Mapping>,
    number: usize,
}

impl ColouredStack {
    #[inline]
    fn start(&self) -> usize {
        self.mapping.base.as_ptr() as usize + self.number * STACK_BYTES
    }
}

// SAFETY: `limit` is the lowest and `base` the highest address of memory that is readable and
// writable except for the guard page at its low end, that nobody else gets, and that stays mapped
// as long as `self` exists. Both are aligned: 192 is a multiple of 16.
unsafe impl Stack for ColouredStack {
    #[inline]
    fn base(&self) -> StackPointer {
        let top = self.start() + STACK_BYTES - self.number * COLOUR % PAGE;
        NonZeroUsize::new(top).expect("a mapping is not at address 0")
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.start()).expect("a mapping is not at address 0")
    }
}
