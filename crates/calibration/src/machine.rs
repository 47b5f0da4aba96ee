//! A machine file of measured numbers, and of another machine's where none was measured.

use super::{Measurement, Probe};
use host::topology::Topology;
use inputs::diag::Diagnostics;
use inputs::machines::{MachineFile, MachineNumber};
use inputs::sourced::keys;

/// Returns `base` with the measured numbers in place of its own, which are marked as estimates.
///
/// # Errors
/// The base lacks a number that this machine needs: one with a single socket has no hops.
pub fn machine(
    base: &MachineFile,
    measured: &[Measurement],
    topology: &Topology,
    about: &str,
) -> Result<MachineFile, Diagnostics> {
    let ns = |probe| measured.iter().find(|m| m.probe == probe).map(|m| m.ns);
    let sockets = topology.sockets().max(1);
    let own = numbers(&ns, base, topology, sockets);
    let keep = |input: &&MachineNumber| {
        // One socket has no hops, one thread a core no sibling.
        let hop = ["hop", "two-hops", "sockets-per-group"].contains(&input.key.name);
        let sibling = input.key.name == "smt-slowdown";
        !(hop && sockets == 1 || sibling && !topology.smt())
    };
    let estimate = |input: &MachineNumber| {
        let source = format!("{}: {}", base.name, input.source);
        MachineNumber { source, estimate: true, ..input.clone() }
    };
    let mut inputs: Vec<MachineNumber> = base.inputs.iter().filter(keep).map(estimate).collect();
    for (section, name, value, source) in own {
        let key = keys().find(|(of, key)| (*of, key.name) == (section, name));
        let (section, key) = key.expect("a key of the table");
        let estimate = source.is_none();
        let source = source.unwrap_or("calibrate: half of load and CAS, which refill exceeds");
        let input = MachineNumber { section, key, value, source: source.to_owned(), estimate };
        match inputs.iter_mut().find(|input| input.is(section, name)) {
            Some(known) => *known = input,
            None => inputs.push(input),
        }
    }
    let summary = format!("{about}, calibrated; what it could not measure is of {}", base.name);
    let text = MachineFile { summary, inputs, ..base.clone() }.to_toml();
    MachineFile::parse("this", &format!("calibrated, the rest of {}", base.name), &text)
}

/// Section, key, value and source of a number; it is an estimate if it has no source.
type Number = (&'static str, &'static str, f64, Option<&'static str>);

const MEASURED: Option<&str> = Some("calibrate");

fn numbers(
    ns: &impl Fn(Probe) -> Option<f64>,
    base: &MachineFile,
    topology: &Topology,
    sockets: usize,
) -> Vec<Number> {
    let cores = (topology.cores() / sockets).max(1);
    let cpus = (topology.cpus.len() / (cores * sockets)).max(1);
    let base_cluster = usize::from(base.parameters.shape.cluster_cores);
    let mut numbers: Vec<Number> = vec![
        ("shape", "sockets", sockets as f64, MEASURED),
        ("shape", "cores-per-socket", cores as f64, MEASURED),
        ("shape", "cluster-cores", base_cluster.min(cores) as f64, MEASURED),
        ("shape", "threads-per-core", cpus as f64, MEASURED),
    ];
    let alone = [
        ("hit", "load-ns", Probe::LoadHit),
        ("hit", "rmw-ns", Probe::RmwHit),
        ("hit", "store-ns", Probe::Store),
        ("memory-ns", "local", Probe::Memory),
        ("work", "clear-page-ns", Probe::ClearPage),
        ("work", "copy-page-ns", Probe::CopyPage),
    ];
    let measured = alone.into_iter().filter_map(|(s, name, probe)| Some((s, name, ns(probe)?)));
    numbers
        .extend(measured.map(|(section, name, value)| (section, name, value.max(0.1), MEASURED)));
    let together = (ns(Probe::RmwHit), ns(Probe::BlindHandOver), ns(Probe::LookingHandOver));
    let (Some(rmw), Some(blind), Some(looking)) = together else { return numbers };
    // Load and compare-exchange are a read and an upgrade; the refill tells them apart.
    let both = looking.max(0.2);
    let (read, upgrade, source) = match ns(Probe::Refill) {
        Some(refill) if refill > 0.1 && refill < both - 0.1 => (refill, both - refill, MEASURED),
        _ => (both / 2.0, both / 2.0, None),
    };
    for place in ["cluster", "socket"] {
        numbers.push(("write-modified-ns", place, blind.max(0.1), MEASURED));
        numbers.push(("read-modified-ns", place, read, source));
        numbers.push(("upgrade-ns", place, upgrade, source));
    }
    if let Some(contended) = ns(Probe::ContendedAdd) {
        // A hand-over has H / T additions: the first, and those of t in the share of the rest.
        let (first, rest) = (blind / contended.max(0.1) - 1.0, (blind - rmw).max(0.1));
        numbers.push(("line", "request-share", (first * rmw / rest).clamp(0.05, 1.0), MEASURED));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_measured_replaces_the_base_and_the_rest_is_an_estimate() {
        let measured = [
            (Probe::RmwHit, 5.0),
            (Probe::BlindHandOver, 45.0),
            (Probe::LookingHandOver, 120.0),
            (Probe::Refill, 60.0),
            (Probe::ContendedAdd, 25.0),
        ];
        let measured = measured.map(|(probe, ns)| Measurement { what: "", probe, ns, spread: 0.0 });
        let base = MachineFile::find("xeon-skylake-8s").unwrap();
        let topology = Topology::read(Path::new("/nonexistent"), &[0, 1]);
        let made = machine(&base, &measured, &topology, "a CPU");
        let made = made.unwrap_or_else(|wrong| panic!("{wrong}"));
        let parameters = made.parameters;
        assert_eq!((parameters.shape.sockets, parameters.shape.agents()), (1, 2));
        assert_eq!((parameters.write_modified.0[0], parameters.upgrade.0[0]), (45_000, 60_000));
        // 45 / 25 additions a hand-over: 0.8 of 5 ns in 40.
        assert_eq!(parameters.request_share_permille, 100);
        assert!(made.estimated_share() > 0.3 && made.estimated_share() < 0.9);
    }
}
