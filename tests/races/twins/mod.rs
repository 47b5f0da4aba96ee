//! Broken twins: schemes as shipped, but for one step. Of each family one is sound, and shows
//! that it is that step which matters.

pub mod file;
pub mod machines;
pub mod pointer;
pub mod refcnt;
pub mod reference;
pub mod sequence;
pub mod speculative;
pub mod steps;
pub mod vma_lock;
