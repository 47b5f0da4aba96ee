//! Words that a scheme adds to `mm_struct` and to `vm_area_struct`.

use machine::Machine;
use mm::Config;
use mm::hooks::Hooks;
use mm::vma::VmaId;
use std::ops::Index;

/// The words of a scheme in one space, with what writers do to them. Words that threads share
/// are on a [`Line`](machine::Line).
pub trait Words<M: Machine>: Hooks<M> + Send + Sync {
    /// Bytes that it adds to a `vm_area_struct`, and to what belongs to one, beside the lines
    /// of [`Vma`](mm::vma::Vma).
    const VMA_BYTES: usize;

    /// Makes the words of a space.
    fn new(config: &Config) -> Self;

    /// The words of a VMA that are the third line of its `vm_area_struct`: the line of
    /// `vm_refcnt` since Linux 6.15.
    fn third_line(&self, _vma: VmaId) -> Option<&M::Line> {
        None
    }
}

/// A scheme without words of its own.
impl<M: Machine> Words<M> for () {
    const VMA_BYTES: usize = 0;

    fn new(_: &Config) {}
}

/// Words of each VMA.
pub struct PerVma<T>(Box<[T]>);

impl<T> PerVma<T> {
    /// Makes them for as many VMAs as the space has room for.
    pub fn new(config: &Config, make: impl Fn() -> T) -> Self {
        Self((0..config.vmas).map(|_| make()).collect())
    }
}

impl<T> Index<VmaId> for PerVma<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, vma: VmaId) -> &T {
        &self.0[vma.0 as usize]
    }
}
