//! `faultstorm calibrate`: this machine's numbers, as a machine file for the model.

use std::fmt::Write;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::console::{color, print};
use super::error::CommandError;
use crate::cli::CalibrateArgs;
use base::exit::Exit;
use calibration::{Measurement, machine, measure};
use host::preflight::Facts;
use host::topology::Topology;
use inputs::machines::MachineFile;

/// Measures, prints what was measured, and writes the file.
///
/// # Errors
///
/// A base that is no machine; a file that exists or cannot be written; threads that cannot
/// be had.
pub fn calibrate(args: &CalibrateArgs) -> Result<Exit, CommandError> {
    let base = MachineFile::find(&args.base).map_err(|wrong| {
        eprint!("{}", wrong.render(color(&io::stderr())));
        CommandError::usage(anyhow!("nothing was measured: '{}' is no machine", args.base))
    })?;
    if args.output.exists() && !args.force {
        let path = args.output.display();
        let error = anyhow!("'{path}' exists: give --force to replace it, or another --output");
        return Err(CommandError::usage(error));
    }
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let measured = measure(&topology, args.repeats)
        .map_err(|error| CommandError::machine(anyhow!(error).context("cannot measure")))?;
    let facts = Facts::here();
    let cpu = facts.cpu_model.as_deref().unwrap_or("unknown CPU");
    let machine = machine(&base, &measured, &topology, cpu).map_err(CommandError::usage)?;
    let text = machine.to_toml();
    write(&args.output, &text, args.force)?;
    print(table(&measured, &args.output, topology.allowed_count()).as_bytes())?;
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str, replace: bool) -> Result<(), CommandError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!replace);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        CommandError::machine(anyhow!(error).context(format!("cannot write '{}'", path.display())))
    })
}

fn table(measured: &[Measurement], path: &Path, cpus: usize) -> String {
    let mut out = format!("{:<28}{:>10}{:>9}\n", "", "median ns", "spread");
    for Measurement { what, ns, spread, .. } in measured {
        let _ = writeln!(out, "{what:<28}{ns:>10.1}{:>8.0}%", spread * 100.0);
    }
    if cpus == 1 {
        out += "\nOne CPU: nothing could be handed over.\n";
    }
    let path = path.display();
    let _ = write!(
        out,
        "\n{path} is written. What was not measured here is of the base, marked as an\n\
         estimate. Use it as:\n  faultstorm run huge-anon --on model:{path}\n"
    );
    out
}
