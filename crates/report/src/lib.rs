//! Reports of runs and of comparisons. A report is made from a [`Run`](document::run::Run) alone,
//! so that a report made at the end of a run and one made from its file are equal.

mod about;
mod blame;
mod block;
mod blocks;
mod compare;
mod csv;
mod hdr_log;
mod html;
mod layout;
mod live;
mod markdown;
mod notes;
mod numbers;
mod outcome;
mod percentiles;
mod ratios;
mod render;
mod report;
mod row;
mod screen;
mod sentences;
mod table;
mod text;
mod words;

pub use compare::{comparison, comparison_markdown, found};
pub use csv::csv;
pub use hdr_log::{HdrLogError, hdr_log};
pub use html::html;
pub use layout::Style;
pub use live::live;
pub use markdown::markdown;
pub use ratios::BASES;
pub use row::row;
pub use screen::{LINES, asked, screen};
pub use text::text;
