//! Sides of a comparison, and the runs that they are made of.

use crate::about::short_commit;
use crate::words::shell_word;
use document::compare::{Comparison, Launch, Side};
use document::run::distinct;

/// Returns all sides, each with its role.
pub(super) fn sides(compared: &Comparison) -> impl Iterator<Item = (&'static str, &Side)> {
    let new = compared.new.iter().map(|side| ("new", side));
    std::iter::once(("base", &compared.base)).chain(new)
}

/// Returns the files of a side.
pub(super) fn files(side: &Side) -> String {
    side.launches.iter().map(|launch| launch.path.as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns all runs, each once.
pub(super) fn launches(compared: &Comparison) -> Vec<&Launch> {
    distinct(sides(compared).flat_map(|(_, side)| &side.launches))
}

/// Returns the origin of a run.
pub(super) fn launched(launch: &Launch) -> String {
    let revision = launch.git_revision.as_ref().map(|commit| {
        let dirty = if launch.git_dirty == Some(true) { " with changes" } else { "" };
        format!(" ({}{dirty})", short_commit(commit))
    });
    let cpu = launch.cpu_model.as_ref().map(|cpu| format!(", {cpu}"));
    let digest = launch.digest.as_ref().map(|digest| format!(", model digest {digest}"));
    let [revision, cpu, digest] = [revision, cpu, digest].map(Option::unwrap_or_default);
    let Launch { path, version, started_at, .. } = launch;
    format!("{path}: faultstorm {version}{revision}, {started_at}{cpu}{digest}")
}

/// Returns the command line of a run, to be pasted.
pub(super) fn command(launch: &Launch) -> String {
    launch.argv.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}
