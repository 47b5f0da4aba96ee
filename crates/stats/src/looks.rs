//! How the error is kept where verdicts are looked at before a run ends.
//!
//! A run that spends its repeats where a verdict is open looks after some turns, and lets go
//! of what is sure. Each look is a chance to be wrong, so each is paid for: most of the error
//! is for the verdict at the end, which the reader sees, and a part is shared by the looks
//! before. What is sure at a look is so at the end too: its repeats are the same, and the end
//! asks for less.

use super::ERROR;

/// Turns of a group after which verdicts are looked at. No earlier: where a machine has two
/// speeds, three storms that happen to be slow look like a difference.
pub const LOOKS: [u32; 3] = [4, 6, 8];
/// Of [`ERROR`], what all looks before the end may spend together.
const ERROR_BEFORE: f64 = 0.01;

/// Returns the chance for a wrong verdict that one of so many ratios has at a look.
pub fn at_a_look(comparisons: usize) -> f64 {
    ERROR_BEFORE / LOOKS.len() as f64 / comparisons.max(1) as f64
}

/// Returns the chance for a wrong verdict that one of so many ratios has at the end; `looked`:
/// verdicts were looked at before.
pub fn at_the_end(comparisons: usize, looked: bool) -> f64 {
    let spent = if looked { ERROR_BEFORE } else { 0.0 };
    (ERROR - spent) / comparisons.max(1) as f64
}
