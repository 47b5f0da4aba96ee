//! A workload file as it is written: TOML with the place of every value, and the checks by which
//! it becomes a [`Workload`](::workload::Workload).
//!
//! A file here has the keys of a table, and below them what is checked of them. Every key is
//! optional, so that one missing key hides no other mistake: a check says which are required (and
//! the editor schema, by `schemars(required)`). Enums are externally tagged, since serde loses
//! spans in the other forms.

mod change;
mod check;
mod expect;
mod file;
mod folio;
#[cfg(feature = "schema")]
mod forms;
mod group;
mod headline;
mod idle;
mod kernel;
mod key;
mod op;
mod targets;
mod top_level;
mod touch;
mod values;
mod vma;

pub(crate) use key::{WrittenKey, WrittenTable};
pub(super) use top_level::{WrittenWorkload, workload};
