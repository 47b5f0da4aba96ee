//! A workload from its resolved form, as run documents have it.
//!
//! The digest tells whether all of it was understood: the resolved form of what was read must
//! have the one that the document gives it. What the digest leaves out, expectations, is left
//! out here too.

use serde::Deserialize;
use serde_json::Value;

use super::digest;
use super::{Access, Action, Backing, Change, File, Group, Kernel, Latency, Loops, Op, Order};
use super::{
    PAGE_BYTES, Phase, Pieces, Reset, Scope, Slices, Threads, Touch, Until, Vma, Workload,
};

/// Returns the workload whose resolved form is `value` and has this digest.
///
/// # Errors
///
/// Why it is not one that this version knows, or is not the one of this digest.
pub fn restored(value: &Value, expected: &str) -> Result<Workload, String> {
    let form = Form::deserialize(value).map_err(|error| format!("it cannot be read: {error}"))?;
    let workload = form.workload()?;
    match digest(&workload) {
        found if found == expected => Ok(workload),
        found => Err(format!(
            "read again it has the digest {found}, not {expected}: it was changed, or is of \
             another version"
        )),
    }
}

#[derive(Deserialize)]
struct Form {
    name: String,
    summary: String,
    analysis: Option<String>,
    reset: Reset,
    until: Until,
    warmup_ns: u64,
    kernel: Kernel,
    #[serde(default)]
    huge_pages: bool,
    files: Vec<FileForm>,
    vmas: Vec<VmaForm>,
    groups: Vec<GroupForm>,
}

#[derive(Deserialize)]
struct FileForm {
    name: String,
    size_bytes: u64,
    cached_share: f64,
    io_latency_ns: Latency,
    speculation: bool,
    #[serde(default)]
    locked_share: f64,
    #[serde(default)]
    not_uptodate_share: f64,
    #[serde(default)]
    readahead_share: f64,
    directory: Option<String>,
    scope: Option<Scope>,
}

#[derive(Deserialize)]
struct VmaForm {
    name: String,
    size_bytes: u64,
    count: u64,
    scope: Scope,
    prot: Prot,
    file: Option<MappedForm>,
    mapped: Option<bool>,
    grows_down_from_bytes: Option<u64>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Prot {
    Read,
    ReadWrite,
}

#[derive(Deserialize)]
struct MappedForm {
    name: String,
    offset_bytes: u64,
    sharing: Sharing,
    fault_around_order: u8,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Sharing {
    Shared,
    Private,
}

#[derive(Deserialize)]
struct GroupForm {
    name: String,
    threads: Threads,
    loops: Option<LoopsForm>,
    phases: Vec<Vec<OpForm>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LoopsForm {
    Times(u64),
    Word(UntilDone),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UntilDone {
    UntilDone,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OpForm {
    Touch(TouchForm),
    Mmap(PiecesForm),
    Munmap(PiecesForm),
    Mprotect(PiecesForm),
    MadviseDontneed(PiecesForm),
    Mremap(PiecesForm),
    ExpandStack { vma: String, length_bytes: u64, every_ns: u64 },
    Truncate { file: String, size_bytes: u64, every_ns: u64 },
    Fork { every_ns: u64 },
}

#[derive(Deserialize)]
struct TouchForm {
    vma: String,
    access: Access,
    order: Order,
    slices: Slices,
    touches: Option<u64>,
    #[serde(default)]
    walks: bool,
    think_ns: u64,
}

#[derive(Deserialize)]
struct PiecesForm {
    vma: String,
    length_bytes: u64,
    order: Order,
    slices: Slices,
    every_ns: u64,
    prot: Option<Prot>,
}

impl Form {
    fn workload(self) -> Result<Workload, String> {
        let files: Vec<File> = self.files.into_iter().map(FileForm::file).collect();
        let vma = |form: VmaForm| form.vma(&files);
        let vmas = self.vmas.into_iter().map(vma).collect::<Result<Vec<_>, _>>()?;
        let group = |form: GroupForm| form.group(&files, &vmas);
        let groups = self.groups.into_iter().map(group).collect::<Result<_, _>>()?;
        Ok(Workload {
            name: self.name,
            summary: self.summary,
            analysis: self.analysis,
            kernel: self.kernel,
            huge_pages: self.huge_pages,
            reset: self.reset,
            until: self.until,
            warmup_ns: self.warmup_ns,
            expect: Vec::new(),
            files,
            vmas,
            groups,
        })
    }
}

impl FileForm {
    fn file(self) -> File {
        File {
            name: self.name,
            pages: self.size_bytes / PAGE_BYTES,
            cached: self.cached_share,
            locked: self.locked_share,
            not_uptodate: self.not_uptodate_share,
            readahead: self.readahead_share,
            io: self.io_latency_ns,
            speculation: self.speculation,
            directory: self.directory,
            scope: self.scope.unwrap_or(Scope::Shared),
        }
    }
}

impl VmaForm {
    fn vma(self, files: &[File]) -> Result<Vma, String> {
        let backing = match self.file {
            None => Backing::Anonymous,
            Some(mapped) => Backing::File {
                file: file_named(files, &mapped.name)?,
                offset_pages: mapped.offset_bytes / PAGE_BYTES,
                shared: mapped.sharing == Sharing::Shared,
                fault_around_order: mapped.fault_around_order,
            },
        };
        Ok(Vma {
            name: self.name,
            pages: self.size_bytes / PAGE_BYTES,
            count: self.count,
            scope: self.scope,
            backing,
            writable: self.prot == Prot::ReadWrite,
            mapped: self.mapped.unwrap_or(true),
            grows_down: self.grows_down_from_bytes.map(|bytes| bytes / PAGE_BYTES),
        })
    }
}

impl GroupForm {
    fn group(self, files: &[File], vmas: &[Vma]) -> Result<Group, String> {
        let phase = |ops: Vec<OpForm>| {
            let ops = ops.into_iter().map(|form| form.op(files, vmas));
            Ok::<_, String>(Phase { ops: ops.collect::<Result<_, _>>()? })
        };
        Ok(Group {
            name: self.name,
            threads: self.threads,
            loops: match self.loops {
                None => Loops::Times(1),
                Some(LoopsForm::Times(times)) => Loops::Times(times),
                Some(LoopsForm::Word(UntilDone::UntilDone)) => Loops::UntilDone,
            },
            phases: self.phases.into_iter().map(phase).collect::<Result<_, _>>()?,
        })
    }
}

impl OpForm {
    fn op(self, files: &[File], vmas: &[Vma]) -> Result<Op, String> {
        let change = |action, every_ns| Ok(Op::Change(Change { action, every_ns }));
        let of_pieces = |form: PiecesForm, action: fn(Pieces) -> Action| {
            change(action(form.pieces(vmas)?), form.every_ns)
        };
        match self {
            OpForm::Touch(form) => Ok(Op::Touch(form.touch(vmas)?)),
            OpForm::Mmap(form) => of_pieces(form, Action::Mmap),
            OpForm::Munmap(form) => of_pieces(form, Action::Munmap),
            OpForm::MadviseDontneed(form) => of_pieces(form, Action::MadviseDontneed),
            OpForm::Mremap(form) => of_pieces(form, Action::Mremap),
            OpForm::Mprotect(form) => {
                let pieces = form.pieces(vmas)?;
                let writable = form.prot == Some(Prot::ReadWrite);
                change(Action::Mprotect { pieces, writable }, form.every_ns)
            }
            OpForm::ExpandStack { vma, length_bytes, every_ns } => {
                let (vma, pages) = (vma_named(vmas, &vma)?, length_bytes / PAGE_BYTES);
                change(Action::ExpandStack { vma, pages }, every_ns)
            }
            OpForm::Truncate { file, size_bytes, every_ns } => {
                let (file, pages) = (file_named(files, &file)?, size_bytes / PAGE_BYTES);
                change(Action::Truncate { file, pages }, every_ns)
            }
            OpForm::Fork { every_ns } => change(Action::Fork, every_ns),
        }
    }
}

impl TouchForm {
    fn touch(self, vmas: &[Vma]) -> Result<Touch, String> {
        Ok(Touch {
            vma: vma_named(vmas, &self.vma)?,
            access: self.access,
            order: self.order,
            slices: self.slices,
            touches: self.touches,
            walks: self.walks,
            think_ns: self.think_ns,
        })
    }
}

impl PiecesForm {
    fn pieces(&self, vmas: &[Vma]) -> Result<Pieces, String> {
        Ok(Pieces {
            vma: vma_named(vmas, &self.vma)?,
            pages: self.length_bytes / PAGE_BYTES,
            order: self.order,
            slices: self.slices,
        })
    }
}

fn file_named(files: &[File], name: &str) -> Result<usize, String> {
    let at = files.iter().position(|file| file.name == name);
    at.ok_or_else(|| format!("it has no file '{name}'"))
}

fn vma_named(vmas: &[Vma], name: &str) -> Result<usize, String> {
    let at = vmas.iter().position(|vma| vma.name == name);
    at.ok_or_else(|| format!("it has no VMA '{name}'"))
}

#[cfg(test)]
mod tests {
    use super::super::{parse, resolved, shipped};
    use super::*;

    const STRATEGIES: [&str; 4] = ["unlocked", "mmap-lock", "vma-refcount", "speculative"];

    #[test]
    fn what_is_shipped_comes_back_from_its_text() {
        for (name, text) in shipped() {
            let workload = parse(name, name, text, &STRATEGIES).unwrap();
            let text = resolved(&workload).to_string();
            let value = serde_json::from_str(&text).unwrap();
            let again = restored(&value, &digest(&workload));
            let without = Workload { expect: Vec::new(), ..workload };
            assert_eq!(again, Ok(without), "{name}");
        }
    }

    #[test]
    fn every_key_comes_back() {
        let text = "summary = \"x\"\nreset = \"zap\"\ntouches = 70\nwarmup = \"1us\"\n\
            huge_pages = true\n[kernel]\nzone_lock = false\nmemcg_depth = 1\n\
            [[file]]\nname = \"f\"\nsize = \"64KiB\"\ncached = 0.3\nlocked = 0.1\n\
            not_uptodate = 0.2\nreadahead = 0.7\nio_latency = { uniform = [\"1us\", \"3us\"] }\n\
            speculation = false\ndirectory = \"/tmp\"\n\
            [[file]]\nname = \"own\"\nsize = \"8KiB\"\nscope = \"per-thread\"\n\
            [[vma]]\nname = \"a\"\nsize = \"32KiB\"\nfile = \"f\"\noffset = \"16KiB\"\n\
            sharing = \"shared\"\nfault_around_order = 2\n\
            [[vma]]\nname = \"b\"\nsize = \"8KiB\"\nfile = \"own\"\nscope = \"per-thread\"\n\
            [[vma]]\nname = \"s\"\nsize = \"64KiB\"\ngrows_down = \"4KiB\"\n\
            [[vma]]\nname = \"m\"\nsize = \"64KiB\"\ncount = 2\nmapped = false\n\
            [[group]]\nname = \"g\"\nloops = 3\nthreads = { weight = 0.1 }\n\
            [[group]]\nname = \"w\"\nthreads = 1\n\
            [[op]]\ngroup = \"g\"\ntouch = { vma = \"a\", access = \"read\", \
            order = { zipf = 0.99 }, slices = \"shared\", touches = 5, walks = true, \
            think = \"9ns\" }\n\
            [[op]]\ngroup = \"g\"\ntouch = { vma = \"b\", access = \"write\" }\n\
            [[op]]\ngroup = \"g\"\ntouch = { vma = \"s\", access = \"write\", \
            order = { strided = 2 } }\n\
            [[op]]\ngroup = \"g\"\ntouch = { vma = \"m\", access = \"read\" }\n\
            [[op]]\ngroup = \"w\"\nmmap = { vma = \"m\", length = \"4KiB\", every = \"2us\" }\n\
            [[op]]\ngroup = \"w\"\nmprotect = { vma = \"m\", prot = \"read\" }\n\
            [[op]]\ngroup = \"w\"\nexpand_stack = { vma = \"s\", length = \"8KiB\" }\n\
            [[op]]\ngroup = \"w\"\ntruncate = { file = \"f\", size = \"4KiB\" }\n\
            [[op]]\ngroup = \"w\"\nfork = { every = \"1us\" }\n";
        let workload = parse("x", "x.toml", text, &[]);
        let workload = workload.unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
        assert_eq!(restored(&resolved(&workload), &digest(&workload)), Ok(workload));
    }

    #[test]
    fn what_was_changed_is_not_taken() {
        let (name, text) = shipped()[0];
        let workload = parse(name, name, text, &STRATEGIES).unwrap();
        let (value, digest) = (resolved(&workload), digest(&workload));
        let wrong = |spoil: fn(&mut Value)| {
            let mut value = value.clone();
            spoil(&mut value);
            restored(&value, &digest).unwrap_err()
        };
        let other = wrong(|value| value["vmas"][0]["size_bytes"] = 4096.into());
        assert!(other.contains("not ") && other.contains(&digest), "{other}");
        let word = wrong(|value| value["reset"] = "none".into());
        assert!(word.contains("unknown variant `none`"), "{word}");
        let name = wrong(|value| value["vmas"][0]["name"] = "other".into());
        assert!(name.contains("it has no VMA '"), "{name}");
    }
}
