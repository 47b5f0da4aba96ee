//! A workload as the run document shows it: every default filled in, every
//! unit in a key's name.

use serde_json::{Value, json};

use super::{Access, Backing, Expect, File, Group, Latency, Metric, Op, Order, PAGE_BYTES};
use super::{Reset, Scope, Slices, Threads, Touch, Until, Vma, Workload};

/// Returns the workload as JSON, its keys in a stable order.
pub fn resolved(workload: &Workload) -> Value {
    let mut resolved = json!({
        "name": workload.name,
        "summary": workload.summary,
        "analysis": workload.analysis,
        "reset": match workload.reset { Reset::Zap => "zap", Reset::Remap => "remap" },
        "until": match workload.until {
            Until::Duration(ns) => json!({ "duration_ns": ns }),
            Until::Touches(touches) => json!({ "touches_per_thread": touches }),
            Until::Faults(faults) => json!({ "faults_per_thread": faults }),
            Until::Rounds(rounds) => json!({ "rounds": rounds }),
        },
        "warmup_ns": workload.warmup_ns,
        "files": workload.files.iter().map(file).collect::<Vec<_>>(),
        "vmas": workload.vmas.iter().map(|v| vma(v, workload)).collect::<Vec<_>>(),
        "groups": workload.groups.iter().map(|g| group(g, workload)).collect::<Vec<_>>(),
        "expect": workload.expect.iter().map(expect).collect::<Vec<_>>(),
    });
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
    crate::digest::digest(storm.to_string().as_bytes())
}

fn file(file: &File) -> Value {
    json!({
        "name": file.name,
        "size_bytes": file.pages * PAGE_BYTES,
        "cached_share": file.cached,
        "io_latency_ns": match file.io {
            Latency::Fixed(ns) => json!({ "fixed": ns }),
            Latency::Uniform(low, high) => json!({ "uniform": [low, high] }),
            Latency::Exponential(mean) => json!({ "exponential": mean }),
        },
        "speculation": file.speculation,
    })
}

fn vma(vma: &Vma, workload: &Workload) -> Value {
    json!({
        "name": vma.name,
        "size_bytes": vma.pages * PAGE_BYTES,
        "count": vma.count,
        "scope": match vma.scope { Scope::Shared => "shared", Scope::PerThread => "per-thread" },
        "prot": if vma.writable { "read-write" } else { "read" },
        "file": match vma.backing {
            Backing::Anonymous => Value::Null,
            Backing::File { file, offset_pages, shared, fault_around_order } => json!({
                "name": workload.files[file].name,
                "offset_bytes": offset_pages * PAGE_BYTES,
                "sharing": if shared { "shared" } else { "private" },
                "fault_around_order": fault_around_order,
            }),
        },
    })
}

fn group(group: &Group, workload: &Workload) -> Value {
    let ops = |ops: &[Op]| -> Vec<Value> {
        ops.iter().map(|Op::Touch(t)| json!({ "touch": touch(t, workload) })).collect()
    };
    json!({
        "name": group.name,
        "threads": match group.threads {
            Threads::Weight(weight) => json!({ "weight": weight }),
            Threads::Fixed(threads) => json!({ "fixed": threads }),
        },
        "phases": group.phases.iter().map(|phase| ops(&phase.ops)).collect::<Vec<_>>(),
    })
}

fn touch(touch: &Touch, workload: &Workload) -> Value {
    json!({
        "vma": workload.vmas[touch.vma].name,
        "access": match touch.access { Access::Read => "read", Access::Write => "write" },
        "order": match touch.order {
            Order::Sequential => json!("sequential"),
            Order::Strided(stride) => json!({ "strided_pages": stride }),
            Order::Random => json!("random"),
            Order::Zipf(exponent) => json!({ "zipf": exponent }),
            Order::OnePerTable => json!("one-per-table"),
        },
        "slices": match touch.slices {
            Slices::Disjoint => "disjoint",
            Slices::Shared => "shared",
        },
        "touches": touch.touches,
        "think_ns": touch.think_ns,
    })
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
