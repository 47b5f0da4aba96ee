//! `[[expect]]`: its keys, and their checks.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::Check;
use super::key::{WrittenKey, WrittenTable};
use crate::diag::{Diagnostic, meant};
use ::workload::{Expect, Metric};

/// A statement about the counts of a storm.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Expect"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct ExpectTable {
    /// Only for this strategy (default: for all).
    pub strategy: WrittenKey<String>,
    /// Only at this many threads (default: at all).
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub threads: WrittenKey<u64>,
    /// What is compared.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub metric: WrittenKey<WrittenMetric>,
    /// Only fallbacks of this reason; only with `metric = "fallbacks-per-fault"`.
    pub reason: WrittenKey<String>,
    /// Only transfers of this line; only with `metric = "transfers-per-fault"`.
    pub line: WrittenKey<String>,
    /// The operation of writers; only with `metric = "operations-per-loop"`, which needs it.
    pub op: WrittenKey<String>,
    /// Smallest value that holds.
    pub min: WrittenKey<f64>,
    /// Largest value that holds.
    pub max: WrittenKey<f64>,
}

/// What an expectation compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Metric"))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum WrittenMetric {
    FaultsPerTouch,
    PagesPerFault,
    RacedPerFault,
    AttemptsPerFault,
    FallbacksPerFault,
    TransfersPerFault,
    OperationsPerLoop,
}

const SHOWN: &str = "[[expect]]";

pub(super) fn lower(entry: &WrittenTable<ExpectTable>, check: &mut Check<'_>) -> Option<Expect> {
    let table = &entry.table;
    let strategy = table.strategy.checked(None, |name| known(name, check).map(Some));
    let threads = table.threads.checked(None, |threads| {
        check.threads("a storm", *threads.get_ref(), threads.span()).map(Some)
    });
    let metric = metric(entry, check);
    let bounds = bounds(entry, check);
    let (min, max) = bounds?;
    Some(Expect { strategy: strategy?, threads: threads?, metric: metric?, min, max })
}

fn known(name: &Spanned<String>, check: &mut Check<'_>) -> Option<String> {
    let known = check.known_strategies;
    if known.contains(&name.get_ref().as_str()) {
        return Some(name.get_ref().clone());
    }
    check.push(
        Diagnostic::new(format!("there is no strategy \"{}\"", name.get_ref()))
            .at(name.span(), "not found")
            .help_if(meant(name.get_ref(), known.iter().copied()))
            .help("`faultstorm list strategies` shows all of them"),
    );
    None
}

fn metric(entry: &WrittenTable<ExpectTable>, check: &mut Check<'_>) -> Option<Metric> {
    let table = &entry.table;
    let form = "\"faults-per-touch\"";
    let metric = check.required(entry, SHOWN, "metric", &table.metric, form)?;
    let needs = [
        ("reason", &table.reason, WrittenMetric::FallbacksPerFault, "fallbacks-per-fault"),
        ("line", &table.line, WrittenMetric::TransfersPerFault, "transfers-per-fault"),
        ("op", &table.op, WrittenMetric::OperationsPerLoop, "operations-per-loop"),
    ];
    for (key, value, needed, name) in needs {
        if let Some(value) = value.as_ref()
            && *metric.get_ref() != needed
        {
            check.push(
                Diagnostic::new(format!("`{key}` of a metric that has none"))
                    .at(value.span(), "says nothing")
                    .at(metric.span(), "the metric")
                    .help(format!("write metric = \"{name}\", or leave `{key}` out")),
            );
            return None;
        }
    }
    Some(match metric.get_ref() {
        WrittenMetric::FaultsPerTouch => Metric::FaultsPerTouch,
        WrittenMetric::PagesPerFault => Metric::PagesPerFault,
        WrittenMetric::RacedPerFault => Metric::RacedPerFault,
        WrittenMetric::AttemptsPerFault => Metric::AttemptsPerFault,
        WrittenMetric::FallbacksPerFault => {
            Metric::FallbacksPerFault(table.reason.value().cloned())
        }
        WrittenMetric::TransfersPerFault => Metric::TransfersPerFault(table.line.value().cloned()),
        WrittenMetric::OperationsPerLoop => Metric::OperationsPerLoop(operation(entry, check)?),
    })
}

/// Returns the operation that is counted, or reports that no [[op]] has it.
fn operation(entry: &WrittenTable<ExpectTable>, check: &mut Check<'_>) -> Option<String> {
    let op = check.required(entry, SHOWN, "op", &entry.table.op, "\"munmap\"")?;
    let name = op.get_ref();
    let known: Vec<&str> =
        check.ops.iter().map(|written| written.key).filter(|key| *key != "touch").collect();
    if known.contains(&name.as_str()) {
        return Some(name.clone());
    }
    check.push(
        Diagnostic::new(format!("the operation \"{name}\" never occurs"))
            .at(op.span(), format!("no [[op]] has `{name}`"))
            .help_if(meant(name, known)),
    );
    None
}

type Bounds = (Option<f64>, Option<f64>);

fn bounds(entry: &WrittenTable<ExpectTable>, check: &mut Check<'_>) -> Option<Bounds> {
    let (min, max) = (entry.table.min.as_ref(), entry.table.max.as_ref());
    let mut fine = true;
    for (key, bound) in [("min", min), ("max", max)] {
        if let Some(bound) = bound
            && !(bound.get_ref().is_finite() && *bound.get_ref() >= 0.0)
        {
            let title = format!("`{key}` is a number, 0 or more, not {}", bound.get_ref());
            check.push(Diagnostic::new(title).at(bound.span(), "no count is like this"));
            fine = false;
        }
    }
    match (min, max) {
        (None, None) if !entry.unread.iter().any(|key| key == "min" || key == "max") => {
            check.push(
                Diagnostic::new("an [[expect]] without a bound holds whatever happens")
                    .at(entry.span.clone(), "neither `min` nor `max`")
                    .help("write min = ..., max = ..., or both"),
            );
            return None;
        }
        (Some(min), Some(max)) if fine && min.get_ref() > max.get_ref() => {
            check.push(
                Diagnostic::new("an [[expect]] that nothing can meet: `min` is above `max`")
                    .at(min.span(), "the smallest value that holds")
                    .at(max.span(), "the largest value that holds")
                    .help(format!("write min = {} and max = {}", max.get_ref(), min.get_ref())),
            );
            return None;
        }
        _ => {}
    }
    let value = |bound: Option<&Spanned<f64>>| bound.map(|bound| *bound.get_ref());
    fine.then(|| (value(min), value(max)))
}
