//! `faultstorm man`: the manual page, with all subcommands on one page.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;

/// Writes the manual page in roff.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut cli = Cli::command();
    cli.build();
    let page = Man::new(cli.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let help = command.render_long_help().to_string();
        Roff::new()
            .control("SH", [format!("FAULTSTORM {}", command.get_name().to_uppercase()).as_str()])
            .control("nf", [])
            .text(help.lines().flat_map(|line| [roman(line), roman("\n")]).collect::<Vec<_>>())
            .control("fi", [])
            .to_writer(out)?;
    }
    page.render_extra_section(out)?;
    page.render_version_section(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_every_subcommand_with_its_flags() {
        let mut page = Vec::new();
        man(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(".TH"));
        for section in ["RUN", "CHECK", "LIST", "COMPLETIONS", "MAN"] {
            assert!(page.contains(&format!(".SH \"FAULTSTORM {section}\"")), "{section}");
        }
        assert!(page.contains(r"\-\-entry\-prefetch"));
    }
}
