//! Published figures, of files of targets, next to those of the model.

use std::{fs, io};

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::cmd::console::color;
use crate::cmd::error::CommandError;
use catalogue::Known;
use inputs::targets::{TargetFile, shipped};
use validation::{Compared, RECORD, RecordedTargets, compare_in_band, compare_targets, record};
use validation::{find_targets, measurements, measurements_in_band};

/// Runs the model for a file.
type Run = fn(&TargetFile, Known, &(dyn Fn() + Sync)) -> Compared;

/// Reads the files of targets with these names or paths; all that are shipped if there are none.
///
/// # Errors
///
/// If files have mistakes: all mistakes of all files at once.
pub(super) fn read(names: &[String], known: Known) -> Result<Vec<TargetFile>, CommandError> {
    let shipped = || shipped().iter().map(|(name, _)| (*name).to_owned()).collect();
    let names: Vec<String> = if names.is_empty() { shipped() } else { names.to_vec() };
    let mut files = Vec::new();
    let mut mistakes = 0;
    for name in names {
        match find_targets(&name, known) {
            Ok(file) => files.push(file),
            Err(wrong) => {
                eprint!("{}", wrong.render(color(&io::stderr())));
                mistakes += wrong.len();
            }
        }
    }
    match mistakes {
        0 => Ok(files),
        1 => Err(CommandError::usage(anyhow!("nothing was compared: there is 1 mistake"))),
        n => Err(CommandError::usage(anyhow!("nothing was compared: there are {n} mistakes"))),
    }
}

/// Runs the model for all figures of the files, with a bar on a terminal; `band`: also with each
/// estimate of their machines varied.
pub(super) fn compare(files: &[TargetFile], band: bool, known: Known) -> Vec<Compared> {
    let (measurements, run): (fn(&_) -> _, Run) = match band {
        false => (measurements, compare_targets),
        true => (measurements_in_band, compare_in_band),
    };
    let all = files.iter().map(measurements).sum::<usize>() as u64;
    let template = "[{wide_bar}] {pos}/{len} measurements of the model";
    let style = ProgressStyle::with_template(template).expect("it is well-formed");
    let bar = ProgressBar::new(all).with_style(style.progress_chars("#> "));
    let compared = files.par_iter().with_max_len(1);
    let compared = compared.map(|file| run(file, known, &|| bar.inc(1))).collect();
    bar.finish_and_clear();
    compared
}

/// Records the figures in the file from which error cards are made.
///
/// # Errors
///
/// If it cannot be written: the command must run at the root of the repository.
pub(super) fn record_all(files: &[TargetFile], all: &[Compared]) -> Result<(), CommandError> {
    let recorded = |(file, compared): (&TargetFile, &Compared)| RecordedTargets {
        targets_digest: file.digest.clone(),
        machine_digest: file.own_machine.digest(),
        compared: compared.clone(),
    };
    let all: Vec<RecordedTargets> = files.iter().zip(all).map(recorded).collect();
    fs::write(RECORD, record(&all)).map_err(|error| {
        CommandError::usage(anyhow!(
            "'{RECORD}' cannot be written: {error}; run at the root of the repository"
        ))
    })
}
