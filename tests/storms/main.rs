//! Storms under every strategy, in every world: the counts match the work, and the books balance.

mod ask;
mod claims;
mod conformance;
mod folios;
mod kernel;
mod locks;
mod model;
mod paces;
mod reports;
mod rules;
mod scarcity;
mod waits;
mod writers;
