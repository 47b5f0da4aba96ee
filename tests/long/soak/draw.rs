//! Random workloads, as text of workload files that anyone can run.

pub use crate::random::Draw;

/// Sizes of mappings in pages: less than a table, whole tables, and parts of tables.
const PAGES: [u64; 6] = [1, 7, 30, 100, 300, 520];
/// Lengths of pieces in pages.
const PIECES: [u64; 6] = [1, 3, 16, 100, 512, 520];
const EVERY: [&str; 5] = ["0ns", "0ns", "2us", "20us", "200us"];
/// Largest number of writers' groups.
const WRITERS_MAX: u64 = 3;

/// Facts about a drawn mapping that operations need.
struct Vma {
    name: String,
    pages: u64,
    count: u64,
    /// True if each faulter has one of its own, which no other group may use.
    own: bool,
    stack: bool,
    unmapped: bool,
    writable: bool,
    anonymous: bool,
}

/// A drawn file.
struct File {
    name: String,
    pages: u64,
    truncated: bool,
    /// True if each faulter has one of its own, as with a mapping.
    own: bool,
}

/// Draws a valid workload file, for a storm on this machine or in the model.
pub fn workload(draw: &mut Draw, on_host: bool) -> String {
    let files: Vec<File> = (0..draw.below(3)).map(|number| file(number, draw)).collect();
    let mapped = files.len() as u64;
    let vmas: Vec<Vma> = (0..mapped + 1 + draw.below(2))
        .map(|number| vma(number, files.get(number as usize), draw))
        .collect();
    let mut text = format!("summary = \"drawn\"\n{}", head(draw, on_host));
    files.iter().for_each(|file| text += &file_table(file, draw));
    for (number, vma) in vmas.iter().enumerate() {
        text += &vma_table(vma, files.get(number), draw);
    }
    let (groups, ops) = work(&files, &vmas, draw);
    text + &groups + &ops
}

fn head(draw: &mut Draw, on_host: bool) -> String {
    let reset = draw.pick(&["zap", "remap"]);
    let warmup = draw.pick(&["0ns", "0ns", "200us"]);
    // Rounds of many cores take long in the model. Few touches per round need many rounds, which
    // takes long on this machine.
    let end = match draw.below(3) {
        0 => format!("duration = \"{}us\"", draw.pick(&[100, 300, 1000])),
        _ if on_host => format!("rounds = {}", 1 + draw.below(2)),
        _ => format!("touches = {}", 20 + draw.below(100)),
    };
    let kernel = kernel(draw);
    format!("reset = \"{reset}\"\nwarmup = \"{warmup}\"\n{end}\n{kernel}")
}

/// Draws a workload file whose threads touch a part of a cached file in random order: the seed
/// decides the number of frames that they need.
pub fn reach(draw: &mut Draw) -> String {
    let pages = draw.pick(&[300, 1000, 4000]);
    let offset = 4 * draw.below(pages / 2);
    let (size, end) = (4 * pages, format!("touches = {}", 1 + draw.below(pages / 8)));
    let order = draw.pick(&["\"random\"", "\"random\"", "{ zipf = 0.99 }", "{ strided = 30 }"]);
    let slices = draw.pick(&["", ", slices = \"shared\""]);
    let access = draw.pick(&["read", "read", "write"]);
    let around = draw.pick(&[0, 2, 4, 9]);
    format!(
        "summary = \"drawn\"\n{end}\nwarmup = \"0ns\"\n[[file]]\nname = \"file\"\n\
         size = \"{size}KiB\"\n[[vma]]\nname = \"vma\"\nsize = \"{}KiB\"\nfile = \"file\"\n\
         offset = \"{offset}KiB\"\nfault_around_order = {around}\n[[op]]\n\
         touch = {{ vma = \"vma\", access = \"{access}\", order = {order}{slices} }}\n",
        size - offset
    )
}

/// Draws the parts of the kernel: nearly all, nearly always.
fn kernel(draw: &mut Draw) -> String {
    let mut table = format!("\n[kernel]\nmemcg_depth = {}\n", draw.pick(&[0, 2, 5]));
    for key in ["numa", "lru", "rss", "pgtables_bytes", "vm_stat", "split_pmd_locks"] {
        table += &format!("{key} = {}\n", !draw.one_in(6));
    }
    table
}

fn file(number: u64, draw: &mut Draw) -> File {
    let truncated = draw.one_in(3);
    File {
        name: format!("file{number}"),
        pages: draw.pick(&PAGES),
        truncated,
        own: !truncated && draw.one_in(4),
    }
}

fn file_table(file: &File, draw: &mut Draw) -> String {
    let File { name, pages, truncated, own } = file;
    let mut table = format!("\n[[file]]\nname = \"{name}\"\nsize = \"{}KiB\"\n", 4 * pages);
    table += &format!("scope = \"{}\"\n", if *own { "per-thread" } else { "shared" });
    if !truncated && pages.is_multiple_of(4) && draw.one_in(2) {
        return table + "folio = \"16KiB\"\n";
    }
    let cached = draw.pick(&[1.0, 1.0, 0.5, 0.0]);
    let [locked, not_uptodate, readahead] = [0; 3].map(|_| draw.pick(&[0.0, 0.0, 0.1, 0.3]));
    table += &format!("cached = {cached:?}\nlocked = {locked:?}\n");
    table += &format!("not_uptodate = {not_uptodate:?}\nreadahead = {readahead:?}\n");
    table += &format!("speculation = {}\n", !draw.one_in(4));
    if cached < 1.0 || locked + not_uptodate > 0.0 || *truncated {
        let latency = draw.pick(&[
            "\"2us\"",
            "{ uniform = [\"1us\", \"30us\"] }",
            "{ exponential = \"5us\" }",
        ]);
        table += &format!("io_latency = {latency}\n");
    }
    table
}

fn vma(number: u64, file: Option<&File>, draw: &mut Draw) -> Vma {
    let pages = draw.pick(&PAGES).min(file.map_or(u64::MAX, |file| file.pages));
    let stack = file.is_none() && pages > 1 && draw.one_in(5);
    Vma {
        name: format!("vma{number}"),
        pages,
        count: if stack || draw.one_in(2) { 1 } else { 1 + draw.below(4) },
        own: file.is_some_and(|file| file.own) || draw.one_in(5),
        stack,
        unmapped: !stack && draw.one_in(6),
        writable: !draw.one_in(4),
        anonymous: file.is_none(),
    }
}

fn vma_table(vma: &Vma, file: Option<&File>, draw: &mut Draw) -> String {
    let Vma { name, pages, count, .. } = vma;
    let mut table = format!("\n[[vma]]\nname = \"{name}\"\nsize = \"{}KiB\"\n", 4 * pages);
    table += &format!("scope = \"{}\"\n", if vma.own { "per-thread" } else { "shared" });
    table += &format!("prot = \"{}\"\n", if vma.writable { "read-write" } else { "read" });
    match file {
        _ if vma.stack => table += &format!("grows_down = \"{}KiB\"\n", 4 * (1 + pages / 8)),
        None => table += &format!("count = {count}\n"),
        Some(file) => {
            let offset = 4 * draw.below(file.pages - pages + 1);
            let sharing = draw.pick(&["private", "shared"]);
            table +=
                &format!("count = {count}\nfile = \"{}\"\noffset = \"{offset}KiB\"\n", file.name);
            table += &format!("sharing = \"{sharing}\"\n");
            table += &format!("fault_around_order = {}\n", draw.pick(&[0, 2, 4, 9]));
        }
    }
    if vma.anonymous && *pages >= 4 && draw.one_in(2) {
        table += &format!(
            "folio = \"{}KiB\"\n",
            4 << (2 + draw.below(u64::from(pages.ilog2() - 1).min(7)))
        );
    }
    if vma.unmapped {
        table += "mapped = false\n";
    }
    table
}

/// Draws groups and operations: faulters that touch everything, often another group that touches
/// too, and groups of writers.
fn work(files: &[File], vmas: &[Vma], draw: &mut Draw) -> (String, String) {
    let weighted = draw.one_in(2);
    let others = weighted && draw.one_in(2) && vmas.iter().any(|vma| !vma.own);
    let phases = 1 + u64::from(draw.one_in(4));
    let share = if weighted { "{ weight = 1 }" } else { "\"all\"" };
    let loops = 1 + draw.below(2);
    let mut groups = group("faulters", share, Some(loops));
    let mut ops = String::new();
    for (number, vma) in vmas.iter().enumerate() {
        // The first group touches in each phase, so that nobody waits for a phase without touches
        // to end.
        let last = if number == 0 { phases } else { 1 };
        if vma.own {
            ops += &needed(vma, "faulters", draw);
        }
        (1..=last).for_each(|phase| ops += &op("faulters", phase, &touch(vma, loops, draw)));
        if vma.own && draw.one_in(2) {
            ops += &op("faulters", 1, &change(vma, draw));
        }
    }
    let shared: Vec<&Vma> = vmas.iter().filter(|vma| !vma.own).collect();
    if others {
        let loops = 1 + draw.below(4);
        groups += &group("others", share, Some(loops));
        for _ in 0..1 + draw.below(2) {
            let vma = shared[draw.below(shared.len() as u64) as usize];
            ops += &op("others", 1, &touch(vma, loops, draw));
        }
    }
    let mut must: String = shared.iter().map(|vma| needed(vma, "writers0", draw)).collect();
    for file in files.iter().filter(|file| file.truncated) {
        must += &op("writers0", 1, &truncate(file, draw));
    }
    let writers = draw.below(WRITERS_MAX + 1).max(u64::from(!must.is_empty()));
    for number in 0..writers {
        let name = format!("writers{number}");
        let threads = if weighted && draw.one_in(2) {
            format!("{{ weight = {} }}", draw.pick(&[0.3, 1.0]))
        } else {
            (1 + draw.below(2)).to_string()
        };
        // Without loops it runs until the faulters are done.
        let loops = draw.one_in(3).then(|| 1 + draw.below(20));
        groups += &group(&name, &threads, loops);
        if number == 0 {
            ops += &must;
        }
        for _ in 0..1 + draw.below(3) {
            ops += &op(&name, 1 + draw.below(phases), &any_change(files, &shared, draw));
        }
    }
    (groups, ops)
}

fn group(name: &str, threads: &str, loops: Option<u64>) -> String {
    let loops = loops.map_or_else(String::new, |loops| format!("loops = {loops}\n"));
    format!("\n[[group]]\nname = \"{name}\"\nthreads = {threads}\n{loops}")
}

fn op(group: &str, phase: u64, what: &str) -> String {
    format!("\n[[op]]\ngroup = \"{group}\"\nphase = {phase}\n{what}\n")
}

/// Draws the operation that a mapping needs which is missing or incomplete at the start.
fn needed(vma: &Vma, group: &str, draw: &mut Draw) -> String {
    let name = &vma.name;
    if vma.stack {
        let kib = 4 * draw.pick(&[1, 3, 16]);
        let grow = format!("expand_stack = {{ vma = \"{name}\", length = \"{kib}KiB\" }}");
        return op(group, 1, &grow);
    }
    match vma.unmapped {
        true => op(group, 1, &pieces("mmap", vma, "", draw)),
        false => String::new(),
    }
}

/// Draws the accesses of a group with this number of loops.
fn touch(vma: &Vma, loops: u64, draw: &mut Draw) -> String {
    let access = if vma.writable && !draw.one_in(3) { "write" } else { "read" };
    let (order, most) = match draw.below(6) {
        0 => ("\"random\"".to_owned(), vma.pages),
        1 => ("\"one-per-table\"".to_owned(), vma.count),
        2 => (format!("{{ strided = {} }}", 2 + draw.below(30)), vma.pages),
        3 => (format!("{{ zipf = {} }}", draw.pick(&[0.5, 0.99, 1.5])), 3 * vma.pages),
        _ => ("\"sequential\"".to_owned(), vma.pages),
    };
    let touches = match draw.one_in(4) {
        true => {
            let touches = 1 + draw.below(most);
            let walks = loops > 1 && touches.is_multiple_of(2);
            format!(", touches = {touches}, walks = {walks}")
        }
        false => String::new(),
    };
    let think = draw.pick(&["0ns", "0ns", "200ns", "2us"]);
    let (name, slices) = (&vma.name, slices(vma, draw));
    format!(
        "touch = {{ vma = \"{name}\", access = \"{access}\", order = {order}{slices}{touches}, \
         think = \"{think}\" }}"
    )
}

fn slices(vma: &Vma, draw: &mut Draw) -> &'static str {
    if vma.own || draw.one_in(2) { "" } else { ", slices = \"shared\"" }
}

/// Draws an operation on any shared mapping or file.
fn any_change(files: &[File], shared: &[&Vma], draw: &mut Draw) -> String {
    let cut: Vec<&File> = files.iter().filter(|file| file.truncated).collect();
    if shared.is_empty() || draw.one_in(6) {
        let action = draw.pick(&["fork", "fork", "smaps"]);
        return format!("{action} = {{ every = \"{}\" }}", draw.pick(&EVERY));
    }
    if !cut.is_empty() && draw.one_in(2) {
        return truncate(cut[draw.below(cut.len() as u64) as usize], draw);
    }
    change(shared[draw.below(shared.len() as u64) as usize], draw)
}

fn truncate(file: &File, draw: &mut Draw) -> String {
    let anywhere = draw.below(file.pages + 1);
    let kib = 4 * draw.pick(&[file.pages, file.pages / 2, anywhere]);
    let (name, every) = (&file.name, draw.pick(&EVERY));
    format!("truncate = {{ file = \"{name}\", size = \"{kib}KiB\", every = \"{every}\" }}")
}

/// Draws an operation on the pieces of a mapping.
fn change(vma: &Vma, draw: &mut Draw) -> String {
    const ALWAYS: usize = 8;
    let all = [
        "madvise_dontneed",
        "mprotect",
        "numa_scan",
        "madvise_normal",
        "madvise_sequential",
        "madvise_random",
        "madvise_populate_read",
        "mincore",
        "mmap",
        "munmap",
        "mremap",
    ];
    if vma.anonymous && draw.one_in(8) {
        return pieces("madvise_free", vma, "", draw);
    }
    if vma.writable && draw.one_in(8) {
        return pieces("madvise_populate_write", vma, "", draw);
    }
    match draw.pick(if vma.stack { &all[..ALWAYS] } else { &all }) {
        "mprotect" => {
            let prot = draw.pick(&[", prot = \"read\"", ", prot = \"read-write\""]);
            pieces("mprotect", vma, prot, draw)
        }
        action => pieces(action, vma, "", draw),
    }
}

fn pieces(action: &str, vma: &Vma, more: &str, draw: &mut Draw) -> String {
    let kib = 4 * draw.pick(&PIECES).min(vma.pages);
    let order = draw.pick(&["sequential", "random"]);
    let (name, slices, every) = (&vma.name, slices(vma, draw), draw.pick(&EVERY));
    format!(
        "{action} = {{ vma = \"{name}\"{more}, length = \"{kib}KiB\", order = \"{order}\"{slices}, \
         every = \"{every}\" }}"
    )
}
