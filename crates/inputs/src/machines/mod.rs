//! Machines for the model: TOML files in which every number has its source.

pub mod keys;
mod read;
#[cfg(feature = "schema")]
mod schema;
mod shipped;
pub mod vary;

#[cfg(feature = "schema")]
pub use schema::schema;
pub use shipped::{of_cpu, shipped};

use crate::diag::{Diagnostic, Diagnostics, meant};
use base::digest::digest;
use host::placement::{Placement, PlacementError, place};
use host::topology::{Cpu, Topology};
use keys::{Key, Range};
use machine::model::{Parameters, Place};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// A machine of the model, and where its numbers are from.
#[derive(Clone)]
pub struct Machine {
    /// The file's stem.
    pub name: String,
    /// Which machine it is, in a line.
    pub summary: String,
    /// Its numbers, as the model takes them.
    pub parameters: Parameters,
    /// Its numbers, as the file has them.
    pub inputs: Vec<Input>,
}

/// A number of a machine file.
#[derive(Clone)]
pub struct Input {
    /// Which.
    pub key: &'static Key,
    /// What it is, in the unit of the key; of a word its place in the list.
    pub value: f64,
    /// Where it is from.
    pub source: String,
    /// Whether nobody measured it.
    pub estimate: bool,
}

impl Machine {
    /// Reads the text of a machine file. `path_shown` stands in diagnostics.
    ///
    /// # Errors
    ///
    /// Every mistake of the text.
    pub fn parse(name: &str, path_shown: &str, text: &str) -> Result<Machine, Diagnostics> {
        read::machine(name, path_shown, text)
    }

    /// Finds a machine: the name of a shipped one, or a path, which has a `/` or ends in
    /// `.toml`.
    ///
    /// # Errors
    ///
    /// No shipped machine has the name, or the file cannot be read, or every mistake of it.
    pub fn find(name_or_path: &str) -> Result<Machine, Diagnostics> {
        if name_or_path.contains('/') || name_or_path.ends_with(".toml") {
            let text = fs::read_to_string(name_or_path).map_err(|error| {
                let title = format!("the machine file \"{name_or_path}\" cannot be read: {error}");
                Diagnostics::outside(Diagnostic::new(title))
            })?;
            let stem = Path::new(name_or_path).file_stem();
            let name = stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            return Machine::parse(&name, name_or_path, &text);
        }
        match shipped().iter().find(|(name, _)| *name == name_or_path) {
            Some((name, text)) => Machine::parse(name, &format!("machines/{name}.toml"), text),
            None => Err(Diagnostics::outside(
                Diagnostic::new(format!("there is no machine \"{name_or_path}\""))
                    .help_if(meant(name_or_path, shipped().iter().map(|(name, _)| *name)))
                    .help(format!(
                        "a path has a `/` or ends in `.toml`: \"./{name_or_path}.toml\""
                    )),
            )),
        }
    }

    /// The machine as threads are placed on it: its cores first, then their siblings, as
    /// the kernel numbers them.
    pub fn topology(&self) -> Topology {
        let shape = self.parameters.shape;
        let (agents, smt) = (shape.agents(), usize::from(shape.smt));
        let cpu = |id: usize| {
            let (agent, socket) = (id % agents, usize::from(shape.socket((id % agents) as u16)));
            Cpu {
                id,
                core_id: agent,
                package_id: socket,
                node: socket,
                siblings: (0..smt).map(|thread| thread * agents + agent).collect(),
                allowed: true,
            }
        };
        Topology { cpus: (0..agents * smt).map(cpu).collect(), llc_bytes: None, complete: true }
    }

    /// Where the cores of a storm are. With more threads than the machine has, some share
    /// a place: that is for the caller to notice.
    ///
    /// # Errors
    ///
    /// A placement that the machine does not have.
    pub fn places(
        &self,
        placement: &Placement,
        threads: usize,
    ) -> Result<Vec<Place>, PlacementError> {
        let shape = self.parameters.shape;
        let place_of = |cpu: usize| {
            let agent = (cpu % shape.agents()) as u16;
            Place { agent, socket: shape.socket(agent) }
        };
        Ok(place(&self.topology(), placement, threads)?.into_iter().map(place_of).collect())
    }

    /// Share of the numbers that nobody measured, 0 to 1.
    pub fn estimated_share(&self) -> f64 {
        let estimates = self.inputs.iter().filter(|input| input.estimate).count();
        estimates as f64 / self.inputs.len() as f64
    }

    /// The machine as documents have it: every number with its source.
    pub fn resolved(&self) -> Value {
        let mut sections: Map<String, Value> = Map::new();
        for Input { key, value, source, estimate } in &self.inputs {
            let is = match key.range {
                Range::Word(words) => json!(words[*value as usize]),
                _ => json!(value),
            };
            let number = json!({ "is": is, "source": source, "estimate": estimate });
            let section = sections.entry(key.section).or_insert_with(|| json!({}));
            section[key.name] = number;
        }
        json!({
            "name": self.name,
            "summary": self.summary,
            "estimated_share": self.estimated_share(),
            "numbers": sections,
        })
    }

    /// The machine as a file: every number that it has, section by section.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| json!(text).to_string();
        let mut out = format!("summary = {}\n", quoted(&self.summary));
        let mut section = "";
        for key in keys::keys() {
            let Some(input) = self.inputs.iter().find(|input| std::ptr::eq(input.key, key)) else {
                continue;
            };
            if key.section != section {
                section = key.section;
                out += &format!("\n[{section}]\n");
            }
            let is = match key.range {
                Range::Word(words) => quoted(words[input.value as usize]),
                Range::Count(..) => format!("{:.0}", input.value),
                Range::Number(..) => format!("{}", (input.value * 1000.0).round() / 1000.0),
            };
            let estimate = if input.estimate { ", estimate = true" } else { "" };
            let source = quoted(&input.source);
            out += &format!("{} = {{ is = {is}, source = {source}{estimate} }}\n", key.name);
        }
        out
    }

    /// Digest of the numbers, whatever the file says of them beside.
    pub fn digest(&self) -> String {
        digest(format!("{:?}", self.parameters).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_machine_is_right_and_every_file_is_shipped() {
        for (name, _) in shipped() {
            let machine = Machine::find(name).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(machine.parameters.lookahead_ps() > 0, "{name}");
            assert!((0.0..1.0).contains(&machine.estimated_share()), "{name}");
        }
        let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../machines")).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let files = files.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned));
        for name in files {
            assert!(shipped().iter().any(|(shipped, _)| *shipped == name), "{name} is shipped");
        }
    }

    #[test]
    fn the_readme_documents_every_number_and_knob() {
        let readme = include_str!("../../../../machines/README.md");
        for key in keys::keys() {
            let section = format!("### `[{}]`", key.section);
            let text = readme.split_once(&section).unwrap_or_else(|| panic!("{section}")).1;
            let text = text.split("### ").next().unwrap();
            assert!(text.contains(&format!("`{}`", key.name)), "{section} {}", key.name);
        }
        for knob in &vary::KNOBS {
            assert!(readme.contains(&format!("| `{}` |", knob.name)), "{}", knob.name);
        }
    }

    #[test]
    fn numbers_reach_their_place() {
        let machine = Machine::find("xeon-skylake-8s").unwrap();
        let parameters = machine.parameters;
        assert_eq!(parameters.upgrade.0, [48_000, 48_000, 236_000, 478_000]);
        assert_eq!((parameters.shape.agents(), parameters.shape.sockets_per_group), (224, 4));
        let laptop = Machine::find("laptop-intel").unwrap().parameters;
        assert_eq!(laptop.write_modified.0, [22_000; 4], "one socket has no other distances");
        assert!(Machine::find("graviton2").unwrap().parameters.far_atomics.is_some());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (name, _) in shipped() {
            let machine = Machine::find(name).unwrap();
            let again = Machine::parse(name, name, &machine.to_toml());
            let again = again.unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(again.parameters, machine.parameters, "{name}");
            assert_eq!(again.estimated_share(), machine.estimated_share(), "{name}");
        }
    }

    #[test]
    fn the_digest_is_of_the_numbers() {
        let text = shipped()[0].1;
        let machine = |text: &str| Machine::parse("x", "x.toml", text).unwrap();
        let other = text.replacen("summary = \"", "summary = \"other: ", 1);
        assert_eq!(machine(text).digest(), machine(&other).digest());
        let other = text.replacen("store-ns = { is = 1,", "store-ns = { is = 2,", 1);
        assert_ne!(machine(text).digest(), machine(&other).digest());
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let text = shipped()[0].1;
        let wrong = text
            .replacen("reuse-k ", "reuse-m ", 1)
            .replacen("store-ns = { is = 1, source = \"E\", estimate = true }", "store-ns = 5", 1)
            .replacen("[hit]", "[hits]\n[hit]", 1)
            .replacen("is = \"socket\"", "is = \"soket\"", 1);
        let wrong = Machine::parse("x", "x.toml", &wrong).err().expect("it is wrong");
        assert_eq!(wrong.len(), 4, "{wrong}");
        let text = wrong.to_string();
        for said in [
            "unknown key \"reuse-m\" in [line]",
            "did you mean \"reuse-k\"",
            "has no source",
            "unknown key \"hits\"",
            "did you mean \"socket\"",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
