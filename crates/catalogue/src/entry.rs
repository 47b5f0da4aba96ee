//! A scheme as users meet it: its description, and its runners in each world.

use machine::Machine;
use machine::host::{Bare, Counted, Host, Staged};
use machine::model::Model;
use mm::kernel::{Kernel, Layout};
use storm::{Executor, MakeSpace, Recording, Storm, StormError, StormRequest, make};
use strategy::{Scheme, Strategy, Traits, Words};
use workload::Workload;

/// Runs a storm by the executor that the request names.
pub type Runner = dyn Fn(&StormRequest) -> Result<Storm, StormError> + Send + Sync;

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
    /// Kernel that it is modelled in unless another one is asked for.
    pub kernel: &'static Kernel,
    /// Kernel that it is compiled for where code is timed.
    pub compiled: &'static Kernel,
    /// [`Scheme::refuses`].
    pub refuses: fn(&Workload) -> Option<String>,
    /// Runs a storm under it.
    pub run: &'static Runner,
}

/// A strategy in every world: any type that implements [`Strategy<M>`] for every machine.
pub trait Everywhere:
    Strategy<Host<Bare>> + Strategy<Host<Staged>> + Strategy<Host<Counted>> + Strategy<Model>
{
}

impl<S> Everywhere for S where
    S: Strategy<Host<Bare>> + Strategy<Host<Staged>> + Strategy<Host<Counted>> + Strategy<Model>
{
}

/// Returns the kernel that a scheme comes from.
const fn own_kernel<S: Strategy<Host<Bare>>>() -> &'static Kernel {
    match S::Layout::KERNEL {
        Some(kernel) => kernel,
        None => panic!("a scheme names the kernel that it stands in"),
    }
}

/// Returns the bytes of a VMA in the scheme's own kernel, with the words that the scheme adds.
const fn bytes_per_vma<M: Machine, S: Strategy<M> + Strategy<Host<Bare>>>() -> u64 {
    (own_kernel::<S>().vma.bytes() + <S as Strategy<M>>::Words::VMA_BYTES) as u64
}

/// Functions that make a space under one scheme, one for each world.
#[derive(Clone, Copy)]
struct Makers {
    bare: MakeSpace<Host<Bare>>,
    counted: MakeSpace<Host<Counted>>,
    staged: MakeSpace<Host<Staged>>,
    model: MakeSpace<Model>,
    bytes_per_vma: u64,
    own: &'static Kernel,
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
            own: own_kernel::<S>(),
        }
    }

    /// Takes the functions of the scheme in this row of the table from the crates of the worlds.
    fn shipped<S: Strategy<Host<Bare>>>(row: usize) -> Self {
        Self {
            bare: world_bare::makers()[row],
            counted: world_counted::makers()[row],
            staged: world_staged::makers()[row],
            model: world_model::makers()[row],
            bytes_per_vma: bytes_per_vma::<Host<Bare>, S>(),
            own: own_kernel::<S>(),
        }
    }

    fn run(&self, request: &StormRequest) -> Result<Storm, StormError> {
        let bytes = self.bytes_per_vma;
        match &request.executor {
            Executor::Model(_) => world_model::run(self.model, request, bytes),
            Executor::Threads(threads) => {
                self.is_compiled_for(request.kernel)?;
                match threads.recording {
                    Recording::Throughput => world_bare::run(self.bare, request, bytes),
                    Recording::Lines | Recording::Audit => {
                        world_counted::run(self.counted, request, bytes)
                    }
                    Recording::Stages => world_staged::run(self.staged, request, bytes),
                }
            }
        }
    }

    /// Refuses another kernel than the scheme's own in worlds whose code is timed.
    fn is_compiled_for(&self, kernel: Option<&Kernel>) -> Result<(), StormError> {
        match kernel.filter(|kernel| kernel.name != self.own.name) {
            None => Ok(()),
            Some(kernel) => Err(StormError::Machine(format!(
                "it is compiled for Linux {}, and does not run in {}",
                self.own.name, kernel.name
            ))),
        }
    }
}

impl Entry {
    /// Makes the entry of a scheme of the caller's own, which is instantiated in the caller's
    /// crate.
    pub const fn of<S: Scheme + Everywhere>() -> Self {
        Self { run: &|request| Makers::of::<S>().run(request), ..Self::without_worlds::<S>() }
    }

    /// Returns the same scheme in a fixed kernel, whichever kernel a run is in: `NAME:KERNEL`.
    pub(crate) fn within(&'static self, kernel: &'static Kernel) -> Self {
        let name = Box::leak(format!("{}:{}", self.name, kernel.name).into_boxed_str());
        let run = move |request: &StormRequest| {
            (self.run)(&StormRequest { kernel: Some(kernel), ..*request })
        };
        Self { name, kernel, run: Box::leak(Box::new(run)), ..*self }
    }

    /// Makes the entry of a shipped scheme, whose instances are in the crates of the worlds.
    pub(crate) fn shipped<S: Scheme + Strategy<Host<Bare>>>(row: usize) -> Self {
        let makers = Makers::shipped::<S>(row);
        // Leaked on purpose: one for each scheme of the table, which is made once.
        let run = Box::leak(Box::new(move |request: &StormRequest| makers.run(request)));
        Self { run, ..Self::without_worlds::<S>() }
    }

    const fn without_worlds<S: Scheme + Strategy<Host<Bare>>>() -> Self {
        let kernel = own_kernel::<S>();
        Self {
            name: S::NAME,
            summary: S::SUMMARY,
            who: S::WHO,
            traits: S::TRAITS,
            kernel,
            compiled: kernel,
            refuses: S::refuses,
            run: &|_| unreachable!("it is replaced"),
        }
    }

    /// Returns the reason why a storm in this kernel cannot be timed on this machine's own cores.
    pub fn not_compiled_for(&self, kernel: &Kernel) -> Option<String> {
        (kernel.name != self.compiled.name).then(|| {
            let own = self.compiled.name;
            format!("here it is compiled for Linux {own}, in the model it runs in any kernel")
        })
    }

    /// True if its name contains its kernel.
    pub fn is_pinned(&self) -> bool {
        self.split().1.is_some_and(|variant| variant.ends_with(self.kernel.name))
    }

    /// True if it runs only when it is named.
    pub fn is_variant(&self) -> bool {
        self.name.contains(':')
    }

    /// Returns name and variant.
    pub fn split(&self) -> (&'static str, Option<&'static str>) {
        self.name.split_once(':').map_or((self.name, None), |(name, variant)| (name, Some(variant)))
    }
}
