//! Broken twins: schemes as shipped, except for one step. One twin of each family is sound, which
//! shows that the missing step is the cause.

pub mod file;
pub mod machines;
pub mod pointer;
pub mod refcnt;
pub mod reference;
pub mod sequence;
pub mod speculative;
pub mod steps;
pub mod vma_lock;
