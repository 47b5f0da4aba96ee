//! Reads the curves of a file of targets, with every mistake.

use std::fmt;
use std::ops::Range;

use toml::Spanned;

use super::loops::{Loop, LoopKind};
use super::read::Reading;
use super::unit::Unit;
use super::written::{CommonKeys, Tolerance, WrittenCompare, WrittenCurve};
use super::{Compare, Curve, Point, Subject};
use crate::diag::{Diagnostic, meant};
use crate::machines::MachineFile;
use crate::workload::WrittenTable;
use ::workload::{THREADS_MAX, Workload};
use host::placement::Placement;

/// A curve by itself, its figures as they were published.
struct RawCurve<'a> {
    name: String,
    span: Range<usize>,
    subject: Subject,
    placement: Placement,
    unit: Unit,
    threads: Vec<usize>,
    figures: Vec<f64>,
    tolerance: Vec<f64>,
    keys: CommonKeys<'a>,
}

impl Subject {
    /// Threads that it has in addition to those that are counted.
    pub fn writers(&self) -> usize {
        match self {
            Self::Strategy(_) => 0,
            Self::Loop(one) => one.writers,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strategy(name) => f.write_str(name),
            Self::Loop(one) => one.fmt(f),
        }
    }
}

impl RawCurve<'_> {
    /// Returns the published figure at a number of threads.
    fn at(&self, threads: usize) -> Option<f64> {
        let place = self.threads.iter().position(|own| *own == threads)?;
        Some(self.figures[place])
    }
}

impl<'a> Reading<'a> {
    /// Reads all curves, and what each is compared with.
    pub(super) fn all_curves(
        &mut self,
        machine: Option<&MachineFile>,
        workload: Option<&Option<Workload>>,
    ) -> Option<Vec<Curve>> {
        if self.curves.is_empty() && !self.table.unread.iter().any(|key| key == "curve") {
            let mistake = Diagnostic::new("the file has no [[curve]]: there is nothing to compare");
            let help = "write [[curve]] with `strategy` or `loop`, and `published`";
            self.push(mistake.help(help));
        }
        let raw: Vec<_> = self.curves.iter().map(|entry| self.raw(entry)).collect();
        let read: Vec<&RawCurve<'_>> = raw.iter().flatten().collect();
        for (at, curve) in read.iter().enumerate() {
            let here = |title: String| Diagnostic::new(title).at(curve.span.clone(), "here");
            if read[..at].iter().any(|other| other.name == curve.name) {
                let mistake = here(format!("two curves are named \"{}\"", curve.name));
                self.push(mistake.help("give one a `name`"));
            }
            if let Some(machine) = machine {
                self.fits_machine(curve, machine);
            }
        }
        let strategy = read.iter().find(|curve| matches!(curve.subject, Subject::Strategy(_)));
        if let (Some(curve), Some(None)) = (strategy, workload) {
            let mistake =
                Diagnostic::new(format!("the strategy \"{}\" has no workload", curve.name));
            let help = "write workload = \"huge-anon\" at the top of the file";
            self.push(mistake.at(curve.span.clone(), "here").help(help));
        }
        let compared = |curve: &Option<RawCurve<'_>>| self.compared(curve.as_ref()?, &read);
        let curves: Vec<_> = raw.iter().map(compared).collect();
        let mut curves = curves.into_iter().collect::<Option<Vec<Curve>>>()?;
        mark_bases(&mut curves);
        Some(curves)
    }

    /// Reports a placement that the machine does not have, or more threads than it has.
    fn fits_machine(&mut self, curve: &RawCurve<'_>, machine: &MachineFile) {
        let most = curve.threads.iter().max().copied().unwrap_or(1) + curve.subject.writers();
        let has = machine.parameters.shape.hardware_threads();
        let at = |key: Option<Range<usize>>| key.unwrap_or(curve.span.clone());
        if most > has {
            let title = format!("{most} threads are more than \"{}\" has", machine.name);
            let at = at(curve.keys.threads.map(Spanned::span));
            self.push(Diagnostic::new(title).at(at, format!("it has {has}")));
        } else if let Err(wrong) = machine.places(&curve.placement, most) {
            let at = at(curve.keys.placement.map(Spanned::span));
            self.push(Diagnostic::new(wrong.to_string()).at(at, "here"));
        }
    }

    /// Reads a curve by itself.
    fn raw(&mut self, entry: &'a WrittenTable<WrittenCurve>) -> Option<RawCurve<'a>> {
        let keys = entry.table.common().or(self.table.table.common());
        let subject = self.subject(entry, &keys);
        let placement = self.placement(&keys);
        let threads = self.threads(entry, &keys);
        let figures = self.figures(entry, threads.as_deref());
        let tolerance = self.tolerance(entry, &keys, figures.as_deref());
        let unit = self.required(entry, "unit", keys.unit, "\"faults/s\"");
        let subject = subject?;
        Some(RawCurve {
            name: entry.table.name.value().cloned().unwrap_or_else(|| subject.to_string()),
            span: entry.span.clone(),
            subject,
            placement: placement?,
            unit: *unit?.get_ref(),
            threads: threads?,
            figures: figures?,
            tolerance: tolerance?,
            keys,
        })
    }

    /// Returns the value of a required key, or reports that it is missing.
    fn required<T>(
        &mut self,
        entry: &WrittenTable<WrittenCurve>,
        key: &str,
        value: Option<&'a Spanned<T>>,
        form: &str,
    ) -> Option<&'a Spanned<T>> {
        let unread = entry.unread.iter().chain(&self.table.unread).any(|unread| unread == key);
        if value.is_none() && !unread {
            let mistake = Diagnostic::new(format!("[[curve]] has no `{key}`"));
            let mistake = mistake.at(entry.span.clone(), format!("`{key}` is missing"));
            self.push(mistake.help(format!("write {key} = {form}")));
        }
        value
    }

    fn subject(
        &mut self,
        entry: &WrittenTable<WrittenCurve>,
        keys: &CommonKeys<'_>,
    ) -> Option<Subject> {
        match (entry.table.strategy.as_ref(), entry.table.r#loop.as_ref()) {
            (Some(strategy), None) => self.strategy(strategy.get_ref(), strategy.span()),
            (None, Some(name)) => self.a_loop(name.get_ref(), name.span(), keys),
            (Some(strategy), Some(name)) => {
                let mistake = Diagnostic::new("a curve is of a `strategy` or of a `loop`");
                let mistake = mistake.at(strategy.span(), "a strategy").at(name.span(), "a loop");
                self.push(mistake.help("keep one of the two"));
                None
            }
            (None, None) => {
                if !entry.unread.iter().any(|key| key == "strategy" || key == "loop") {
                    let mistake = Diagnostic::new("[[curve]] has no `strategy` and no `loop`");
                    self.push(mistake.at(entry.span.clone(), "one is missing"));
                }
                None
            }
        }
    }

    fn strategy(&mut self, name: &str, span: Range<usize>) -> Option<Subject> {
        if (self.known.has)(name) {
            return Some(Subject::Strategy(name.to_owned()));
        }
        let mistake = Diagnostic::new(format!("there is no strategy \"{name}\""));
        self.push(
            mistake
                .at(span, "not found")
                .help_if(meant(name, self.known.names.iter().copied()))
                .help("a strategy may stand in another kernel: \"mmap-lock:6.12\""),
        );
        None
    }

    fn a_loop(&mut self, name: &str, span: Range<usize>, keys: &CommonKeys<'_>) -> Option<Subject> {
        let Some(kind) = LoopKind::find(name) else {
            let mistake = Diagnostic::new(format!("there is no loop \"{name}\""));
            let mistake = mistake.at(span, "not found");
            self.push(mistake.help_if(meant(name, LoopKind::names())));
            return None;
        };
        let number = |key: Option<&Spanned<u64>>| key.map_or(0, |value| *value.get_ref());
        let writers = number(keys.writers) as usize;
        if let Some(given) = keys.writers.filter(|_| writers > 0 && !kind.has_writers()) {
            let mistake = Diagnostic::new(format!("the loop \"{name}\" has no writers"));
            self.push(mistake.at(given.span(), "here").help("leave `writers` out"));
            return None;
        }
        let (critical_ns, parallel_ns) = (number(keys.critical_ns), number(keys.parallel_ns));
        Some(Subject::Loop(Loop { kind, critical_ns, parallel_ns, writers }))
    }

    fn placement(&mut self, keys: &CommonKeys<'_>) -> Option<Placement> {
        let Some(written) = keys.placement else { return Some(Placement::default()) };
        let wrong = match written.get_ref().parse() {
            Ok(placement) => return Some(placement),
            Err(wrong) => wrong,
        };
        let mistake = Diagnostic::new(format!("`placement`: {wrong}"));
        self.push(mistake.at(written.span(), "here"));
        None
    }

    fn threads(
        &mut self,
        entry: &WrittenTable<WrittenCurve>,
        keys: &CommonKeys<'a>,
    ) -> Option<Vec<usize>> {
        let written = self.required(entry, "threads", keys.threads, "[1, 2, 4]")?;
        let list: Vec<usize> = written.get_ref().iter().map(|n| *n as usize).collect();
        let problem = match () {
            () if list.is_empty() => "`threads` is empty".to_owned(),
            () if list.iter().any(|n| !(1..=THREADS_MAX).contains(n)) => {
                format!("`threads` are numbers from 1 to {THREADS_MAX}")
            }
            () if list.windows(2).any(|pair| pair[0] >= pair[1]) => {
                "`threads` do not grow".to_owned()
            }
            () => return Some(list),
        };
        let mistake = Diagnostic::new(problem).at(written.span(), "here");
        self.push(mistake.help("write threads = [1, 2, 4], each number once"));
        None
    }

    fn figures(
        &mut self,
        entry: &'a WrittenTable<WrittenCurve>,
        threads: Option<&[usize]>,
    ) -> Option<Vec<f64>> {
        let published = entry.table.published.as_ref();
        let written = self.required(entry, "published", published, "[905492, 2994284]")?;
        let figures = written.get_ref();
        let problem = match threads {
            _ if figures.iter().any(|figure| !(figure.is_finite() && *figure > 0.0)) => {
                "`published` are figures above 0".to_owned()
            }
            Some(threads) if threads.len() != figures.len() => {
                let (has, needs) = (figures.len(), threads.len());
                format!("`published` has {has} figures for {needs} numbers of threads")
            }
            _ => return Some(figures.clone()),
        };
        self.push(Diagnostic::new(problem).at(written.span(), "here"));
        None
    }

    fn tolerance(
        &mut self,
        entry: &WrittenTable<WrittenCurve>,
        keys: &CommonKeys<'a>,
        figures: Option<&[f64]>,
    ) -> Option<Vec<f64>> {
        let written = self.required(entry, "tolerance", keys.tolerance, "0.25")?;
        let figures = figures?.len();
        let all = match written.get_ref() {
            Tolerance::One(share) => vec![*share; figures],
            Tolerance::Each(all) => all.clone(),
        };
        let problem = match () {
            () if all.len() != figures => {
                format!("`tolerance` has {} shares for {figures} figures", all.len())
            }
            () if all.iter().any(|share| !(*share > 0.0 && *share < 10.0)) => {
                "`tolerance` is a share above 0".to_owned()
            }
            () => return Some(all),
        };
        let mistake = Diagnostic::new(problem).at(written.span(), "here");
        self.push(mistake.help("write 0.25 for a quarter of the published figure"));
        None
    }

    /// Returns the curve with its figures in the form in which they are compared.
    fn compared(&mut self, curve: &RawCurve<'_>, all: &[&RawCurve<'_>]) -> Option<Curve> {
        let is_ratio = curve.unit == Unit::Ratio;
        let form = curve.keys.compare.map_or(WrittenCompare::Absolute, |form| *form.get_ref());
        let (compare, figures) = match form {
            WrittenCompare::Absolute if is_ratio => {
                let mistake = Diagnostic::new("a figure in \"x\" is a ratio to something");
                let unit = curve.keys.unit.map_or(curve.span.clone(), Spanned::span);
                let mistake = mistake.at(unit, "compared as \"absolute\"");
                let help = "write compare = \"ratio\" with `to`, or compare = \"speed-up\"";
                self.push(mistake.help(help));
                return None;
            }
            WrittenCompare::Absolute => (Compare::Absolute, curve.figures.clone()),
            WrittenCompare::Ratio => self.ratio(curve, all)?,
            WrittenCompare::SpeedUp if is_ratio => (Compare::SpeedUp, curve.figures.clone()),
            WrittenCompare::SpeedUp => {
                let Some(one) = curve.at(1) else {
                    let mistake = Diagnostic::new("a speed-up needs the figure of one thread");
                    let mistake = mistake.at(curve.span.clone(), "`threads` has no 1");
                    let help = "or give speed-ups themselves, with unit = \"x\"";
                    self.push(mistake.help(help));
                    return None;
                };
                (Compare::SpeedUp, curve.figures.iter().map(|figure| figure / one).collect())
            }
        };
        let points = curve.threads.iter().zip(figures).zip(&curve.tolerance);
        let point = |((threads, published), tolerance): ((&usize, f64), &f64)| Point {
            threads: *threads,
            published,
            tolerance: *tolerance,
        };
        let skipped = if compare == Compare::SpeedUp { 1 } else { 0 };
        Some(Curve {
            name: curve.name.clone(),
            subject: curve.subject.clone(),
            placement: curve.placement.clone(),
            unit: curve.unit,
            points: points.map(point).filter(|point| point.threads > skipped).collect(),
            compare,
            is_judged: true,
        })
    }

    /// Returns what a curve is a ratio to, and its published ratios.
    fn ratio(
        &mut self,
        curve: &RawCurve<'_>,
        all: &[&RawCurve<'_>],
    ) -> Option<(Compare, Vec<f64>)> {
        let Some(to) = curve.keys.to else {
            let compare = curve.keys.compare.map_or(curve.span.clone(), Spanned::span);
            let mistake = Diagnostic::new("a ratio to nothing").at(compare, "`to` is missing");
            let help = "write to = \"mmap-lock\": the name of a curve, or a strategy";
            self.push(mistake.help(help));
            return None;
        };
        let name = to.get_ref();
        let base = all.iter().find(|other| other.name == *name);
        if base.is_some_and(|base| base.span == curve.span) {
            let ones = curve.figures.iter().map(|_| 1.0).collect();
            let (to, placement) = (curve.subject.clone(), curve.placement.clone());
            return Some((Compare::Ratio { to, name: name.clone(), placement }, ones));
        }
        let (subject, placement) = match base {
            Some(base) => (base.subject.clone(), base.placement.clone()),
            None if curve.unit == Unit::Ratio => {
                let found = match LoopKind::find(name) {
                    Some(_) => self.a_loop(name, to.span(), &curve.keys),
                    None => self.strategy(name, to.span()),
                };
                (found?, curve.placement.clone())
            }
            None => {
                let names = all.iter().map(|other| other.name.as_str());
                let mistake = Diagnostic::new(format!("there is no curve \"{name}\""));
                let mistake = mistake.at(to.span(), "not found").help_if(meant(name, names));
                self.push(mistake.rule("a ratio of figures needs both curves"));
                return None;
            }
        };
        let compare = Compare::Ratio { to: subject, name: name.clone(), placement };
        let Some(base) = base.filter(|_| curve.unit != Unit::Ratio) else {
            return Some((compare, curve.figures.clone()));
        };
        let ratios = curve.threads.iter().zip(&curve.figures);
        let ratios = ratios.map(|(threads, figure)| Some(figure / base.at(*threads)?));
        let ratios = ratios.collect::<Option<Vec<f64>>>().filter(|_| base.unit == curve.unit);
        if ratios.is_none() {
            let title = format!("\"{name}\" has other `threads`, or another `unit`");
            self.push(Diagnostic::new(title).at(to.span(), "here"));
        }
        Some((compare, ratios?))
    }
}

/// Marks curves that are ratios to themselves: others are only compared with them.
fn mark_bases(curves: &mut [Curve]) {
    for curve in curves {
        curve.is_judged =
            !matches!(&curve.compare, Compare::Ratio { name, .. } if *name == curve.name);
    }
}
