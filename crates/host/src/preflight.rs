//! Facts read before the first storm: they go into the run document, and
//! [`findings`](super::finding::findings) judges them.

use std::path::Path;

use super::cgroup::Limits;
use super::memory::Memory;
use super::ulimits::Ulimits;
use super::{Roots, field, number, text};

/// Memory for the document, its report, and the program itself.
const OWN_BYTES: u64 = 32 << 20;
/// Threads beside those of storms: for signals, and for the end after one.
const OWN_THREADS: u64 = 3;
/// Files beside those of storms: the document and its directory, reads of `/proc`.
const OWN_FILES: u64 = 8;
/// Addresses of the stack of a thread: the default of `std::thread`.
pub const STACK_BYTES: u64 = 2 << 20;

/// Resources that the process may still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usable {
    /// Memory.
    pub bytes: u64,
    /// Addresses, which stacks need too.
    pub address_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open files.
    pub files: u64,
}

impl Usable {
    /// No limits.
    pub const ALL: Usable =
        Usable { bytes: u64::MAX, address_bytes: u64::MAX, threads: u64::MAX, files: u64::MAX };

    /// Returns what is left beside memory that is taken.
    pub fn beside(self, bytes: u64) -> Usable {
        let less = |all: u64| if all == u64::MAX { all } else { all.saturating_sub(bytes) };
        let (bytes, address_bytes) = (less(self.bytes), less(self.address_bytes));
        Usable { bytes, address_bytes, ..self }
    }
}

/// The machine as it describes itself. `None`: it does not say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Model name of the CPU.
    pub cpu_model: Option<String>,
    /// Microcode revision.
    pub microcode: Option<String>,
    /// Name of the distribution with its version.
    pub os: Option<String>,
    /// Kernel release, such as `6.18.0`.
    pub kernel: Option<String>,
    /// True if the kernel runs under a hypervisor, by the CPU's own flag.
    pub virtual_machine: Option<bool>,
    /// The hypervisor's name.
    pub hypervisor: Option<String>,
    /// Frequency governors of the CPUs, each once, in alphabetical order; empty if the kernel does
    /// not set the frequency.
    pub governors: Vec<String>,
    /// True if the CPU may exceed its base frequency.
    pub turbo: Option<bool>,
    /// Clock source of the kernel.
    pub clocksource: Option<String>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// Load average over the last minute.
    pub load_average: Option<f64>,
    /// Memory of the machine.
    pub memory: Memory,
    /// Limits of the control groups.
    pub limits: Limits,
    /// Limits of the process and of its user.
    pub ulimits: Ulimits,
}

impl Facts {
    /// Reads the machine that the process runs on.
    pub fn here() -> Facts {
        let mut facts = Facts::read(&Roots::default());
        if facts.virtual_machine == Some(true) {
            facts.hypervisor = facts.hypervisor.or_else(cpuid_hypervisor);
        }
        facts
    }

    /// Returns what the process may still take, without what the program needs besides storms.
    pub fn usable(&self) -> Usable {
        let threads = self.limits.threads_left.into_iter().chain(self.ulimits.threads_left).min();
        let less = |all: Option<u64>, own| all.map_or(u64::MAX, |it| it.saturating_sub(own));
        let memory = self.memory.usable_bytes(&self.limits);
        Usable {
            bytes: less(memory, OWN_BYTES),
            address_bytes: less(self.memory.address_bytes, OWN_BYTES),
            threads: less(threads, OWN_THREADS),
            files: less(self.ulimits.files_left, OWN_FILES),
        }
    }

    /// Reads the machine below `roots`.
    pub fn read(roots: &Roots) -> Facts {
        let sys = &roots.sys;
        let cpuinfo = text(roots.proc.join("cpuinfo")).unwrap_or_default();
        let cpu = |key| field(&cpuinfo, key).map(String::from);
        Facts {
            cpu_model: cpu("model name"),
            microcode: cpu("microcode"),
            os: os(&roots.etc),
            kernel: text(roots.proc.join("sys/kernel/osrelease")),
            virtual_machine: field(&cpuinfo, "flags")
                .map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            hypervisor: text(sys.join("hypervisor/type")),
            governors: governors(&sys.join("devices/system/cpu/cpufreq")),
            turbo: turbo(&sys.join("devices/system/cpu")),
            clocksource: text(
                sys.join("devices/system/clocksource/clocksource0/current_clocksource"),
            ),
            transparent_huge_pages: text(sys.join("kernel/mm/transparent_hugepage/enabled"))
                .as_deref()
                .and_then(chosen)
                .map(String::from),
            load_average: text(roots.proc.join("loadavg"))
                .and_then(|load| load.split_whitespace().next()?.parse().ok()),
            memory: Memory::read(roots),
            limits: Limits::read(roots),
            ulimits: Ulimits::read(roots),
        }
    }
}

/// Returns the distribution's name from os-release(5).
fn os(etc: &Path) -> Option<String> {
    let release = text(etc.join("os-release"))?;
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches(['"', '\'']).to_string())
}

/// Returns the governors of all frequency policies.
fn governors(cpufreq: &Path) -> Vec<String> {
    let policies = std::fs::read_dir(cpufreq).into_iter().flatten().flatten();
    let mut governors: Vec<String> =
        policies.filter_map(|policy| text(policy.path().join("scaling_governor"))).collect();
    governors.sort_unstable();
    governors.dedup();
    governors
}

/// True if frequencies above the base are allowed. intel_pstate has the opposite sense
/// (Documentation/admin-guide/pm/{cpufreq,intel_pstate}.rst).
fn turbo(cpus: &Path) -> Option<bool> {
    let allowed = number::<u8>(cpus.join("cpufreq/boost")).map(|boost| boost != 0);
    let denied = number::<u8>(cpus.join("intel_pstate/no_turbo")).map(|denied| denied != 0);
    denied.map(|denied| !denied).or(allowed)
}

/// Returns the choice in brackets: `madvise` of `always [madvise] never`.
fn chosen(choices: &str) -> Option<&str> {
    let (_before, rest) = choices.split_once('[')?;
    rest.split_once(']').map(|(choice, _after)| choice)
}

/// Returns the hypervisor by its signature in CPUID leaf 0x40000000
/// (Documentation/virt/kvm/x86/cpuid.rst): the name if it is a common one, else the signature.
#[cfg(target_arch = "x86_64")]
fn cpuid_hypervisor() -> Option<String> {
    let leaf = core::arch::x86_64::__cpuid(0x4000_0000);
    let bytes = [leaf.ebx, leaf.ecx, leaf.edx].map(u32::to_le_bytes).concat();
    let name = String::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']).to_string();
    let known = match name.as_str() {
        "" => return None,
        "KVMKVMKVM" => "KVM",
        "Microsoft Hv" => "Hyper-V",
        "VMwareVMware" => "VMware",
        "XenVMMXenVMM" => "Xen",
        signature => signature,
    };
    Some(known.to_string())
}

/// Only x86 has a CPUID leaf that names the hypervisor.
#[cfg(not(target_arch = "x86_64"))]
fn cpuid_hypervisor() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    #[test]
    fn a_machine_that_says_everything() {
        let machine = FakeMachine::of(&[
            (
                "proc/cpuinfo",
                "processor\t: 0\nmodel name\t: AMD EPYC 9B14\nmicrocode\t: 0xa101148\n\
                 flags\t\t: fpu hypervisor lahf_lm\n\nprocessor\t: 1\nmodel name\t: other",
            ),
            ("proc/sys/kernel/osrelease", "6.18.0"),
            ("proc/loadavg", "0.29 0.38 0.19 1/84 6034"),
            ("proc/meminfo", "MemTotal: 8 kB"),
            ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\""),
            ("sys/hypervisor/type", "xen"),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "schedutil"),
            ("sys/devices/system/cpu/cpufreq/policy1/scaling_governor", "performance"),
            ("sys/devices/system/cpu/cpufreq/policy2/scaling_governor", "schedutil"),
            ("sys/devices/system/cpu/cpufreq/boost", "0"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
        ]);
        let some = |text: &str| Some(text.to_string());
        let facts = Facts::read(&machine.roots());
        assert_eq!(
            facts,
            Facts {
                cpu_model: some("AMD EPYC 9B14"),
                microcode: some("0xa101148"),
                os: some("Debian GNU/Linux 13 (trixie)"),
                kernel: some("6.18.0"),
                virtual_machine: Some(true),
                hypervisor: some("xen"),
                governors: vec!["performance".to_string(), "schedutil".to_string()],
                turbo: Some(false),
                clocksource: some("tsc"),
                transparent_huge_pages: some("madvise"),
                load_average: Some(0.29),
                memory: Memory { total_bytes: Some(8192), ..Memory::default() },
                limits: Limits::default(),
                ulimits: Ulimits::default(),
            }
        );
    }

    #[test]
    fn a_machine_that_says_nothing() {
        assert_eq!(Facts::read(&FakeMachine::of(&[]).roots()), Facts::default());
    }

    #[test]
    fn intel_pstate_says_whether_turbo_is_off() {
        let turbo_of = |no_turbo: &str| {
            let path = "sys/devices/system/cpu/intel_pstate/no_turbo";
            Facts::read(&FakeMachine::of(&[(path, no_turbo)]).roots()).turbo
        };
        assert_eq!(turbo_of("0"), Some(true));
        assert_eq!(turbo_of("1"), Some(false));
    }
}
