//! The error of verdicts that are looked at before a run ends.
//!
//! A run that spends its repeats on open verdicts looks at the verdicts after some turns, and
//! stops storming cells whose verdict is sure. Each look is another chance of a wrong verdict, so
//! the looks share a part of the error; most of it remains for the verdict at the end, which the
//! reader sees. A verdict that is sure at a look is sure at the end too: its repeats are the
//! same, and the end is less strict.

use super::ERROR;

/// Turns of a group after which verdicts are looked at. Not earlier: on a machine with two
/// speeds, three slow storms in a row look like a difference.
pub const LOOKS: [u32; 3] = [4, 6, 8];
/// The part of [`ERROR`] that all looks before the end share.
const ERROR_BEFORE: f64 = 0.01;

/// Returns the chance of a wrong verdict on one of `comparisons` ratios at a look.
pub fn at_a_look(comparisons: usize) -> f64 {
    ERROR_BEFORE / LOOKS.len() as f64 / comparisons.max(1) as f64
}

/// Returns the chance of a wrong verdict on one of `comparisons` ratios at the end; `looked`:
/// verdicts were looked at before.
pub fn at_the_end(comparisons: usize, looked: bool) -> f64 {
    let spent = if looked { ERROR_BEFORE } else { 0.0 };
    (ERROR - spent) / comparisons.max(1) as f64
}
