//! `faultstorm completions`: command-line completions for a shell.

use std::io::{self, Write};

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;

use super::list;
use crate::cli::Cli;
use catalogue::Known;
use inputs::{kernels, machines, workload};

/// Writes the completions for a shell.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn completions(shell: Shell, known: Known, out: &mut dyn Write) -> io::Result<()> {
    let mut cli = with_names(Cli::command(), known);
    let name = cli.get_name().to_string();
    // clap_complete panics if its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli, name, &mut script);
    out.write_all(&script)
}

/// Adds what `list` shows as values of flags; files may be given too.
fn with_names(cli: Command, known: Known) -> Command {
    let strategies = known.names();
    let workloads: Vec<&str> = workload::shipped().iter().map(|(name, _)| *name).collect();
    // Once in the life of the process: clap has names that live as long.
    let model = |name: &str| &*format!("model:{name}").leak();
    let machines = machines::shipped().iter().map(|(name, _)| model(name));
    let worlds: Vec<&str> = ["host", "kernel"].into_iter().chain(machines).collect();
    let kernels: Vec<&str> = kernels::shipped().iter().map(|(name, _)| *name).collect();
    let one_of =
        |arg: Arg, names: &[&'static str]| arg.value_parser(PossibleValuesParser::new(names));
    cli.mut_subcommand("run", |run| {
        run.mut_arg("workloads", |arg| one_of(arg, &workloads))
            .mut_arg("strategy", |arg| one_of(arg, &strategies))
            .mut_arg("kernel", |arg| one_of(arg, &kernels))
            .mut_arg("on", |arg| one_of(arg, &worlds))
    })
    .mut_subcommand("list", |list| list.mut_arg("what", |arg| one_of(arg, &list::names(known))))
    .mut_subcommand("explain", |explain| {
        explain
            .mut_arg("strategy", |arg| one_of(arg, &strategies))
            .mut_arg("workload", |arg| one_of(arg, &workloads))
            .mut_arg("on", |arg| one_of(arg, &worlds))
    })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_learns_the_flags() {
        for &shell in Shell::value_variants() {
            let mut script = Vec::new();
            completions(shell, Known::SHIPPED, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("entry-prefetch"), "{shell}");
            if [Shell::Bash, Shell::Zsh, Shell::Fish].contains(&shell) {
                for name in ["vma-refcount", "file-cold", "epyc-genoa-2s"] {
                    assert!(script.contains(name), "{shell}: {name}");
                }
            }
        }
    }
}
