//! Disks that are full. They need a user who may mount; else nothing is done, and that is said.

use std::process::Command;

use super::Row;
use super::victim::{End, HOST, ended, expect, has_no_litter};
use crate::place::Place;
use crate::random::Draw;

pub const ATTACKS: &[Row] =
    &[("full-disk-of-the-document", 1, of_document), ("full-disk-of-the-storm", 1, of_storm)];

/// A small file system on a directory, until it is dropped.
struct Small(std::path::PathBuf);

impl Small {
    /// Mounts one; `None` if this user may not.
    fn mount(place: &Place, kind: &str) -> Option<Small> {
        let path = place.path("small");
        std::fs::create_dir_all(&path).ok()?;
        let script = match kind {
            "tmpfs" => "mount -t tmpfs -o size=1m tmpfs small",
            _ => {
                "dd if=/dev/zero of=image bs=1M count=8 && mkfs.ext4 -q image \
                 && mount -o loop image small"
            }
        };
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", script]).current_dir(place.directory());
        let is_mounted = shell.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            println!("not run here: {kind} cannot be mounted");
        }
        is_mounted.then_some(Small(path))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

/// The document goes elsewhere, and the run does not claim to be done.
fn of_document(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let Some(_small) = Small::mount(place, draw.pick(&["tmpfs", "ext4"])) else { return Ok(()) };
    let before = "export TMPDIR=$PWD; head -c 30M /dev/zero >small/full 2>/dev/null;";
    let line = HOST.replace("run.json", "small/run.json");
    expect(&ended(place, before, &line, "")?, &[6], "no room for the document")?;
    has_no_litter(&place.path("small"))
}

/// Touches of pages that the disk has no room for are no result.
fn of_storm(place: &Place, draw: &mut Draw) -> Result<(), String> {
    let Some(small) = Small::mount(place, draw.pick(&["tmpfs", "ext4"])) else { return Ok(()) };
    let access = draw.pick(&["read", "write"]);
    let text = format!(
        "summary = \"full\"\n[[file]]\nname = \"f\"\nsize = \"64MiB\"\ndirectory = \"{}\"\n\
         [[vma]]\nname = \"m\"\nsize = \"64MiB\"\nfile = \"f\"\nsharing = \"shared\"\n\
         [[op]]\ntouch = {{ vma = \"m\", access = \"{access}\" }}\n",
        small.0.display()
    );
    place.write("full.toml", text);
    let line = "run ./full.toml small.toml --on kernel --threads 2 --time 10ms --warmup 0s \
                --repeats 1 --json run.json --force";
    let end: End = ended(place, "", line, "")?;
    expect(&end, &[6], "no room for the storm's file")?;
    let document = place.read("run.json");
    let has = |status: &str| document.contains(&format!("\"status\": \"{status}\""));
    // On a busy machine threads may not overlap, which leaves a cell partial.
    match has("failed") && (has("ok") || has("partial")) {
        true => Ok(()),
        false => Err("one workload fails, and the other runs".to_owned()),
    }
}
