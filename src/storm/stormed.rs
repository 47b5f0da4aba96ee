//! An address space as a storm uses it, whatever its strategy.

use super::order::PagesIter;
use super::plan::TouchPlan;
use super::touch::Hands;
use super::world::World;
use crate::machine::Work;
use crate::mm::Core;
use crate::mm::frames::Arena;
use crate::mm::page_cache::File;
use crate::mm::vma::Mapping;
use crate::mm::writer::Writer;
use crate::mm::{Config, Placed};
use crate::strategy::{Space, Strategy};
use std::sync::Arc;

/// What a storm asks of a space. A call covers a batch of touches or more, so that the
/// loops of a storm are compiled once for each world and not for each strategy.
pub trait Stormed<W: World>: Send + Sync {
    /// The space, without its strategy.
    fn mm(&self) -> &dyn Placed<W>;
    /// Makes a mapping where nothing is mapped; false where something is.
    fn mmap(&self, core: &mut Core<W>, mapping: &Mapping) -> bool;
    /// Unmaps everything, and empties the page cache.
    fn exit(&self, core: &mut Core<W>);
    /// Touches the next `count` pages.
    fn touch(&self, hands: &mut Hands<W>, touch: &TouchPlan, pages: &mut PagesIter, count: u64);
}

/// Makes an empty space, with these files in its page cache.
pub type MakeSpace<W> = fn(Config, Arc<Arena>, Vec<File<W>>) -> Box<dyn Stormed<W>>;

/// A space under `S`.
pub fn make<W: World, S: Strategy<W>>(
    config: Config,
    arena: Arc<Arena>,
    files: Vec<File<W>>,
) -> Box<dyn Stormed<W>> {
    Box::new(Space::<W, S>::new(config, arena, files))
}

impl<W: World, S: Strategy<W>> Stormed<W> for Space<W, S> {
    fn mm(&self) -> &dyn Placed<W> {
        &**self
    }

    fn mmap(&self, core: &mut Core<W>, mapping: &Mapping) -> bool {
        Writer::new(&**self, self, core).mmap(mapping)
    }

    fn exit(&self, core: &mut Core<W>) {
        (**self).exit(self, core);
    }

    fn touch(&self, hands: &mut Hands<W>, touch: &TouchPlan, pages: &mut PagesIter, count: u64) {
        for page in pages.take(count as usize) {
            hands.touch(self, touch.extent.address(page), touch.access);
            if touch.think_ns > 0 {
                W::work(Work::ThinkNs(touch.think_ns));
            }
        }
    }
}
