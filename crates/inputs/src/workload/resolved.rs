//! A workload as the run document shows it: every default filled in, every
//! unit in a key's name.

use serde_json::{Value, json};

use super::{Action, Backing, Change, Expect, File, Group, Kernel, Loops, Metric, Op};
use super::{PAGE_BYTES, Pieces, Scope, Touch, Vma, Workload};

/// Returns the workload as JSON, its keys in a stable order.
pub fn resolved(workload: &Workload) -> Value {
    let mut resolved = json!({
        "name": workload.name,
        "summary": workload.summary,
        "analysis": workload.analysis,
        "reset": workload.reset,
        "until": workload.until,
        "warmup_ns": workload.warmup_ns,
        "kernel": kernel(workload.kernel),
        "files": workload.files.iter().map(file).collect::<Vec<_>>(),
        "vmas": workload.vmas.iter().map(|v| vma(v, workload)).collect::<Vec<_>>(),
        "groups": workload.groups.iter().map(|g| group(g, workload)).collect::<Vec<_>>(),
        "expect": workload.expect.iter().map(expect).collect::<Vec<_>>(),
    });
    if workload.huge_pages {
        resolved["huge_pages"] = json!(true);
    }
    // Sorted by default, but any crate of the build may turn `preserve_order` on.
    resolved.sort_all_objects();
    resolved
}

/// Returns 16 hex digits that name the storm: FNV-1a, 64 bits, over the compact
/// text of [`resolved`] without `summary`, `analysis` and `expect`, which say
/// something about the storm and do not change it.
pub fn digest(workload: &Workload) -> String {
    let mut storm = resolved(workload);
    if let Value::Object(keys) = &mut storm {
        keys.retain(|key, _| !matches!(key.as_str(), "summary" | "analysis" | "expect"));
    }
    base::digest::digest(storm.to_string().as_bytes())
}

fn kernel(kernel: Kernel) -> Value {
    let mut value = json!({
        "numa": kernel.numa,
        "lru": kernel.lru,
        "memcg_depth": kernel.memcg_depth,
        "rss": kernel.rss,
        "pgtables_bytes": kernel.pgtables_bytes,
        "vm_stat": kernel.vm_stat,
        "split_pmd_locks": kernel.split_pmd_locks,
    });
    for (key, locked) in [("zone_lock", kernel.zone_lock), ("pmd_lock", kernel.pmd_lock)] {
        if !locked {
            value[key] = json!(false);
        }
    }
    value
}

fn file(file: &File) -> Value {
    let mut value = json!({
        "name": file.name,
        "size_bytes": file.pages * PAGE_BYTES,
        "cached_share": file.cached,
        "io_latency_ns": file.io,
        "speculation": file.speculation,
    });
    let shares = [
        ("locked_share", file.locked),
        ("not_uptodate_share", file.not_uptodate),
        ("readahead_share", file.readahead),
    ];
    for (key, share) in shares.into_iter().filter(|(_, share)| *share > 0.0) {
        value[key] = json!(share);
    }
    if let Some(directory) = &file.directory {
        value["directory"] = json!(directory);
    }
    if file.scope == Scope::PerThread {
        value["scope"] = json!(file.scope);
    }
    value
}

fn vma(vma: &Vma, workload: &Workload) -> Value {
    let mut value = json!({
        "name": vma.name,
        "size_bytes": vma.pages * PAGE_BYTES,
        "count": vma.count,
        "scope": vma.scope,
        "prot": prot(vma.writable),
        "file": match vma.backing {
            Backing::Anonymous => Value::Null,
            Backing::File { file, offset_pages, shared, fault_around_order } => json!({
                "name": workload.files[file].name,
                "offset_bytes": offset_pages * PAGE_BYTES,
                "sharing": if shared { "shared" } else { "private" },
                "fault_around_order": fault_around_order,
            }),
        },
    });
    if !vma.mapped {
        value["mapped"] = json!(false);
    }
    if let Some(pages) = vma.grows_down {
        value["grows_down_from_bytes"] = json!(pages * PAGE_BYTES);
    }
    value
}

fn group(group: &Group, workload: &Workload) -> Value {
    let ops = |ops: &[Op]| ops.iter().map(|op| self::op(op, workload)).collect::<Vec<_>>();
    let mut value = json!({
        "name": group.name,
        "threads": group.threads,
        "phases": group.phases.iter().map(|phase| ops(&phase.ops)).collect::<Vec<_>>(),
    });
    match group.loops {
        Loops::Times(1) => {}
        Loops::Times(times) => value["loops"] = json!(times),
        Loops::UntilDone => value["loops"] = json!("until-done"),
    }
    value
}

fn op(op: &Op, workload: &Workload) -> Value {
    match op {
        Op::Touch(t) => json!({ "touch": touch(t, workload) }),
        Op::Change(c) => json!({ c.action.name(): change(c, workload) }),
    }
}

fn change(change: &Change, workload: &Workload) -> Value {
    let mut value = match &change.action {
        Action::Mmap(p) | Action::Munmap(p) | Action::MadviseDontneed(p) | Action::Mremap(p) => {
            pieces(p, workload)
        }
        Action::Mprotect { pieces: p, writable } => {
            let mut value = pieces(p, workload);
            value["prot"] = json!(prot(*writable));
            value
        }
        Action::ExpandStack { vma, pages } => json!({
            "vma": workload.vmas[*vma].name,
            "length_bytes": pages * PAGE_BYTES,
        }),
        Action::Truncate { file, pages } => json!({
            "file": workload.files[*file].name,
            "size_bytes": pages * PAGE_BYTES,
        }),
        Action::Fork => json!({}),
    };
    value["every_ns"] = json!(change.every_ns);
    value
}

fn pieces(pieces: &Pieces, workload: &Workload) -> Value {
    json!({
        "vma": workload.vmas[pieces.vma].name,
        "length_bytes": pieces.pages * PAGE_BYTES,
        "order": pieces.order,
        "slices": pieces.slices,
    })
}

fn prot(writable: bool) -> &'static str {
    if writable { "read-write" } else { "read" }
}

fn touch(touch: &Touch, workload: &Workload) -> Value {
    let mut value = json!({
        "vma": workload.vmas[touch.vma].name,
        "access": touch.access,
        "order": touch.order,
        "slices": touch.slices,
        "touches": touch.touches,
        "think_ns": touch.think_ns,
    });
    if touch.walks {
        value["walks"] = json!(true);
    }
    value
}

fn expect(expect: &Expect) -> Value {
    let (metric, reason, line) = match &expect.metric {
        Metric::FaultsPerTouch => ("faults-per-touch", None, None),
        Metric::PagesPerFault => ("pages-per-fault", None, None),
        Metric::RacedPerFault => ("raced-per-fault", None, None),
        Metric::AttemptsPerFault => ("attempts-per-fault", None, None),
        Metric::FallbacksPerFault(reason) => ("fallbacks-per-fault", reason.as_deref(), None),
        Metric::TransfersPerFault(line) => ("transfers-per-fault", None, line.as_deref()),
    };
    json!({
        "strategy": expect.strategy,
        "threads": expect.threads,
        "metric": metric,
        "reason": reason,
        "line": line,
        "min": expect.min,
        "max": expect.max,
    })
}
