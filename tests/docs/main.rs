//! The documentation: what is generated of it is fresh, its commands run, its links lead
//! somewhere.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod layers;
mod lists;
mod own_strategy;
mod page;
mod reference;
mod schema;
mod tidy;
