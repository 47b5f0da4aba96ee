//! `faultstorm calibrate`: this machine's numbers, as a machine file for the model.

use std::fmt::Write;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::console::{color, print, tell_styled};
use super::error::CommandError;
use crate::cli::CalibrateArgs;
use base::exit::Exit;
use calibration::{Measurement, measure};
use host::preflight::Facts;
use host::topology::Topology;
use inputs::kernels::KernelFile;
use inputs::machines::MachineFile;
use inputs::sourced;
use mm::kernel::Release;

/// Measures, prints the measurements, and writes the file.
///
/// # Errors
///
/// If the base is not a machine, the file exists or cannot be written, or threads cannot be
/// started.
pub fn calibrate(args: &CalibrateArgs) -> Result<Exit, CommandError> {
    let default = if args.kernel { "./this-kernel.toml" } else { "./this-machine.toml" };
    let output = args.output.clone().unwrap_or_else(|| default.into());
    if output.exists() && !args.force {
        let path = output.display();
        let error = anyhow!("'{path}' exists: give --force to replace it, or another --output");
        return Err(CommandError::usage(error));
    }
    if args.kernel { kernel(args, &output) } else { machine(args, &output) }
}

/// Measures this machine.
fn machine(args: &CalibrateArgs, output: &Path) -> Result<Exit, CommandError> {
    let base = MachineFile::find(&args.base).map_err(|wrong| {
        tell_styled(&wrong.render(color(&io::stderr())));
        CommandError::usage(anyhow!("nothing was measured: '{}' is no machine", args.base))
    })?;
    let topology = Topology::here().context("cannot read the CPUs that this process may use")?;
    let measured = measure(&topology, args.repeats)
        .map_err(|error| CommandError::machine(anyhow!(error).context("cannot measure")))?;
    let facts = Facts::here();
    let cpu = facts.cpu_model.as_deref().unwrap_or("unknown CPU");
    let machine =
        calibration::machine(&base, &measured, &topology, cpu).map_err(CommandError::usage)?;
    let text = machine.to_toml();
    write(output, &text, args.force)?;
    print(table(&measured, output, topology.allowed_count()).as_bytes())?;
    Ok(Exit::Done)
}

/// Writes the layout of the running kernel.
fn kernel(args: &CalibrateArgs, output: &Path) -> Result<Exit, CommandError> {
    let facts = Facts::here();
    let release = facts.kernel.as_deref().unwrap_or("unknown");
    let found = calibration::kernel::kernel(Path::new(calibration::kernel::BTF), release);
    let (file, nearest) = found.map_err(CommandError::machine)?;
    write(output, &file.to_toml(), args.force)?;
    print(layouts(&file, &nearest, output).as_bytes())?;
    Ok(Exit::Done)
}

/// Returns the offsets of two kernels side by side, with the 64-byte line of each offset.
fn layouts(running: &KernelFile, shipped: &KernelFile, path: &Path) -> String {
    let mut out = format!("{:<34}{:>12}{:>12}\n", running.summary, "here", shipped.name);
    let mut last = "";
    for (section, key) in sourced::keys::<Release>().filter(|(section, _)| *section != "rules") {
        if section != last {
            let _ = writeln!(out, "{section}, offset: line");
            last = section;
        }
        let at = |file: &KernelFile| {
            let number = file.inputs.iter().find(|number| number.is(section, key.name));
            number.map_or("-".to_owned(), |number| {
                format!("{}: {}", number.value, (number.value / 64.0).floor())
            })
        };
        let (here, there) = (at(running), at(shipped));
        let mark = if here == there { "" } else { "  differs" };
        let _ = writeln!(out, "  {:<32}{here:>12}{there:>12}{mark}", key.name);
    }
    let (path, name) = (path.display(), &shipped.name);
    let _ = write!(
        out,
        "\n{path} is written, with the rules of Linux {name}, which BTF does not tell. \
         Use it as:\n  \
         faultstorm run huge-anon --on model:xeon-icelake-2s --kernel {path}\n"
    );
    out
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
        let spread = match spread.is_finite() {
            true => format!("{:.0}%", spread * 100.0),
            false => "-".to_owned(),
        };
        let _ = writeln!(out, "{what:<28}{ns:>10.1}{spread:>9}");
    }
    if cpus == 1 {
        out += "\nOne CPU: no transfer between CPUs could be measured.\n";
    }
    let path = path.display();
    let _ = write!(
        out,
        "\n{path} is written. Numbers not measured here are the base's, marked as\n\
         estimates. Use it as:\n  faultstorm run huge-anon --on model:{path}\n"
    );
    out
}
