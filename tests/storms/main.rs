//! Storms under every strategy, in every world: what is counted is what was done, and books
//! balance.

mod ask;
mod conformance;
mod kernel;
mod model;
mod rules;
mod rwsem;
mod scarcity;
mod writers;
