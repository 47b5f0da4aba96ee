//! Reads a file of targets from TOML, with every mistake of the text: its top level.

use base::digest::digest;
use toml::Spanned;

use super::unit::Unit;
use super::written::{WrittenCurve, WrittenTargets};
use super::{Compare, Curve, Subject, TargetFile};
use crate::diag::{Diagnostic, Diagnostics};
use crate::kernels;
use crate::machines::MachineFile;
use crate::machines::vary::{MachineVary, Settings};
use crate::workload::{self, WrittenKey, WrittenTable, top_level};
use ::workload::Workload;
use mm::kernel::Kernel;

/// The strategies that a file may name.
#[derive(Clone, Copy)]
pub struct KnownStrategies<'a> {
    /// Names, for hints.
    pub names: &'a [&'a str],
    /// True if there is a strategy of this name, which may end in the name of a kernel.
    pub has: &'a dyn Fn(&str) -> bool,
}

/// Reads a file; the error is every mistake of its text.
pub(super) fn file(
    name: &str,
    text: &str,
    known: KnownStrategies<'_>,
) -> Result<TargetFile, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let found = top_level::<WrittenTargets, WrittenCurve>(text, "curve", &mut mistakes);
    let Some((table, curves)) = found else { return Err(mistakes) };
    let mut reading = Reading { known, table: &table, curves: &curves, mistakes };
    match reading.file(name, text) {
        Some(file) if reading.mistakes.is_empty() => Ok(file),
        _ => Err(reading.mistakes),
    }
}

/// A text whose tables are read, and the mistakes found so far.
pub(super) struct Reading<'a> {
    pub known: KnownStrategies<'a>,
    pub table: &'a WrittenTable<WrittenTargets>,
    pub curves: &'a [WrittenTable<WrittenCurve>],
    mistakes: Vec<Diagnostic>,
}

impl<'a> Reading<'a> {
    /// Reports a mistake once: a key of the file is read again for each curve.
    pub(super) fn push(&mut self, mistake: Diagnostic) {
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    fn file(&mut self, name: &str, source_text: &str) -> Option<TargetFile> {
        let table = &self.table.table;
        let summary = self.needed("summary", &table.summary, "\"...\": one line").map(text);
        let source = self.needed("source", &table.source, "\"who, where, when\"").map(text);
        let changes = self.changes();
        let machine = self.machine();
        let workload = self.workload();
        let kernel = self.kernel();
        let curves = self.all_curves(machine.as_ref(), workload.as_ref());
        let calibrated = table.calibrated.value_or(false);
        let fit = self.fit(curves.as_deref());
        Some(TargetFile {
            name: name.to_owned(),
            summary: summary?,
            source: source?,
            note: table.note.as_ref().map(text),
            own_machine: machine?,
            changes,
            calibrated,
            digest: digest(source_text.as_bytes()),
            kin_of: table.kin_of.as_ref().map(text),
            workload: workload?,
            kernel: kernel?,
            fit: fit?,
            curves: curves?,
        })
    }

    /// Returns the value of a required key of the top level, or reports that it is missing.
    fn needed(
        &mut self,
        key: &str,
        value: &'a WrittenKey<String>,
        form: &str,
    ) -> Option<&'a Spanned<String>> {
        match value.as_ref() {
            Some(value) if value.get_ref().trim().is_empty() => {
                let mistake = Diagnostic::new(format!("`{key}` is empty"));
                self.push(mistake.at(value.span(), "here"));
                None
            }
            None if !self.table.unread.iter().any(|unread| unread == key) => {
                let mistake = Diagnostic::new(format!("the file has no `{key}`"));
                self.push(mistake.help(format!("write {key} = {form}")));
                None
            }
            value => value,
        }
    }

    /// Returns another file that this one names, or reports what is wrong with it.
    fn other<T>(&mut self, name: &Spanned<String>, found: Result<T, Diagnostics>) -> Option<T> {
        let wrong = match found {
            Ok(found) => return Some(found),
            Err(wrong) => wrong.to_string(),
        };
        let (first, rest) = wrong.split_once('\n').unwrap_or((&wrong, ""));
        let title = first.trim_start_matches("error: ");
        let mistake = Diagnostic::new(title).at(name.span(), "named here");
        let rest = rest.trim_matches(['\n', '|', ' ', '=']).trim_start_matches("help: ");
        self.push(mistake.help_if((!rest.is_empty()).then(|| rest.to_owned())));
        None
    }

    /// Returns the changes of the machine that can be read.
    fn changes(&mut self) -> Settings {
        let mut settings = Settings::new();
        for (key, value) in self.table.table.vary.value().into_iter().flatten() {
            match format!("{key}={}", value.get_ref()).parse::<MachineVary>() {
                Ok(vary) => drop(settings.insert(vary.name.to_owned(), vary.values[0])),
                Err(wrong) => {
                    let mistake = Diagnostic::new(format!("`vary`: {wrong}"));
                    self.push(mistake.at(value.span(), "here"));
                }
            }
        }
        settings
    }

    fn machine(&mut self) -> Option<MachineFile> {
        let form = "\"xeon-icelake-2s\", or a path";
        let name = self.needed("machine", &self.table.table.machine, form)?;
        self.other(name, MachineFile::find(name.get_ref()))
    }

    /// Returns the workload, if the file has one; `None` after a mistake.
    fn workload(&mut self) -> Option<Option<Workload>> {
        let Some(name) = self.table.table.workload.as_ref() else { return Some(None) };
        let found = workload::find(name.get_ref());
        self.other(name, found.and_then(|found| found.parse(self.known.names))).map(Some)
    }

    /// Returns the kernel, if the file has one; `None` after a mistake.
    fn kernel(&mut self) -> Option<Option<&'static Kernel>> {
        let Some(name) = self.table.table.kernel.as_ref() else { return Some(None) };
        self.other(name, kernels::find(name.get_ref())).map(Some)
    }

    /// Returns the figure that private work is fitted to, if any is; `None` after a mistake.
    fn fit(&mut self, curves: Option<&[Curve]>) -> Option<Option<f64>> {
        let Some(fit) = self.table.table.fit.as_ref() else { return Some(None) };
        let first = curves?.first()?;
        let is_rate = first.unit == Unit::Faults && first.compare == Compare::Absolute;
        let one = first.points.iter().find(|point| point.threads == 1 && is_rate);
        if let (Some(point), Subject::Strategy(_)) = (one, &first.subject) {
            return Some(Some(point.published));
        }
        let mistake = Diagnostic::new("`fit` needs a first curve of a strategy with one thread");
        self.push(mistake.at(fit.span(), "nothing to fit to").rule(
            "the private work of a fault is fitted so that the first curve, in faults/s and \
             compared as \"absolute\", has its published figure at 1 thread",
        ));
        None
    }
}

fn text(value: &Spanned<String>) -> String {
    value.get_ref().trim().to_owned()
}
