//! Families of strategies, by which the page has colours.

use serde::Serialize;

/// Families with their strategies; a variant belongs to the family of its strategy. A strategy
/// that is in none is one of the caller's own.
const FAMILIES: [(&str, &[&str]); 6] = [
    ("none", &["unlocked"]),
    ("lock of the space", &["mmap-lock"]),
    ("reference", &["vma-refcount", "rcu-map-pages"]),
    ("speculation", &["speculative", "mm-seq", "speculative-vma", "hazard", "srcu"]),
    ("lock of the VMA", &["per-vma-lock", "vm-refcnt"]),
    ("running kernel", &["kernel"]),
];

/// Strategies that have been in Linux, with the releases.
const IN_LINUX: [(&str, &str); 4] = [
    ("mmap-lock", "Linux before 6.4"),
    ("per-vma-lock", "Linux 6.4 to 6.14"),
    ("vm-refcnt", "Linux 6.15 on"),
    ("kernel", "this machine"),
];

/// A strategy as the page knows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StrategyPart {
    pub name: String,
    /// Index among [`names`].
    pub family: usize,
    /// The releases that it has been in.
    pub linux: Option<&'static str>,
    /// True if the kernel of the machine that ran the program takes this lock.
    pub is_of_this_kernel: bool,
}

/// Returns the names of the families in their order.
pub(super) fn names() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).chain(["own"]).collect()
}

/// Returns a strategy; `of_kernel` is the one that the running kernel takes the lock of.
pub(super) fn strategy(name: &str, of_kernel: Option<&str>) -> StrategyPart {
    let scheme = name.split(':').next().unwrap_or(name);
    let family = FAMILIES.iter().position(|(_, schemes)| schemes.contains(&scheme));
    let linux = IN_LINUX.iter().find(|(shipped, _)| *shipped == name);
    StrategyPart {
        name: name.to_owned(),
        family: family.unwrap_or(FAMILIES.len()),
        linux: linux.map(|(_, releases)| *releases),
        is_of_this_kernel: Some(name) == of_kernel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_has_the_family_of_its_strategy_and_not_its_releases() {
        let variant = strategy("mmap-lock:blind-cas", Some("vm-refcnt"));
        assert_eq!((names()[variant.family], variant.linux), ("lock of the space", None));
        let own = strategy("my-lock", None);
        assert_eq!(names()[own.family], "own");
        assert!(strategy("vm-refcnt", Some("vm-refcnt")).is_of_this_kernel);
    }

    /// The README has the same families, and bold for what has been in Linux.
    #[test]
    fn families_are_those_of_the_readme() {
        let readme = include_str!("../../../../README.md");
        let mut family = "";
        let mut rows = 0;
        for line in readme.lines().skip_while(|line| !line.starts_with("| family ")).skip(2) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, of, name, ..] = cells[..] else { break };
            family = if of.is_empty() { family } else { of };
            let found = strategy(name.trim_matches(['*', '`']), None);
            assert_eq!(names()[found.family], family, "{name}");
            assert_eq!(found.linux.is_some(), name.starts_with("**"), "{name}");
            rows += 1;
        }
        let known = FAMILIES.iter().map(|(_, strategies)| strategies.len()).sum::<usize>();
        assert_eq!(rows, known - 1, "all but the running kernel");
    }
}
