//! A workload with the times that `--vary` gives it.

use anyhow::anyhow;

use crate::cli::RunArgs;
use crate::cmd::error::CommandError;
use document::run::{EVERY, THINK};
use inputs::machines::vary::{Settings, key_of};
use inputs::workload::{Change, Op, Workload};

/// The workload for each combination of times that is asked for, with what is varied by it.
pub(super) fn variations(
    workload: Workload,
    args: &RunArgs,
) -> impl Iterator<Item = (Workload, Settings)> {
    let every = if is_paced(&workload) { args.every_ns() } else { vec![None] };
    let times = args.think_ns().into_iter().flat_map(move |think| {
        let with = move |every| (think, every);
        every.clone().into_iter().map(with)
    });
    times.map(move |(think_ns, every_ns)| {
        let mut workload = workload.clone();
        set_times(&mut workload, think_ns, every_ns);
        let settings = [(THINK, think_ns), (EVERY, every_ns)];
        let given = |(name, ns): (&str, Option<u64>)| Some((name.to_owned(), ns? as f64));
        (workload, settings.into_iter().filter_map(given).collect())
    })
}

/// Refuses a machine's number that is varied twice, and a pace if no workload has a writer that
/// keeps one.
///
/// # Errors
///
/// As said.
pub(super) fn check(workloads: &[Workload], args: &RunArgs) -> Result<(), CommandError> {
    let asked = args.every_ns().iter().any(Option::is_some);
    if asked && !workloads.iter().any(is_paced) {
        return Err(CommandError::usage(anyhow!(
            "'--vary every' sets the pace of writers, and no operation of these workloads has \
             'every'; 'writers-disjoint' has one"
        )));
    }
    let varied = args.machine_vary();
    for (at, again) in varied.iter().enumerate() {
        let key = key_of(again.name);
        if let Some(first) = varied[..at].iter().find(|vary| key_of(vary.name) == key) {
            return Err(CommandError::usage(anyhow!(
                "'--vary {}' and '--vary {}' vary the same number: give all its values at once, \
                 as '--vary {}=1,2'",
                first.name,
                again.name,
                key.unwrap_or(again.name),
            )));
        }
    }
    Ok(())
}

fn is_paced(workload: &Workload) -> bool {
    workload.changes().any(|change| change.every_ns > 0)
}

fn set_times(workload: &mut Workload, think_ns: Option<u64>, every_ns: Option<u64>) {
    let phases = workload.groups.iter_mut().flat_map(|group| &mut group.phases);
    for op in phases.flat_map(|phase| &mut phase.ops) {
        match op {
            Op::Touch(touch) => touch.think_ns = think_ns.unwrap_or(touch.think_ns),
            // An operation that follows at once is the other half of one, and stays so.
            Op::Change(Change { every_ns: 0, .. }) => {}
            Op::Change(change) => change.every_ns = every_ns.unwrap_or(change.every_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::STRATEGIES;
    use inputs::workload::{digest, find};

    fn workload(name: &str) -> Workload {
        let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
        find(name).expect("it is shipped").parse(&names).expect("it is right")
    }

    fn varied(name: &str, line: &str) -> Vec<(Workload, Settings)> {
        variations(workload(name), &RunArgs::parsed(line)).collect()
    }

    #[test]
    fn each_think_time_is_a_workload_of_its_own() {
        let found = varied("huge-anon", "--vary think=10us,0ns");
        let think = |(workload, settings): &(Workload, Settings)| {
            let Op::Touch(touch) = &workload.groups[0].phases[0].ops[0] else {
                panic!("the workload only touches")
            };
            (touch.think_ns, settings[THINK])
        };
        assert_eq!(found.iter().map(think).collect::<Vec<_>>(), [(0, 0.0), (10_000, 10_000.0)]);
        assert_ne!(digest(&found[0].0), digest(&found[1].0));
        assert_eq!(varied("huge-anon", "--seed 1"), [(workload("huge-anon"), Settings::new())]);
    }

    #[test]
    fn a_pace_is_set_where_there_is_one() {
        let line = "--vary every=20us,1ms --vary think=0ns,1us";
        let found = varied("writers-disjoint", line);
        let every = |(workload, settings): &(Workload, Settings)| {
            let paces: Vec<u64> = workload.changes().map(|change| change.every_ns).collect();
            (paces, settings[EVERY], settings[THINK])
        };
        let found: Vec<_> = found.iter().map(every).collect();
        let of = |every: u64, think: f64| (vec![every, 0], every as f64, think);
        let (fast, slow) = (20_000, 1_000_000);
        assert_eq!(found, [of(fast, 0.0), of(slow, 0.0), of(fast, 1e3), of(slow, 1e3)]);
        // Without a pace it is run once, as it is written.
        assert_eq!(varied("huge-anon", "--vary every=20us,1ms").len(), 1);
    }

    #[test]
    fn a_pace_that_nobody_keeps_is_refused() {
        let args = RunArgs::parsed("--vary every=20us");
        let workloads = ["huge-anon", "writers-disjoint"].map(workload);
        assert!(check(&workloads, &args).is_ok());
        let error = check(&workloads[..1], &args).expect_err("nobody writes");
        assert!(error.to_string().contains("'writers-disjoint' has one"), "{error}");
    }

    #[test]
    fn a_number_is_varied_once() {
        let check = |line: &str| check(&[workload("huge-anon")], &RunArgs::parsed(line));
        assert!(check("--vary upg=0.7,1 --vary local-batch=1").is_ok());
        for twice in ["--vary upg=0.7 --vary upgrade-ns=2", "--vary upg=0.7 --vary upg=2"] {
            let error = check(twice).expect_err(twice).to_string();
            assert!(error.contains("as '--vary upgrade-ns=1,2'"), "{error}");
        }
    }
}
