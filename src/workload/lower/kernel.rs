//! `[kernel]`

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::kernel::MEMCG_DEPTH_MAX;
use crate::workload::{Kernel, wire};

pub(super) fn lower(table: Option<&wire::Kernel>, check: &mut Check<'_>) -> Option<Kernel> {
    let default = Kernel::default();
    let Some(table) = table else { return Some(default) };
    let switch = |written: &Option<Spanned<bool>>, default| {
        written.as_ref().map_or(default, |value| *value.get_ref())
    };
    Some(Kernel {
        numa: switch(&table.numa, default.numa),
        lru: switch(&table.lru, default.lru),
        memcg_depth: match &table.memcg_depth {
            Some(depth) => memcg_depth(depth, check)?,
            None => default.memcg_depth,
        },
        rss: switch(&table.rss, default.rss),
        pgtables_bytes: switch(&table.pgtables_bytes, default.pgtables_bytes),
        split_pmd_locks: switch(&table.split_pmd_locks, default.split_pmd_locks),
    })
}

fn memcg_depth(written: &Spanned<u64>, check: &mut Check<'_>) -> Option<u32> {
    let depth = *written.get_ref();
    if depth <= u64::from(MEMCG_DEPTH_MAX) {
        return Some(depth as u32);
    }
    check.push(
        Diagnostic::new(format!("`memcg_depth` is 0 to {MEMCG_DEPTH_MAX}, not {depth}"))
            .at(written.span(), "too large")
            .rule("it says how many groups are above that of the process; 0 is the root group"),
    );
    None
}
