//! Machines of the model: TOML files in which every number has its source.

mod band;
mod keys;
mod shipped;
pub mod vary;

pub use band::{ESTIMATE_ERROR, Variation};
pub use shipped::{of_cpu, shipped};

use crate::diag::Diagnostic;
use crate::named::Shipped;
use crate::sourced::{self, FileKind, FileSection, PlacedNumber, SourcedFile};
use host::placement::{Placement, PlacementError, place};
use host::topology::{Cpu, Topology};
use machine::CORES_MAX;
use machine::model::{Parameters, Place};

/// A machine of the model, with the sources of its numbers.
pub type MachineFile = SourcedFile<Parameters>;
/// A number of a machine file.
pub type MachineNumber = sourced::SourcedNumber<Parameters>;

impl FileKind for Parameters {
    const SHIPPED: Shipped = shipped::MACHINES;
    const TITLE: &'static str = "A machine of faultstorm's model";
    const UNSET: Self = keys::UNSET;

    fn sections() -> &'static [FileSection<Self>] {
        keys::SECTIONS
    }

    fn complete(&mut self, found: &[PlacedNumber<Self>], mistakes: &mut Vec<Diagnostic>) {
        let shape = &mut self.shape;
        if shape.sockets_per_group == 0 {
            shape.sockets_per_group = shape.sockets;
        }
        let span = |key: &str| {
            let number = found.iter().find(|number| number.input.is("shape", key));
            number.map_or(0..0, |number| number.span.clone())
        };
        if shape.agents() > CORES_MAX {
            let title = format!("{} cores are more than the model has", shape.agents());
            let mistake = Diagnostic::new(title).at(span("cores-per-socket"), "here");
            mistakes.push(mistake.rule(format!("a machine has at most {CORES_MAX} cores")));
        }
        if shape.cluster_cores > shape.cores_per_socket {
            let mistake = Diagnostic::new("a cluster has more cores than a socket");
            mistakes.push(mistake.at(span("cluster-cores"), "here"));
        }
        if let Some(far) = self.far_atomics
            && (far.latency_ps == 0 || far.occupancy_ps == 0)
        {
            let mistake = Diagnostic::new("[far-atomics] has one of its two numbers");
            mistakes.push(mistake.rule("`latency-ns` and `occupancy-ns` stand together"));
        }
        fill_distances(self);
    }
}

/// Gives distances that the machine does not have the latency of its farthest one.
fn fill_distances(parameters: &mut Parameters) {
    let Parameters { write_modified, read_modified, read_shared, upgrade, memory, .. } = parameters;
    let shape = parameters.shape;
    let fill = |row: &mut [u64], hop: usize| {
        if shape.sockets == 1 {
            row[hop] = row[hop - 1];
        }
        if shape.sockets <= shape.sockets_per_group {
            row[hop + 1] = row[hop];
        }
    };
    for row in [write_modified, read_modified, read_shared, upgrade] {
        fill(&mut row.0, 2);
    }
    fill(memory, 1);
}

impl MachineFile {
    /// Returns the machine's CPUs: first one of each core, then their siblings, as the kernel
    /// numbers them.
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
                llc: usize::from(shape.neighbours(agent as u16)[0].start),
                siblings: (0..smt).map(|thread| thread * agents + agent).collect(),
                allowed: true,
            }
        };
        Topology { cpus: (0..agents * smt).map(cpu).collect(), llc_bytes: None, complete: true }
    }

    /// Returns the places of `threads` threads. If the machine has fewer hardware threads, some
    /// share a place; the caller has to check.
    ///
    /// # Errors
    ///
    /// The machine does not have the CPUs of `placement`.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn every_shipped_machine_is_right_and_every_file_is_shipped() {
        for (name, _) in shipped() {
            let machine = MachineFile::find(name).unwrap_or_else(|wrong| panic!("{wrong}"));
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
    fn numbers_reach_their_place() {
        let machine = MachineFile::find("xeon-skylake-8s").unwrap();
        let parameters = machine.parameters;
        assert_eq!(parameters.upgrade.0, [52_000, 52_000, 243_000, 485_000]);
        assert_eq!((parameters.shape.agents(), parameters.shape.sockets_per_group), (224, 4));
        let laptop = MachineFile::find("laptop-intel").unwrap().parameters;
        assert_eq!(laptop.write_modified.0, [35_000; 4], "one socket has no other distances");
        assert!(MachineFile::find("graviton2").unwrap().parameters.far_atomics.is_some());
    }

    #[test]
    fn linux_spreads_over_clusters_before_it_fills_one() {
        let genoa = MachineFile::find("epyc-genoa-2s").unwrap();
        let shape = genoa.parameters.shape;
        let clusters = |placement: Placement, threads: usize| {
            let places = genoa.places(&placement, threads).unwrap();
            places.iter().map(|place| shape.cluster(place.agent)).collect::<BTreeSet<u16>>().len()
        };
        let all = shape.agents() / usize::from(shape.cluster_cores);
        assert_eq!((clusters(Placement::Linux, all), clusters(Placement::Linux, 4)), (all, 4));
        assert_eq!(clusters(Placement::Scatter, 4), 2, "sockets alone are taken in turn");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (name, _) in shipped() {
            let machine = MachineFile::find(name).unwrap();
            let again = MachineFile::parse(name, name, &machine.to_toml());
            let again = again.unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(again.parameters, machine.parameters, "{name}");
            assert_eq!(again.estimated_share(), machine.estimated_share(), "{name}");
        }
    }

    #[test]
    fn the_digest_is_of_the_numbers() {
        let text = shipped()[0].1;
        let machine = |text: &str| MachineFile::parse("x", "x.toml", text).unwrap();
        let other = text.replacen("summary = \"", "summary = \"other: ", 1);
        assert_eq!(machine(text).digest(), machine(&other).digest());
        let other = text.replacen("store-ns = { is = 1,", "store-ns = { is = 2,", 1);
        assert_ne!(machine(text).digest(), machine(&other).digest());
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let text = shipped()[0].1;
        let wrong = text
            .replacen("request-share ", "request-shore ", 1)
            .replacen("store-ns = { is = 1, source = \"E\", estimate = true }", "store-ns = 5", 1)
            .replacen("[hit]", "[hits]\n[hit]", 1)
            .replacen("is = \"socket\"", "is = \"soket\"", 1);
        let wrong = MachineFile::parse("x", "x.toml", &wrong).err().expect("it is wrong");
        assert_eq!(wrong.len(), 4, "{wrong}");
        let text = wrong.to_string();
        for said in [
            "unknown key \"request-shore\" in [line]",
            "did you mean \"request-share\"",
            "has no source",
            "unknown key \"hits\"",
            "did you mean \"socket\"",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[cfg(feature = "schema")]
    mod schema {
        use super::*;

        const STALE: &str =
            "stale: UPDATE_SCHEMAS=1 cargo test -p faultstorm-inputs --features schema fresh";

        #[test]
        fn the_published_schema_is_fresh() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/machine.schema.json");
            let schema = format!("{:#}\n", MachineFile::schema());
            if std::env::var_os("UPDATE_SCHEMAS").is_some() {
                fs::write(path, &schema).unwrap();
            }
            let published = fs::read_to_string(path).unwrap_or_default();
            assert!(published == schema, "{STALE}");
        }

        /// Two parts of the page are made of tables: the numbers, and what `--vary` takes.
        #[test]
        fn the_page_of_machines_is_fresh() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../machines/README.md");
            let page = fs::read_to_string(path).unwrap();
            let (start, rest) = page.split_once("### `[shape]`").unwrap();
            let (_, end) = rest.split_once("## What `--vary` can vary").unwrap();
            let (about, _) = end.split_once("| name |").unwrap();
            let knobs: String = vary::knobs().iter().map(vary::Knob::row).collect();
            let fresh = format!(
                "{start}{}## What `--vary` can vary{about}| name | short | values | what |\n\
                 |---|---|---|---|\n{knobs}",
                MachineFile::markdown(),
            );
            if std::env::var_os("UPDATE_SCHEMAS").is_some() {
                return fs::write(path, &fresh).unwrap();
            }
            assert!(page == fresh, "{STALE}");
        }

        /// Returns the schema's mistakes of a text.
        fn refused(text: &str) -> Vec<String> {
            let table: toml::Table = text.parse().unwrap();
            let value = serde_json::to_value(table).unwrap();
            let validator = jsonschema::validator_for(&MachineFile::schema()).unwrap();
            validator.iter_errors(&value).map(|error| error.to_string()).collect()
        }

        #[test]
        fn every_machine_fits_also_one_that_is_written() {
            for (name, text) in shipped() {
                assert_eq!(refused(text), [""; 0], "{name}");
                assert!(text.starts_with("#:schema ../schemas/machine.schema.json\n"), "{name}");
                assert_eq!(refused(&MachineFile::find(name).unwrap().to_toml()), [""; 0], "{name}");
            }
        }

        #[test]
        fn what_the_reader_refuses_the_schema_refuses() {
            let text = shipped()[0].1;
            let number = "store-ns = { is = 1, source = \"E\", estimate = true }";
            for (from, to) in [
                ("request-share ", "request-shore "),
                ("summary = ", "summery = "),
                (number, "store-ns = 5"),
                (number, "store-ns = { is = 1 }"),
                (number, "store-ns = { is = 1, source = \"\" }"),
                (number, "store-ns = { is = -1, source = \"E\" }"),
                (number, "store-ns = { is = \"1\", source = \"E\" }"),
                ("is = \"socket\"", "is = \"soket\""),
            ] {
                let wrong = text.replacen(from, to, 1);
                assert_ne!(wrong, text, "{from}");
                assert!(MachineFile::parse("x", "x.toml", &wrong).is_err(), "{to}");
                assert!(!refused(&wrong).is_empty(), "{to}");
            }
        }
    }
}
