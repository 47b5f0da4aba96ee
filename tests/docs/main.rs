//! The documentation: what is generated of it is fresh, its commands run, its links lead
//! somewhere.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod figures;
mod layers;
mod lists;
mod own_strategy;
mod page;
mod picture;
mod reference;
mod schema;
mod tidy;
