//! A scheme as users meet it: what they are told, and how it is run in each world.

use super::{Scheme, Strategy, Traits};
use crate::machine::Machine;
use crate::machine::host::{Audited, Bare, Counted, Host, Staged};
use crate::machine::model::Model;
use crate::mm::vma::Vma;
use crate::storm::{self, ModelSpec, ModelStorm, Recording, Spec, Storm, StormError, make};
use crate::workload::Workload;

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
    pub run: fn(&Spec) -> Result<Storm, StormError>,
    /// Runs a storm in the model.
    pub model: fn(&ModelSpec) -> Result<ModelStorm, StormError>,
}

/// A strategy in every world: what implements [`Strategy<M>`] for every machine is one.
pub trait Everywhere:
    Strategy<Host<Bare>>
    + Strategy<Host<Staged>>
    + Strategy<Host<Counted>>
    + Strategy<Host<Audited>>
    + Strategy<Model>
{
}

impl<S> Everywhere for S where
    S: Strategy<Host<Bare>>
        + Strategy<Host<Staged>>
        + Strategy<Host<Counted>>
        + Strategy<Host<Audited>>
        + Strategy<Model>
{
}

/// Bytes of a VMA, with the words that the scheme adds.
fn bytes_per_vma<M: Machine, S: Strategy<M>>() -> u64 {
    (size_of::<Vma<M>>() + S::VMA_BYTES) as u64
}

fn on_host<S: Everywhere>(spec: &Spec) -> Result<Storm, StormError> {
    let bytes = bytes_per_vma::<Host<Bare>, S>();
    match spec.recording {
        Recording::Throughput => storm::host::run(make::<Host<Bare>, S>, spec, bytes),
        Recording::Lines => storm::host::run(make::<Host<Counted>, S>, spec, bytes),
        Recording::Audit => storm::host::run(make::<Host<Audited>, S>, spec, bytes),
        Recording::Stages => storm::host::run(make::<Host<Staged>, S>, spec, bytes),
    }
}

fn in_the_model<S: Everywhere>(spec: &ModelSpec) -> Result<ModelStorm, StormError> {
    storm::model::run(make::<Model, S>, spec, bytes_per_vma::<Host<Bare>, S>())
}

impl Entry {
    /// The row of a scheme.
    pub const fn of<S: Scheme + Everywhere>() -> Self {
        Self {
            name: S::NAME,
            summary: S::SUMMARY,
            who: S::WHO,
            traits: S::TRAITS,
            refuses: S::refuses,
            run: on_host::<S>,
            model: in_the_model::<S>,
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
