//! The kernels of a run's cells.

use std::collections::BTreeMap;

use anyhow::anyhow;

use crate::cli::RunArgs;
use crate::cmd::error::CommandError;
use crate::cmd::names;
use catalogue::Entry;
use document::run::Key;
use inputs::kernels::{self, KernelFile};
use mm::kernel::Kernel;
use serde_json::Value;

/// A kernel that all strategies are put into.
#[derive(Clone)]
pub(super) struct OneKernel {
    kernel: &'static Kernel,
    digest: String,
}

/// The kernels of a run.
#[derive(Clone)]
pub(super) struct Kernels {
    /// Kernels that are asked for; none: each strategy has its own.
    asked: Vec<OneKernel>,
    /// The one that strategies are put into once more, if each stands in its own.
    again: Option<OneKernel>,
    /// Digests of the strategies' own, by name.
    own: BTreeMap<&'static str, String>,
    /// All as documents have them, by digest.
    described: BTreeMap<String, Value>,
}

impl Kernels {
    /// Reads the kernels that are asked for, and those of the strategies.
    ///
    /// # Errors
    ///
    /// Every mistake of a file; two kernels of one name, by which results are distinguished;
    /// a strategy that names its kernel beside one for all.
    pub fn new(args: &RunArgs, strategies: &[&'static Entry]) -> Result<Kernels, CommandError> {
        let (asked, own, described) = Default::default();
        let mut kernels = Kernels { asked, again: None, own, described };
        for name in args.kernels() {
            let file = names::kernel(&name)?;
            if kernels.asked.iter().any(|other| other.kernel.name == file.name) {
                return Err(CommandError::usage(anyhow!(
                    "two kernels have the name '{}', which results are told apart by: rename a \
                     file",
                    file.name
                )));
            }
            let digest = kernels.describe(&file);
            kernels.asked.push(OneKernel { kernel: file.kernel(), digest });
        }
        if !kernels.asked.is_empty() {
            return match strategies.iter().find(|entry| entry.is_pinned()) {
                Some(entry) => Err(CommandError::usage(anyhow!(
                    "'{}' stands in {}, and --kernel puts all into another: give one of the two",
                    entry.name,
                    entry.kernel.name
                ))),
                None => Ok(kernels),
            };
        }
        for entry in strategies {
            let digest = kernels.describe(&names::kernel(entry.kernel.name)?);
            kernels.own.insert(entry.kernel.name, digest);
        }
        Ok(kernels)
    }

    /// The same, and all strategies once more in the newest shipped kernel: ratios across
    /// kernels that turn there are said to.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn and_in_one(mut self) -> Result<Kernels, CommandError> {
        let (name, _) = kernels::shipped().last().expect("some kernels are shipped");
        let file = names::kernel(name)?;
        let digest = self.describe(&file);
        self.again = Some(OneKernel { kernel: file.kernel(), digest });
        Ok(self)
    }

    fn describe(&mut self, file: &KernelFile) -> String {
        let digest = file.digest();
        self.described.insert(digest.clone(), file.resolved());
        digest
    }

    /// All as documents have them, by digest.
    pub fn described(&self) -> impl Iterator<Item = (String, Value)> {
        self.described.clone().into_iter()
    }

    /// Each kernel that all strategies are put into; one `None` if each has its own.
    pub fn each(&self) -> Vec<Option<&OneKernel>> {
        match self.asked.as_slice() {
            [] => [None].into_iter().chain(self.again.as_ref().map(Some)).collect(),
            asked => asked.iter().map(Some).collect(),
        }
    }

    /// True if a strategy has to run in `one`. A second run, for comparison alone, is left out if
    /// `one` is the strategy's own kernel.
    pub fn has_to_run(&self, entry: &Entry, one: Option<&OneKernel>) -> bool {
        let is_own = |one: &OneKernel| one.kernel.name == entry.kernel.name;
        self.again.is_none() || !one.is_some_and(is_own)
    }

    /// The kernel of a strategy and its key. `one`: the kernel that all strategies are put into, if
    /// they are.
    pub fn of(&self, entry: &Entry, one: Option<&OneKernel>, key: Key) -> (&'static Kernel, Key) {
        let (kernel, digest) = match one {
            Some(one) => (one.kernel, one.digest.clone()),
            None => (entry.kernel, self.own[entry.kernel.name].clone()),
        };
        let is_own_kernel = one.is_none();
        let name = kernel.name.to_owned();
        let (kernel_name, kernel_digest) = (Some(name), Some(digest));
        (kernel, Key { kernel: kernel_name, kernel_digest, is_own_kernel, ..key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::Known;

    fn key() -> Key {
        serde_json::from_value(serde_json::json!({
            "workload": "w", "workload_digest": "d", "strategy": "s", "variant": null,
            "world": "model", "machine": "m", "machine_digest": "e", "threads": 2,
            "placement": "scatter", "entry_prefetch": false, "body": "real", "seed": 1,
        }))
        .unwrap()
    }

    fn found(line: &str, names: [&str; 2]) -> Vec<(String, Option<String>, bool)> {
        let strategies = names::strategies(&names.map(str::to_owned), Known::SHIPPED).unwrap();
        let kernels = Kernels::new(&RunArgs::parsed(line), &strategies).unwrap();
        let of = |one| strategies.iter().map(move |entry| (*entry, one));
        let cells = kernels.each().into_iter().flat_map(of);
        let cells = cells.map(|(entry, one)| {
            let (kernel, key) = kernels.of(entry, one, key());
            assert_eq!(key.kernel.as_deref(), Some(kernel.name));
            assert!(kernels.described().any(|(digest, _)| Some(digest) == key.kernel_digest));
            (entry.name.to_owned(), key.kernel, key.is_own_kernel)
        });
        cells.collect()
    }

    #[test]
    fn each_scheme_stands_in_its_own_kernel_or_all_in_one() {
        let cell = |name: &str, kernel: &str, own| (name.to_owned(), Some(kernel.to_owned()), own);
        let (lock, count, pinned) = ("mmap-lock", "vm-refcnt", "vm-refcnt:6.18");
        let own = found("huge-anon", [lock, pinned]);
        assert_eq!(own, [cell(lock, "6.2", true), cell(pinned, "6.18", true)]);
        let varied = found("huge-anon --vary kernel=7.2,6.12", [lock, count]);
        let all = |kernel| [cell(lock, kernel, false), cell(count, kernel, false)];
        assert_eq!(varied, [all("7.2"), all("6.12")].concat());
        assert_eq!(found("huge-anon --kernel 6.4", [lock, count]), all("6.4"));
    }

    #[test]
    fn a_scheme_does_not_stand_in_two_kernels() {
        let names = ["vm-refcnt:6.18".to_owned()];
        let strategies = names::strategies(&names, Known::SHIPPED).unwrap();
        let error = Kernels::new(&RunArgs::parsed("huge-anon --kernel 7.2"), &strategies).err();
        let error = error.expect("it is refused").to_string();
        assert!(error.contains("'vm-refcnt:6.18' stands in 6.18"), "{error}");
    }

    #[test]
    fn a_run_without_arguments_repeats_what_stood_elsewhere() {
        let strategies = names::strategies(&[], Known::SHIPPED).unwrap();
        let kernels =
            Kernels::new(&RunArgs::parsed("huge-anon"), &strategies).unwrap().and_in_one().unwrap();
        let each = kernels.each();
        let runs = |name: &str| -> Vec<bool> {
            let entry = Known::SHIPPED.find(name).unwrap();
            each.iter().map(|one| kernels.has_to_run(entry, *one)).collect()
        };
        assert_eq!(runs("speculative"), [true, true]);
        assert_eq!(runs("vm-refcnt"), [true, false], "7.2 is its own");
    }

    #[test]
    fn two_kernels_of_one_name_are_refused() {
        let args = RunArgs::parsed("huge-anon --kernel 7.2 --vary kernel=7.2");
        let error = Kernels::new(&args, &[]).err().expect("it is refused");
        assert!(error.to_string().contains("two kernels have the name '7.2'"), "{error}");
    }
}
