//! The kernels that the cells of a run stand in.

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
pub(super) struct OneKernel {
    kernel: &'static Kernel,
    digest: String,
}

/// The kernels of a run.
pub(super) struct Kernels {
    /// Those that are asked for; none: each strategy stands in its own.
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
    /// Every mistake of a file; two kernels of one name, since results are told apart by it.
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
        for entry in strategies {
            if kernels.asked.is_empty() || entry.is_pinned() {
                let digest = kernels.describe(&names::kernel(entry.kernel.name)?);
                kernels.own.insert(entry.kernel.name, digest);
            }
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

    /// Each kernel that all strategies are put into; one `None` where each stands in its own.
    pub fn each(&self) -> Vec<Option<&OneKernel>> {
        match self.asked.as_slice() {
            [] => [None].into_iter().chain(self.again.as_ref().map(Some)).collect(),
            asked => asked.iter().map(Some).collect(),
        }
    }

    /// Whether a strategy has to run in `one`: where it is for comparing, not if its own kernel is
    /// that one.
    pub fn has_to_run(&self, entry: &Entry, one: Option<&OneKernel>) -> bool {
        let is_own = |one: &OneKernel| one.kernel.name == entry.kernel.name;
        self.again.is_none() || !one.is_some_and(is_own)
    }

    /// The kernel that a strategy stands in where all are put into `one`, or none is, and its
    /// key.
    pub fn of(&self, entry: &Entry, one: Option<&OneKernel>, key: Key) -> (&'static Kernel, Key) {
        let (kernel, digest, is_own_kernel) = match one.filter(|_| !entry.is_pinned()) {
            Some(one) => (one.kernel, one.digest.clone(), false),
            None => (entry.kernel, self.own[entry.kernel.name].clone(), one.is_none()),
        };
        let name = kernel.name.to_owned();
        let (kernel_name, kernel_digest) = (Some(name), Some(digest));
        (kernel, Key { kernel: kernel_name, kernel_digest, is_own_kernel, ..key })
    }
}
