//! Reports of people who measured Linux, as storms in the model: the sign, and a figure within a
//! factor of two. Their machines are not shipped; the nearest with the same number of cores is
//! taken, and each test says which.

use faultstorm::machine::model::Parameters;
use faultstorm::machines::MachineFile;
use faultstorm::storm::Storm;
use faultstorm::strategy::find;
use faultstorm::workload::{Action, KernelParts, Until, Workload};

use crate::ask::{Ask, linux, of_model, parse, xeon};

/// A Skylake server with two sockets of so many cores.
fn skylake(cores: u16) -> Parameters {
    let found = MachineFile::find("xeon-skylake-8s");
    let mut machine = found.unwrap_or_else(|_| panic!("it is shipped")).parameters;
    let shape = &mut machine.shape;
    (shape.sockets, shape.sockets_per_group) = (2, 2);
    (shape.cores_per_socket, shape.cluster_cores) = (cores, cores);
    machine
}

/// A storm of `vm-refcnt` in a kernel.
fn storm(
    workload: &Workload,
    release: &str,
    (threads, until): (usize, Until),
    machine: &Parameters,
) -> Storm {
    let entry = find("vm-refcnt").expect("it is in the table");
    let ask = Ask::new(workload, threads, until);
    Ask { kernel: Some(linux(release)), ..ask }.in_model(entry, machine)
}

/// Returns the number and the mean time in nanoseconds of an operation.
fn operation(storm: &Storm, name: &str) -> (u64, f64) {
    let number = Action::NAMES.iter().position(|known| *known == name).expect("it is known");
    let times = storm.ops[number].as_ref().expect("somebody does it");
    (times.len(), times.mean())
}

#[track_caller]
fn within_two(found: f64, published: f64, what: &str) {
    let ratio = found / published;
    assert!((0.5..=2.0).contains(&ratio), "{what}: {found}, published {published}");
}

/// tlb_flush2 of will-it-scale as threads: 757 k pages a second on a Skylake of 104 hardware
/// threads (kernel test robot, report on commit 209954cbc7d0 of December 2024). A thread writes,
/// gives back and reads each of 16 pages. There it maps and unmaps 256 at a time, which is left
/// out.
#[test]
fn tlb_flush2_at_104_threads() {
    let workload = parse(
        "summary = \"x\"\n[[vma]]\nname = \"m\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n\
         [[op]]\nrepeat = 16\n\
         touch = { vma = \"m\", access = \"write\", touches = 1, walks = true }\n\
         [[op]]\nrepeat = 16\nmadvise_dontneed = { vma = \"m\", length = \"4KiB\" }\n\
         [[op]]\nrepeat = 16\n\
         touch = { vma = \"m\", access = \"read\", touches = 1, walks = true }\n",
    );
    let storm = storm(&workload, "6.12", (104, Until::Rounds(1)), &skylake(26));
    let (pages, _) = operation(&storm, "madvise_dontneed");
    assert_eq!(pages, 104 * 16);
    within_two(pages as f64 / storm.whole_ns * 1e9, 757e3, "pages a second");
}

/// page_fault1 of will-it-scale as processes on two sockets of 28 cores: 80 % of the time of all
/// CPUs spins for zone->lock (A. Lu, "Eliminate zone->lock contention for will-it-scale/page_fault1
/// and parallel free", v4, October 2018). Here each thread has a VMA for itself, in a kernel that
/// does not prefetch the mmap_lock which threads share.
#[test]
fn page_fault1_waits_for_the_lock_of_the_zone() {
    let waits = |zone_lock: bool| {
        let text = "summary = \"x\"\nreset = \"remap\"\n[kernel]\nrss = false\n\
             pgtables_bytes = false\npmd_lock = false\nmemcg_depth = 0\n\
             [[vma]]\nname = \"v\"\nsize = \"2MiB\"\n\
             scope = \"per-thread\"\n[[op]]\ntouch = { vma = \"v\", access = \"write\" }\n";
        let workload = parse(text);
        let kernel = KernelParts { zone_lock, ..workload.kernel };
        let workload = Workload { kernel, ..workload };
        let storm = storm(&workload, "6.18", (112, Until::Faults(192)), &skylake(28));
        let times = &of_model(&storm).times;
        times.iter().map(|time| time.lock_ps as f64 / 1000.0).sum::<f64>() / storm.threads_ns
    };
    let (share, without) = (waits(true), waits(false));
    within_two(share, 0.8, "share of time for locks");
    // Without it the lock of the LRU lists is next, as in the report.
    assert!(share - without > 0.2, "{share} without {without}");
}

/// Buffers that an allocator gives back at once, on 23 of 48 cores: of the CPUs' time, 5.4 % are
/// spinlocks, 4.0 % clearing, 5.6 % shootdowns and their answers (timefusion, pull request 153,
/// August 2026). The rest of the time depends on the application: parts are compared.
#[test]
fn what_buffers_that_are_given_back_at_once_cost() {
    let workload = parse(
        "summary = \"x\"\nreset = \"remap\"\n[[vma]]\nname = \"v\"\nsize = \"1MiB\"\n\
         scope = \"per-thread\"\n[[group]]\nname = \"g\"\nloops = 2\n\
         [[op]]\ntouch = { vma = \"v\", access = \"write\", think = \"2us\" }\n\
         [[op]]\nmadvise_dontneed = { vma = \"v\" }\n",
    );
    let machine = xeon();
    let storm = storm(&workload, "6.18", (23, Until::Rounds(1)), &machine);
    let clearing_ns = storm.counts.faults as f64 * machine.work.clear_page_ps as f64 / 1000.0;
    let locks_ps = of_model(&storm).times.iter().map(|time| time.lock_ps).sum::<u64>();
    within_two(locks_ps as f64 / 1000.0 / clearing_ns, 5.4 / 4.0, "spinlocks by clearing");
}

/// A runtime that gives heap pages back with the lock of the VMA no longer holds up who maps:
/// 99.5 % of its calls go without mmap_lock (B. Song, "use per_vma lock for MADV_DONTNEED", May
/// 2025, in 6.17). Eight cores of a phone there, eight cores of a server here.
#[test]
fn a_trimmer_with_the_lock_of_the_vma_does_not_hold_up_who_maps() {
    let run = |release: &str, trimmer: &str| {
        let workload = parse(&format!(
            "summary = \"x\"\n[[vma]]\nname = \"heap\"\nsize = \"4MiB\"\n[[vma]]\n\
             name = \"other\"\nsize = \"64KiB\"\nmapped = false\n\
             [[group]]\nname = \"app\"\nloops = 2\n\
             [[group]]\nname = \"ui\"\nthreads = 1\nloops = \"until-done\"\n\
             [[op]]\ngroup = \"app\"\n\
             touch = {{ vma = \"heap\", access = \"write\", think = \"500ns\" }}\n{trimmer}\
             [[op]]\ngroup = \"ui\"\nmmap = {{ vma = \"other\", every = \"20us\" }}\n\
             [[op]]\ngroup = \"ui\"\nmunmap = {{ vma = \"other\" }}\n"
        ));
        let storm = storm(&workload, release, (8, Until::Rounds(1)), &xeon());
        let lines = &of_model(&storm).accounts.0;
        let of_lock = lines.iter().filter(|(line, _)| line.name == "mm.mmap_lock");
        let writes = of_lock.map(|(_, line)| line.writes).sum::<u64>() as f64;
        let (changes, mmap_ns) = operation(&storm, "mmap");
        (writes / changes as f64, mmap_ns)
    };
    let trimmer = "[[group]]\nname = \"trimmer\"\nthreads = 1\nloops = \"until-done\"\n\
         [[op]]\ngroup = \"trimmer\"\n\
         madvise_dontneed = { vma = \"heap\", length = \"1MiB\", order = \"random\" }\n";
    let (nobody, before, after) = (run("6.18", ""), run("6.15", trimmer), run("6.18", trimmer));
    assert!(before.1 > 2.0 * after.1, "{before:?} {after:?}");
    // Others write the lock too; the trimmer adds nothing to that.
    assert!(after.0 < 1.05 * nobody.0, "{nobody:?} {after:?}");
}
