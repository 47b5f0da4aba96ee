//! Checks of the documentation: generated pages are fresh, commands run, links lead somewhere.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod figures;
mod layers;
mod own_strategy;
mod page;
mod picture;
mod readme;
mod reference;
mod schema;
mod sequences;
mod tidy;
