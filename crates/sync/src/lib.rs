//! Models of the kernel's synchronisation primitives, over any [`Machine`].
//!
//! Each works on words that its user chooses, so the structure decides which fields share a line
//! with which lock.
//!
//! [`Machine`]: machine::Machine

pub mod grace_costs;
pub mod hazard;
pub mod locked;
pub mod rcu;
pub mod ref_lock;
pub mod refcount;
pub mod rwlock;
pub mod rwsem;
pub mod seq_writers;
pub mod seqcount;
pub mod spinlock;
pub mod srcu;
pub mod wait_table;
