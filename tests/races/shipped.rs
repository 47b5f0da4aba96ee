//! Every strategy of the table that may run beside writers: one line each.

use crate::script::{Script, play};
use faultstorm::machine::model::Model;
use faultstorm::mm::layout::{Linux6_2, Linux7_2};
use faultstorm::strategy::{
    Apart, Embedded, Hazard, MmapLock, PerVmaLock, Scheme, Speculative, SpeculativeVma, Strategy,
    VmRefcnt, VmaRefcount,
};

fn one<S: Strategy<Model> + Scheme>(script: &Script) -> (&'static str, bool) {
    let played = play::<Model, S>(script);
    (S::NAME, played.unwrap_or_else(|wrong| panic!("{}: {wrong}", S::NAME)))
}

/// Plays a race under every strategy; those whose fault came to its point.
pub fn all_stand(script: &Script) -> Vec<&'static str> {
    let played = [
        one::<MmapLock<Linux7_2>>(script),
        one::<MmapLock<Linux6_2>>(script),
        one::<VmaRefcount>(script),
        one::<Speculative<0, true>>(script),
        one::<Speculative<1, true>>(script),
        one::<SpeculativeVma<false>>(script),
        one::<SpeculativeVma<true>>(script),
        one::<Hazard>(script),
        one::<PerVmaLock<Apart>>(script),
        one::<PerVmaLock<Embedded>>(script),
        one::<VmRefcnt>(script),
    ];
    let held: Vec<_> = played.into_iter().filter(|(_, held)| *held).map(|(n, _)| n).collect();
    assert!(!held.is_empty(), "no fault came to point {}", script.held_at);
    held
}
