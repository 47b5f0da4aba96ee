//! A space in any layout.

use super::layout::Layout;
use super::page_cache::PageState;
use super::{Core, Mm};
use machine::Machine;

/// What may be asked of a space by those who need not know its layout.
pub trait Placed<M: Machine>: Send + Sync {
    /// The calling core; see [`Core::new`].
    fn core(&self, reads_max: usize) -> Core<M>;
    /// See [`Core::stagger`].
    fn stagger(&self, core: &mut Core<M>, draw: u64);
    /// See [`Core::retire`].
    fn retire(&self, core: &mut Core<M>);
    /// See [`Mm::populate`].
    fn populate(&self, core: &mut Core<M>, file: usize, index: u64, state: PageState);
    /// Sets the length of a file, and leaves its pages where they are.
    fn set_file_pages(&self, file: usize, pages: u64);
    /// See [`Core::forget_translations`] and [`Core::end_child`].
    fn rest(&self, core: &mut Core<M>);
    /// See [`Mm::zap_share`].
    fn zap_share(&self, core: &mut Core<M>, share: usize, shares: usize);
    /// See [`Mm::evict_read_in`].
    fn evict_read_in(&self, core: &mut Core<M>);
    /// See [`Mm::forget_tables`].
    fn forget_tables(&self, core: &mut Core<M>);
    /// See [`Mm::check_books`].
    ///
    /// # Errors
    /// What does not add up.
    fn check_books(&self, core: &Core<M>) -> Result<(), String>;
    /// See [`Mm::check_translations`].
    ///
    /// # Errors
    /// A translation that is not true.
    fn check_translations(&self, core: &mut Core<M>) -> Result<(), String>;
    /// See [`Mm::deferred_free_peak`].
    fn deferred_free_peak(&self) -> u64;
    /// See [`Mm::check_all_free`].
    ///
    /// # Errors
    /// What is not free.
    fn check_all_free(&self, core: &Core<M>) -> Result<(), String>;
}

impl<M: Machine, L: Layout> Placed<M> for Mm<M, L> {
    fn core(&self, reads_max: usize) -> Core<M> {
        Core::new(self, reads_max)
    }

    fn stagger(&self, core: &mut Core<M>, draw: u64) {
        core.stagger(self, draw);
    }

    fn retire(&self, core: &mut Core<M>) {
        core.retire(self);
    }

    fn populate(&self, core: &mut Core<M>, file: usize, index: u64, state: PageState) {
        self.populate(core, file, index, state);
    }

    fn set_file_pages(&self, file: usize, pages: u64) {
        self.files()[file].set_pages(pages);
    }

    fn rest(&self, core: &mut Core<M>) {
        core.forget_translations();
        core.end_child(self);
    }

    fn zap_share(&self, core: &mut Core<M>, share: usize, shares: usize) {
        self.zap_share(core, share, shares);
    }

    fn evict_read_in(&self, core: &mut Core<M>) {
        self.evict_read_in(core);
    }

    fn forget_tables(&self, core: &mut Core<M>) {
        self.forget_tables(core);
    }

    fn check_books(&self, core: &Core<M>) -> Result<(), String> {
        self.check_books(core)
    }

    fn check_translations(&self, core: &mut Core<M>) -> Result<(), String> {
        self.check_translations(core)
    }

    fn deferred_free_peak(&self) -> u64 {
        self.deferred_free_peak()
    }

    fn check_all_free(&self, core: &Core<M>) -> Result<(), String> {
        self.check_all_free(core)
    }
}
