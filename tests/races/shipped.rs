//! Every strategy of the table that can run with writers, and the example of a user's own.

use crate::own_strategy::Bravo;
use crate::play::{Played, play};
use crate::script::Script;
use faultstorm::machine::Machine;
use faultstorm::machine::model::{Model, ModelLine};
use faultstorm::mm::kernel::{Linux5_12, Linux6_2};
use faultstorm::strategy::{
    HazardPointers, LockApart, LockEmbedded, MmSeq, MmapLock, PerVmaLock, RcuMapPages, STRATEGIES,
    Scheme, Speculative, SpeculativeVma, SrcuFaults, Strategy, VmRefcnt, VmaRefcount,
};

/// Result of a race under a strategy.
pub type Row = (&'static str, Result<Played, String>);

fn one<M: Machine, S: Strategy<M> + Scheme>(script: &Script) -> Row {
    (S::NAME, play::<M, S>(script))
}

/// Plays a race under every strategy.
pub fn all<M: Machine<Line = ModelLine>>(script: &Script) -> Vec<Row> {
    vec![
        one::<M, MmapLock<Linux6_2>>(script),
        one::<M, MmapLock<Linux5_12, true>>(script),
        one::<M, VmaRefcount>(script),
        one::<M, Speculative<0, true>>(script),
        one::<M, Speculative<1, true>>(script),
        one::<M, Speculative<0, false>>(script),
        one::<M, MmSeq>(script),
        one::<M, SpeculativeVma<false>>(script),
        one::<M, SpeculativeVma<true>>(script),
        one::<M, HazardPointers>(script),
        one::<M, SrcuFaults<false>>(script),
        one::<M, SrcuFaults<true>>(script),
        one::<M, RcuMapPages<false>>(script),
        one::<M, RcuMapPages<true>>(script),
        one::<M, PerVmaLock<LockApart>>(script),
        one::<M, PerVmaLock<LockEmbedded>>(script),
        one::<M, VmRefcnt>(script),
        one::<M, Bravo>(script),
    ]
}

/// Plays a race under every strategy: the books must balance, and under at least one strategy the
/// cores must reach their points.
#[track_caller]
pub fn all_stand(script: &Script) -> Vec<(&'static str, Played)> {
    stand::<Model>(script)
}

/// Plays a race under every strategy: the books must balance. No strategy reaches all points,
/// because only a twin reaches some of them.
#[track_caller]
pub fn all_balance(script: &Script) {
    for (name, row) in all::<Model>(script) {
        row.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    }
}

/// As [`all_stand`], in another machine.
#[track_caller]
pub fn stand<M: Machine<Line = ModelLine>>(script: &Script) -> Vec<(&'static str, Played)> {
    let rows = all::<M>(script).into_iter();
    let played: Vec<_> = rows
        .map(|(name, row)| (name, row.unwrap_or_else(|wrong| panic!("{name}: {wrong}"))))
        .collect();
    let points = &script.turns;
    assert!(played.iter().any(|(_, played)| played.held), "nobody comes to {points:?}");
    played
}

/// Checks that every strategy that can run with writers is played.
pub fn no_strategy_is_left_out() {
    let script = Script::turns(vec![], crate::script::ANON, vec![&[]]);
    let played: Vec<_> = all::<Model>(&script).into_iter().map(|(name, _)| name).collect();
    let table = STRATEGIES.iter().map(|entry| entry.name).filter(|name| *name != "unlocked");
    assert_eq!(played, table.chain(["bravo"]).collect::<Vec<_>>());
}
