//! Tests that take long, which `cargo test` leaves out: `cargo test --test long`.

mod accounting;
#[path = "../storms/ask.rs"]
mod ask;
mod balance;
#[path = "../common/random.rs"]
mod random;
mod soak;
