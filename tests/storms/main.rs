//! Storms under every strategy, in every world: what is counted is what was done, and books
//! balance.

mod ask;
mod conformance;
mod kernel;
mod locks;
mod model;
mod rules;
mod scarcity;
mod writers;
