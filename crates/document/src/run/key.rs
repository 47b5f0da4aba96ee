//! The key of a cell: what was run. Keys that are equal but for a part make a curve or a table.

use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Name in [`Key::vary`] of the work between two touches, in nanoseconds.
pub const THINK: &str = "think_ns";
/// Name in [`Key::vary`] of the pace of writers, in nanoseconds.
pub const EVERY: &str = "every_ns";
/// Name in `vary` of the document that marks an A/A twin.
const AA: &str = "aa";

/// The parameters that tell one cell from another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Key"))]
#[serde(remote = "Self")]
pub struct Key {
    /// Name of the workload: its file's stem.
    pub workload: String,
    /// Key into `workloads` of the document.
    pub workload_digest: String,
    /// Name of the strategy; `kernel` in the kernel's world.
    pub strategy: String,
    /// Variant of the strategy, as `refcount` in `speculative:refcount`.
    pub variant: Option<String>,
    /// World that it ran in.
    pub world: World,
    /// Slug of the CPU, or name of the model's preset.
    pub machine: String,
    /// Key into `machines` of the document; null outside the model.
    pub machine_digest: Option<String>,
    /// Name of the kernel that the strategy stood in, as `6.12`; null on the running kernel.
    #[serde(default)]
    pub kernel: Option<String>,
    /// Key into `kernels` of the document.
    #[serde(default)]
    pub kernel_digest: Option<String>,
    /// True if that is the strategy's own kernel, which others of its table need not stand in;
    /// false if all were put into one.
    #[serde(default)]
    pub is_own_kernel: bool,
    /// Threads that storm (in the model: cores).
    pub threads: u32,
    /// Placement of the threads, as asked for.
    pub placement: String,
    /// True if fault entry prefetches mmap_lock for writing.
    pub entry_prefetch: bool,
    /// Work on pages: none, or as the kernel clears and copies them.
    pub body: Body,
    /// Seed of every random draw.
    pub seed: u64,
    /// Parameters varied in a sweep. The A/A twin of the first strategy has `aa` = 1.
    #[serde(default)]
    pub vary: BTreeMap<String, f64>,
    /// True for the second copy of the first strategy, which shows the noise of the run. The
    /// document has it as `aa` in `vary`.
    #[serde(skip)]
    pub is_aa_twin: bool,
}

/// The place where a storm runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Real threads on this machine.
    Host,
    /// The running kernel's own fault handler.
    Kernel,
    /// The deterministic multicore.
    Model,
}

/// Work of the fault body on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Pages are neither cleared nor copied: the lock alone.
    None,
    /// Pages are cleared and copied as the kernel does.
    Real,
}

/// A part of a key that cells of one table or curve differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPart {
    /// The strategy with its variant.
    Strategy,
    /// The number of threads.
    Threads,
    /// The fault body.
    Body,
    /// The world, and what follows from it: machine, prefetch, how long storms are.
    World,
    /// The time between two touches.
    Think,
    /// Varied numbers of the machine.
    MachineNumbers,
    /// The kernel.
    Kernel,
    /// The mark of the A/A twin.
    AaTwin,
}

/// A key without some of its parts, to be compared with another such key.
#[derive(Debug, Clone, Copy)]
pub struct KeyWithout<'a> {
    key: &'a Key,
    parts: &'static [KeyPart],
}

impl KeyWithout<'_> {
    fn has(&self, part: KeyPart) -> bool {
        !self.parts.contains(&part)
    }

    fn vary(&self) -> impl Iterator<Item = (&String, &f64)> {
        let is_kept = |name: &str| match name {
            THINK => self.has(KeyPart::Think),
            EVERY => true,
            _ => self.has(KeyPart::MachineNumbers),
        };
        self.key.vary.iter().filter(move |(name, _)| is_kept(name))
    }
}

impl PartialEq for KeyWithout<'_> {
    fn eq(&self, other: &Self) -> bool {
        // Without `..`, so that a new field has to be placed.
        let Key {
            workload,
            workload_digest,
            strategy,
            variant,
            world,
            machine,
            machine_digest,
            kernel,
            kernel_digest,
            is_own_kernel,
            threads,
            placement,
            entry_prefetch,
            body,
            seed,
            vary: _,
            is_aa_twin,
        } = other.key;
        let key = self.key;
        let lacks = |part| !self.has(part);
        let no_world = lacks(KeyPart::World);
        let own_kernels = key.is_own_kernel && *is_own_kernel && lacks(KeyPart::Strategy);
        self.parts == other.parts
            && (&key.workload, &key.placement, key.seed) == (workload, placement, *seed)
            && (key.threads == *threads || lacks(KeyPart::Threads))
            && (key.body == *body || lacks(KeyPart::Body))
            && ((&key.strategy, &key.variant) == (strategy, variant) || lacks(KeyPart::Strategy))
            && (key.is_aa_twin == *is_aa_twin || lacks(KeyPart::AaTwin))
            && (key.world == *world || no_world)
            && (key.machine == *machine || no_world)
            && (key.entry_prefetch == *entry_prefetch || no_world)
            && (key.workload_digest == *workload_digest || no_world || lacks(KeyPart::Think))
            && (key.machine_digest == *machine_digest || no_world || lacks(KeyPart::MachineNumbers))
            && ((&key.kernel, &key.kernel_digest) == (kernel, kernel_digest)
                || own_kernels
                || no_world
                || lacks(KeyPart::Kernel))
            && (key.is_own_kernel == *is_own_kernel || no_world || lacks(KeyPart::Kernel))
            && self.vary().eq(other.vary())
    }
}

impl Key {
    /// Returns the key without some parts: two keys that differ in nothing else are equal then.
    pub fn without(&self, parts: &'static [KeyPart]) -> KeyWithout<'_> {
        KeyWithout { key: self, parts }
    }

    /// Returns what the cells of one curve share: all but the threads.
    pub fn curve(&self) -> KeyWithout<'_> {
        self.without(&[KeyPart::Threads])
    }

    /// Returns what the cells of one table share: all but strategy, threads and body.
    pub fn table(&self) -> KeyWithout<'_> {
        self.without(&[KeyPart::Strategy, KeyPart::Threads, KeyPart::Body, KeyPart::AaTwin])
    }

    /// Returns true if two cells differ in their strategies alone.
    pub fn competes_with(&self, other: &Key) -> bool {
        self.without(&[KeyPart::Strategy]) == other.without(&[KeyPart::Strategy])
    }

    /// Returns the key of the second copy.
    pub fn aa_twin(&self) -> Key {
        Key { is_aa_twin: true, ..self.clone() }
    }

    /// Returns true if this is the key of the A/A twin of `first`.
    pub fn is_twin_of(&self, first: &Key) -> bool {
        let parts = &[KeyPart::AaTwin];
        self.is_aa_twin && !first.is_aa_twin && self.without(parts) == first.without(parts)
    }

    /// Returns `NAME` or `NAME:VARIANT`.
    pub fn strategy_name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}:{variant}", self.strategy),
            None => self.strategy.clone(),
        }
    }

    /// Returns `host`, `kernel` or `model:MACHINE`.
    pub fn world_name(&self) -> String {
        match self.world {
            World::Model => format!("model:{}", self.machine),
            world => world.to_string(),
        }
    }

    /// Returns the name of the kernel that all strategies were put into; `None` if each stood in
    /// its own.
    pub fn one_kernel(&self) -> Option<&str> {
        self.kernel.as_deref().filter(|_| !self.is_own_kernel)
    }

    /// Returns the cell's name in the document:
    /// `WORKLOAD/STRATEGY/WORLD/THREADS/BODY`, then what is varied, and the kernel that all were
    /// put into.
    ///
    /// Placement, prefetch and seed are one for a whole run and not part of it.
    pub fn id(&self) -> String {
        let (strategy, world) = (self.strategy_name(), self.world_name());
        let mut id = format!("{}/{strategy}/{world}/{}/{}", self.workload, self.threads, self.body);
        for (name, value) in &self.varied() {
            id += &format!("/{name}={value}");
        }
        if let Some(kernel) = self.one_kernel() {
            id += &format!("/kernel={kernel}");
        }
        id
    }

    /// Returns what is varied by name: the parameters, then the kernel that all strategies were
    /// put into.
    pub fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let varied = self.vary.iter().map(|(name, value)| (name.clone(), value.to_string()));
        let kernel = self.one_kernel().map(|kernel| ("kernel".to_owned(), kernel.to_owned()));
        varied.chain(kernel)
    }

    /// Returns `vary` as the document has it: with the mark of an A/A twin.
    pub fn varied(&self) -> BTreeMap<String, f64> {
        let mark = self.is_aa_twin.then(|| (AA.to_owned(), 1.0));
        self.vary.clone().into_iter().chain(mark).collect()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Key::serialize(&Key { vary: self.varied(), ..self.clone() }, serializer)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let mut key = Key::deserialize(deserializer)?;
        key.is_aa_twin = key.vary.remove(AA).is_some();
        Ok(key)
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            World::Host => "host",
            World::Kernel => "kernel",
            World::Model => "model",
        })
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Body::None => "none",
            Body::Real => "real",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        serde_json::from_value(serde_json::json!({
            "workload": "w", "workload_digest": "d", "strategy": "s", "variant": "v",
            "world": "model", "machine": "m", "machine_digest": "e", "threads": 2,
            "placement": "scatter", "entry_prefetch": false, "body": "real", "seed": 1,
            "vary": { "aa": 1.0, "think_ns": 5.0, "upg": 0.5 },
        }))
        .unwrap()
    }

    #[test]
    fn a_twin_is_written_as_it_was_read() {
        let twin = key();
        assert!(twin.is_aa_twin && !twin.vary.contains_key(AA));
        assert_eq!(serde_json::to_value(&twin).unwrap()["vary"]["aa"], 1.0);
        assert_eq!(twin.id(), "w/s:v/model:m/2/real/aa=1/think_ns=5/upg=0.5");
        let first = Key { is_aa_twin: false, ..twin.clone() };
        assert_eq!(first.id(), "w/s:v/model:m/2/real/think_ns=5/upg=0.5");
        assert!(twin.is_twin_of(&first) && !first.is_twin_of(&twin) && !twin.is_twin_of(&twin));
        assert_eq!(first.aa_twin(), twin);
    }

    #[test]
    fn keys_that_differ_in_a_part_are_equal_without_it() {
        let vary = |name: &str, value| Key { vary: [(name.to_owned(), value)].into(), ..key() };
        let other = String::from("other");
        for (part, [one, two]) in [
            (
                &[KeyPart::Strategy],
                [key(), Key { variant: None, strategy: other.clone(), ..key() }],
            ),
            (&[KeyPart::Threads], [key(), Key { threads: 9, ..key() }]),
            (&[KeyPart::Body], [key(), Key { body: Body::None, ..key() }]),
            (&[KeyPart::World], [key(), Key { world: World::Kernel, machine: other, ..key() }]),
            (&[KeyPart::Think], [vary(THINK, 1.0), vary(THINK, 2.0)]),
            (&[KeyPart::MachineNumbers], [vary("upg", 1.0), vary("upg", 2.0)]),
            (&[KeyPart::Kernel], [key(), Key { kernel: Some("6.12".to_owned()), ..key() }]),
            (&[KeyPart::AaTwin], [key(), Key { is_aa_twin: false, ..key() }]),
        ] {
            assert_ne!(one.without(&[]), two.without(&[]), "{part:?}");
            assert_eq!(one.without(part), two.without(part), "{part:?}");
        }
        let numbers = &[KeyPart::MachineNumbers];
        let [one, two] = [1.0, 2.0].map(|ns| vary(THINK, ns));
        assert_ne!(one.without(numbers), two.without(numbers), "another time, another question");
        assert!(key().competes_with(&Key { strategy: "t".to_owned(), ..key() }));
        assert!(!key().competes_with(&Key { threads: 9, ..key() }));
        let stands = |kernel: &str, is_own_kernel| {
            let (strategy, kernel) = (kernel.to_owned(), Some(kernel.to_owned()));
            Key { strategy, kernel, is_own_kernel, ..key() }
        };
        assert!(stands("6.2", true).competes_with(&stands("7.2", true)), "each in its own");
        assert!(!stands("6.2", false).competes_with(&stands("7.2", false)));
        assert!(!stands("6.2", true).competes_with(&stands("6.2", false)));
    }
}
