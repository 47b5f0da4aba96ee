//! `docs/reference/`: pages that are generated from the code.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use faultstorm::cli::Cli;
use faultstorm::mm::fault::{Fallback, Kind};
use faultstorm::mm::stage;
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::validation::{Card, Compared, RecordedTargets, recorded};
use faultstorm::workload;
use faultstorm::{compare, kernels, machines, run, sourced};

use crate::page::{ROOT, files};
use crate::schema;

const HEADER: &str =
    "<!-- Generated from the code: UPDATE_REFERENCE=1 cargo test --test docs -->\n\n";
/// Width of help, in columns.
const COLUMNS: usize = 80;

type Generate = fn() -> String;

/// All pages, by name.
const PAGES: [(&str, Generate); 10] = [
    ("commands.md", commands),
    ("compare-document.md", compare_document),
    ("kernels.md", shipped_kernels),
    ("machines.md", shipped_machines),
    ("run-document.md", run_document),
    ("strategies.md", strategies),
    ("validation.md", validation),
    ("words.md", words),
    ("workload-keys.md", workload_keys),
    ("workloads.md", shipped_workloads),
];

#[test]
fn the_reference_is_fresh() {
    let directory = Path::new(ROOT).join("docs/reference");
    for (name, generate) in PAGES {
        let (path, text) = (directory.join(name), format!("{HEADER}{}", generate()));
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let fresh = fs::read_to_string(&path).unwrap_or_default() == text;
        let how = "run `UPDATE_REFERENCE=1 cargo test --test docs` and commit the result";
        assert!(fresh, "docs/reference/{name} is not what the code says: {how}");
    }
    assert_eq!(files("docs/reference"), PAGES.map(|(name, _)| name));
}

fn commands() -> String {
    let mut cli = Cli::command().term_width(COLUMNS);
    cli.build();
    let mut text = "# Commands\n\nWhat `faultstorm help COMMAND` prints.\n".to_owned();
    let mut add = |title: &str, help: String| {
        let help = help.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
        let _ = write!(text, "\n## {title}\n\n```text\n{help}```\n");
    };
    add("faultstorm", cli.render_long_help().to_string());
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let title = format!("faultstorm {}", command.get_name());
        add(&title, command.render_long_help().to_string());
    }
    text
}

fn workload_keys() -> String {
    let tables = schema::markdown(&workload::schema(), "Top level");
    format!(
        "# Keys of a workload file\n\nFrom \
         [workload.schema.json](../../schemas/workload.schema.json). \
         [workloads/README.md](../../workloads/README.md) has the rules between keys, and a \
         worked example.\n{tables}"
    )
}

fn run_document() -> String {
    let tables = schema::markdown(&serde_json::from_str(&run::schema()).unwrap(), "Document");
    format!(
        "# The document of a run\n\nFrom [run.schema.json](../../schemas/run.schema.json). What \
         was not measured is null. Within `faultstorm.run/1` keys are only added: readers skip \
         those that they do not know.\n{tables}"
    )
}

fn compare_document() -> String {
    let tables = schema::markdown(&serde_json::from_str(&compare::schema()).unwrap(), "Document");
    format!(
        "# The document of a comparison\n\nWhat `faultstorm compare --format json` prints, from \
         [compare.schema.json](../../schemas/compare.schema.json).\n{tables}"
    )
}

fn strategies() -> String {
    let mut text = "# Strategies\n\nWhat a fault, a writer and a collision do under each. A \
                    variant (`NAME:VARIANT`) runs only where it is named.\n\n\
                    | strategy | what it is | who |\n|---|---|---|\n"
        .to_owned();
    STRATEGIES.iter().for_each(|entry| text += &about(entry));
    text += "\nA fault's writes of lines that other cores use too; if it may sleep and go on, and \
             allocate page tables; what makes it fall back to `mmap_lock`; and what a writer pays \
             beside that lock:\n\n\
             | under | kernel | shared writes a fault | sleeps | allocates tables | falls back | \
             writers pay |\n|---|---|---|---|---|---|---|\n";
    STRATEGIES.iter().for_each(|entry| text += &traits(entry));
    for entry in STRATEGIES.iter().filter(|entry| !entry.is_variant()) {
        let module = format!("crates/strategy/src/{}.rs", entry.name.replace('-', "_"));
        let _ = write!(text, "\n## {}\n\n", entry.name);
        let same = |other: &&Entry| other.split().0 == entry.name;
        for form in STRATEGIES.iter().filter(same) {
            let _ = writeln!(text, "- `{}`: {} ({})", form.name, form.summary, form.who);
        }
        let source = fs::read_to_string(Path::new(ROOT).join(&module)).unwrap();
        let about = source.lines().map_while(|line| line.strip_prefix("//!"));
        let about: String =
            about.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
        let _ = write!(text, "\n{about}\n([{module}](../../{module}))\n");
    }
    text
}

/// Returns a row of the table of strategies; README.md has the rows without variants.
pub fn about(entry: &Entry) -> String {
    format!("| `{}` | {} | {} |\n", entry.name, entry.summary, entry.who)
}

fn traits(entry: &Entry) -> String {
    let all = &entry.traits;
    let cells = [all.shared_writes, all.sleeps, all.allocates_tables, all.falls_back];
    let (name, kernel) = (entry.name, entry.kernel.name);
    format!("| `{name}` | {kernel} | {} | {} |\n", cells.join(" | "), all.writers_pay)
}

fn shipped_workloads() -> String {
    let known: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    let mut text = "# Workloads\n\nThose that are part of the program, by name. The four seed \
                    workloads run where none is named.\n"
        .to_owned();
    for (name, _) in workload::shipped() {
        let shipped = workload::find(name).unwrap().parse(&known).unwrap();
        let seed = if workload::SEED.contains(name) { " (seed)" } else { "" };
        let about = shipped.analysis.unwrap_or_default();
        let file = format!("[{name}.toml](../../workloads/{name}.toml)");
        let _ = write!(
            text,
            "\n## {name}{seed}\n\n**{}.** {}\n\n{file}\n",
            shipped.summary,
            about.trim()
        );
    }
    text
}

fn shipped_machines() -> String {
    let mut text = "# Machines of the model\n\nThose that are part of the program: `--on \
                    model:NAME`. Each file says where each of its numbers is from; \
                    [machines/README.md](../../machines/README.md) is the format.\n\n\
                    | machine | what it is | sockets | cores | hardware threads | estimates |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for (name, _) in machines::shipped() {
        let machine = machines::MachineFile::find(name).unwrap();
        let shape = machine.parameters.shape;
        let _ = writeln!(
            text,
            "| [`{name}`](../../machines/{name}.toml) | {} | {} | {} | {} | {:.0} % |",
            machine.summary,
            shape.sockets,
            shape.agents(),
            shape.hardware_threads(),
            machine.estimated_share() * 100.0
        );
    }
    text
}

/// Returns the error card of each machine, and what was compared.
fn validation() -> String {
    let mut text =
        "# How far the model was off\n\nThe model next to published figures, machine by \
                    machine, as `faultstorm validate --published --cards` recorded it. Figures by \
                    which numbers of a machine were chosen are listed, but do not count. \
                    [validation/README.md](../../validation/README.md) is the format of the files; \
                    each says where its figures were published.\n\n\
                    | machine | compared |\n|---|---|\n"
            .to_owned();
    for (name, _) in machines::shipped() {
        let machine = machines::MachineFile::find(name).unwrap();
        let _ = writeln!(text, "| `{name}` | {} |", Card::of(&machine).line());
    }
    text += "\n| figures | machine | compared | missed |\n|---|---|---|---|\n";
    for RecordedTargets { compared, .. } in recorded() {
        let (name, machine) = (&compared.name, &compared.machine);
        let kin = compared.kin_of.as_ref().map(|kin| format!(", the nearest kin of {kin}"));
        let kin = kin.unwrap_or_default();
        let counted = Compared { calibrated: false, ..compared.clone() };
        let (line, missed) = (Card::made_of([&counted].into_iter()).line(), compared.missed());
        let chosen = if compared.calibrated { " (numbers were chosen by it)" } else { "" };
        let file = format!("[`{name}`](../../validation/{name}.toml)");
        let _ = writeln!(text, "| {file} | `{machine}`{kin} | {line}{chosen} | {missed} |");
    }
    text
}

fn shipped_kernels() -> String {
    let mut text = "# Kernels\n\nThose that are part of the program: `--kernel NAME` puts all \
                    schemes into one, `STRATEGY:NAME` one scheme. Each file says where each of its \
                    numbers is from; [kernels/README.md](../../kernels/README.md) is the format. \
                    The line of a field is its offset by 64.\n\n\
                    | kernel | what it is | schemes that stand in it |\n|---|---|---|\n"
        .to_owned();
    let files =
        || kernels::shipped().iter().map(|(name, _)| kernels::KernelFile::find(name).unwrap());
    for file in files() {
        let own = STRATEGIES.iter().filter(|entry| entry.kernel.name == file.name);
        let own: Vec<String> = own.map(|entry| format!("`{}`", entry.name)).collect();
        let (name, summary) = (&file.name, &file.summary);
        let own = own.join(", ");
        let _ = writeln!(text, "| [`{name}`](../../kernels/{name}.toml) | {summary} | {own} |");
    }
    let names: Vec<String> = files().map(|file| file.name).collect();
    let _ =
        write!(text, "\n| key | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (section, key) in sourced::keys::<faultstorm::mm::kernel::Release>() {
        let value = |file: kernels::KernelFile| {
            let number = file.inputs.iter().find(|number| number.is(section, key.name));
            number.map_or("-".to_owned(), |number| match section {
                "rules" => key.allowed.toml(number.value),
                _ => format!("{}: {}", number.value, (number.value / 64.0).floor()),
            })
        };
        let row: Vec<String> = files().map(value).collect();
        let _ = writeln!(text, "| `{}` | {} |", key.name, row.join(" | "));
    }
    text + "\nOf a field its offset in bytes, and the line that it is on.\n"
}

/// Returns the words in results, with their meaning from the code.
fn words() -> String {
    let outcome = Source::read("crates/mm/src/fault/outcome.rs");
    let stages = Source::read("crates/mm/src/stage.rs");
    let mut text = "# Words\n\nThe words of documents and tables, with what they mean. What is \
                    measured by which is in [METHODOLOGY.md](../../METHODOLOGY.md).\n"
        .to_owned();
    let kinds = Kind::ALL.map(|kind| (kind.name(), outcome.doc_of(&format!("{kind:?}"))));
    text += &table("Kinds of faults", "kind", "`by_kind`, `latency_ns`", &kinds);
    let reasons = Fallback::ALL.map(|why| (why.name(), outcome.doc_of(&format!("{why:?}"))));
    let about = "`fallbacks`. Why an attempt gave up and the fault was done again, under \
                 mmap_lock but for `VMA_LOCK_MISS`. The names are those of the statistics of \
                 Lespinasse's series (`SPF_ABORT_*`) and of `/proc/vmstat` (`VMA_LOCK_*`)";
    text += &table("Reasons to fall back", "reason", about, &reasons);
    let ends = ["mapped", "raced", "sigbus", "segv", "oom"];
    let ends = ends.map(|name| (name, outcome.doc_of(&capital(name))));
    text += &table("Ends of a fault", "end", "`counts`", &ends);
    let stages = stage::NAMES.map(|name| (name, stages.doc_of(&name.to_uppercase())));
    text += &table("Stages", "stage", "`stages_ns`, with `--stages`", &stages);
    let exits = Source::read("crates/base/src/exit.rs");
    let names = ["Done", "Internal", "Usage", "Found", "Storm", "Interrupted", "Machine"];
    let numbers: Vec<String> = (0..names.len()).map(|code| code.to_string()).collect();
    let codes: Vec<(&str, String)> = (numbers.iter().zip(names))
        .map(|(code, name)| (code.as_str(), exits.doc_of(&format!("{name} = {code}"))))
        .collect();
    text + &table("Exit codes", "code", "How the command ends", &codes)
}

fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

fn table(title: &str, column: &str, about: &str, rows: &[(&str, String)]) -> String {
    let rows = rows.iter().map(|(name, doc)| format!("| `{name}` | {doc} |\n"));
    let rows: String = rows.collect();
    format!("\n## {title}\n\n{about}.\n\n| {column} | what |\n|---|---|\n{rows}")
}

/// A source file, which is searched for documentation.
struct Source(String);

impl Source {
    fn read(path: &str) -> Source {
        Source(fs::read_to_string(Path::new(ROOT).join(path)).unwrap())
    }

    /// Returns the documentation of the first item that is declared with this name: a variant or a
    /// constant.
    fn doc_of(&self, name: &str) -> String {
        let mut doc_lines: Vec<&str> = Vec::new();
        for line in self.0.lines().map(str::trim) {
            if let Some(doc) = line.strip_prefix("/// ") {
                doc_lines.push(doc);
                continue;
            }
            let item = line.trim_start_matches("pub const ");
            let is_it =
                item.strip_prefix(name).is_some_and(|rest| rest.starts_with([',', '(', ':']));
            if is_it && !doc_lines.is_empty() {
                return doc_lines.join(" ");
            }
            doc_lines.clear();
        }
        panic!("nothing is said of {name}")
    }
}

#[test]
fn documentation_is_found_by_what_it_is_of() {
    let text = "/// One.\n/// More.\nA(u16),\n    /// Two.\n    AB,\npub const C: u8 = 1;\n\
                /// Three.\n#[repr(u8)]\n/// Four.\npub const C: u8 = 1;\n";
    let source = Source(text.to_owned());
    let docs = ["A", "AB", "C"].map(|name| source.doc_of(name));
    assert_eq!(docs, ["One. More.", "Two.", "Four."]);
}
