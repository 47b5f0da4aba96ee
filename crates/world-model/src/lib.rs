//! Storms in the deterministic model. The one place where the simulated kernel is instantiated
//! for it.

storm::world!(machine::model::Model, storm::model::run);
