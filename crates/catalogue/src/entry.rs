//! A scheme as users meet it: what they are told, and how it is run in each world.

use machine::Machine;
use machine::host::{Bare, Counted, Host, Staged};
use machine::model::Model;
use mm::kernel::Layout;
use storm::{MakeSpace, ModelSpec, ModelStorm, Recording, Spec, Storm, StormError, make};
use strategy::{Scheme, Strategy, Traits};
use workload::Workload;

/// Runs a storm on this machine's own cores.
pub type RunOnHost = dyn Fn(&Spec) -> Result<Storm, StormError> + Send + Sync;
/// Runs a storm in the model.
pub type RunInModel = dyn Fn(&ModelSpec) -> Result<ModelStorm, StormError> + Send + Sync;

/// A scheme as users meet it.
pub struct Entry {
    /// [`Scheme::NAME`].
    pub name: &'static str,
    /// [`Scheme::SUMMARY`].
    pub summary: &'static str,
    /// [`Scheme::WHO`].
    pub who: &'static str,
    /// [`Scheme::TRAITS`].
    pub traits: Traits,
    /// [`Scheme::refuses`].
    pub refuses: fn(&Workload) -> Option<String>,
    /// Runs a storm on this machine's own cores.
    pub run: &'static RunOnHost,
    /// Runs a storm in the model.
    pub model: &'static RunInModel,
}

/// A strategy in every world: a type that implements [`Strategy<M>`] for every machine is one.
pub trait Everywhere:
    Strategy<Host<Bare>> + Strategy<Host<Staged>> + Strategy<Host<Counted>> + Strategy<Model>
{
}

impl<S> Everywhere for S where
    S: Strategy<Host<Bare>> + Strategy<Host<Staged>> + Strategy<Host<Counted>> + Strategy<Model>
{
}

/// Bytes of a VMA in the scheme's own kernel, with the words that the scheme adds.
const fn bytes_per_vma<M: Machine, S: Strategy<M>>() -> u64 {
    let of_kernel = match S::Layout::KERNEL {
        Some(kernel) => kernel.vma.bytes(),
        None => 0,
    };
    (of_kernel + S::VMA_BYTES) as u64
}

/// Makers of a space under one scheme, one for each world.
#[derive(Clone, Copy)]
struct Makers {
    bare: MakeSpace<Host<Bare>>,
    counted: MakeSpace<Host<Counted>>,
    staged: MakeSpace<Host<Staged>>,
    model: MakeSpace<Model>,
    bytes_per_vma: u64,
}

impl Makers {
    /// Instantiates a scheme in every world.
    const fn of<S: Everywhere>() -> Self {
        Self {
            bare: make::<_, S>,
            counted: make::<_, S>,
            staged: make::<_, S>,
            model: make::<_, S>,
            bytes_per_vma: bytes_per_vma::<Host<Bare>, S>(),
        }
    }

    /// Takes those of the scheme in this row of the table from the crates of the worlds.
    fn shipped<S: Strategy<Host<Bare>>>(row: usize) -> Self {
        Self {
            bare: world_bare::makers()[row],
            counted: world_counted::makers()[row],
            staged: world_staged::makers()[row],
            model: world_model::makers()[row],
            bytes_per_vma: bytes_per_vma::<Host<Bare>, S>(),
        }
    }

    fn on_host(&self, spec: &Spec) -> Result<Storm, StormError> {
        let bytes = self.bytes_per_vma;
        match spec.recording {
            Recording::Throughput => world_bare::run(self.bare, spec, bytes),
            Recording::Lines | Recording::Audit => world_counted::run(self.counted, spec, bytes),
            Recording::Stages => world_staged::run(self.staged, spec, bytes),
        }
    }

    fn in_the_model(&self, spec: &ModelSpec) -> Result<ModelStorm, StormError> {
        world_model::run(self.model, spec, self.bytes_per_vma)
    }
}

impl Entry {
    /// The row of a scheme of the caller's own, which is instantiated in the caller's crate.
    pub const fn of<S: Scheme + Everywhere>() -> Self {
        Self {
            run: &|spec| Makers::of::<S>().on_host(spec),
            model: &|spec| Makers::of::<S>().in_the_model(spec),
            ..Self::without_worlds::<S>()
        }
    }

    /// The row of a shipped scheme, whose instances are in the crates of the worlds.
    pub(crate) fn shipped<S: Scheme + Strategy<Host<Bare>>>(row: usize) -> Self {
        let makers = Makers::shipped::<S>(row);
        // One for each scheme of the table, which is made once.
        Self {
            run: Box::leak(Box::new(move |spec: &Spec| makers.on_host(spec))),
            model: Box::leak(Box::new(move |spec: &ModelSpec| makers.in_the_model(spec))),
            ..Self::without_worlds::<S>()
        }
    }

    const fn without_worlds<S: Scheme>() -> Self {
        Self {
            name: S::NAME,
            summary: S::SUMMARY,
            who: S::WHO,
            traits: S::TRAITS,
            refuses: S::refuses,
            run: &|_| unreachable!("it is replaced"),
            model: &|_| unreachable!("it is replaced"),
        }
    }

    /// Whether it runs only when it is named.
    pub fn is_variant(&self) -> bool {
        self.name.contains(':')
    }

    /// Name and variant.
    pub fn split(&self) -> (&'static str, Option<&'static str>) {
        self.name.split_once(':').map_or((self.name, None), |(name, variant)| (name, Some(variant)))
    }
}
