//! `[[expect]]`

use toml::Spanned;

use super::check::Check;
use crate::diag::{Diagnostic, meant};
use crate::workload::wire::Entry;
use crate::workload::{Expect, Metric, wire};

const SHOWN: &str = "[[expect]]";

pub(super) fn lower(entry: &Entry<wire::Expect>, check: &mut Check<'_>) -> Option<Expect> {
    let table = &entry.table;
    let strategy = match &table.strategy {
        Some(name) => known(name, check).then(|| Some(name.get_ref().clone())),
        None => Some(None),
    };
    let threads = match &table.threads {
        Some(threads) => check.threads("a storm", *threads.get_ref(), threads.span()).map(Some),
        None => Some(None),
    };
    let metric = metric(entry, check);
    let bounds = bounds(entry, check);
    let (min, max) = bounds?;
    Some(Expect { strategy: strategy?, threads: threads?, metric: metric?, min, max })
}

fn known(name: &Spanned<String>, check: &mut Check<'_>) -> bool {
    let known = check.known_strategies;
    if known.contains(&name.get_ref().as_str()) {
        return true;
    }
    check.push(
        Diagnostic::new(format!("there is no strategy \"{}\"", name.get_ref()))
            .at(name.span(), "not found")
            .help_if(meant(name.get_ref(), known.iter().copied()))
            .help("`faultstorm list strategies` shows all of them"),
    );
    false
}

fn metric(entry: &Entry<wire::Expect>, check: &mut Check<'_>) -> Option<Metric> {
    let table = &entry.table;
    let form = "\"faults-per-touch\"";
    let metric = check.required(entry, SHOWN, "metric", &table.metric, form)?;
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|v| v.get_ref().clone());
    let needs = [
        ("reason", &table.reason, wire::Metric::FallbacksPerFault, "fallbacks-per-fault"),
        ("line", &table.line, wire::Metric::TransfersPerFault, "transfers-per-fault"),
    ];
    for (key, value, needed, name) in needs {
        if let Some(value) = value
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
        wire::Metric::FaultsPerTouch => Metric::FaultsPerTouch,
        wire::Metric::PagesPerFault => Metric::PagesPerFault,
        wire::Metric::RacedPerFault => Metric::RacedPerFault,
        wire::Metric::AttemptsPerFault => Metric::AttemptsPerFault,
        wire::Metric::FallbacksPerFault => Metric::FallbacksPerFault(text(&table.reason)),
        wire::Metric::TransfersPerFault => Metric::TransfersPerFault(text(&table.line)),
    })
}

type Bounds = (Option<f64>, Option<f64>);

fn bounds(entry: &Entry<wire::Expect>, check: &mut Check<'_>) -> Option<Bounds> {
    let (min, max) = (&entry.table.min, &entry.table.max);
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
    let value = |bound: &Option<Spanned<f64>>| bound.as_ref().map(|bound| *bound.get_ref());
    fine.then(|| (value(min), value(max)))
}
