//! The kernel of a space: the places of fields, and the rules of the release.
//!
//! The place of mmap_lock's count decides which fields every fault moves with it, so a scheme names
//! the kernel that it was written for. The releases themselves are `kernels/*.toml`.

mod lines;
mod lruvec;
mod mm_struct;
mod rules;
mod vm_area_struct;
mod vma_lock;
mod zone;

pub use self::lines::{ABSENT, Field};
pub use self::lruvec::{LRUVEC_LINES, LruvecLayout, MemCgroupPerNode};
pub use self::mm_struct::{MM_LINES, MmLayout, MmStruct};
pub use self::rules::Rules;
pub use self::vm_area_struct::{VMA_LINES, VmAreaStruct, VmaLayout};
pub use self::vma_lock::{VMA_LOCK_LINES, VmaLockLayout, VmaLockObject};
pub use self::zone::{ZONE_LINES, Zone, ZoneLayout};

use machine::Machine;

/// A release of Linux, as far as faults and writers can tell. It lives as long as the program,
/// since lines have their names from it.
#[derive(Debug)]
pub struct Kernel {
    /// The release, as `6.12`.
    pub name: &'static str,
    /// Places of the fields of `mm_struct`.
    pub mm: MmLayout,
    /// Places of the fields of a `vm_area_struct`.
    pub vma: VmaLayout,
    /// Places of the fields of the lock of a VMA, if it is an object of its own.
    pub vma_lock: VmaLockLayout,
    /// Places of the fields of a zone.
    pub zone: ZoneLayout,
    /// Places of the fields of an lruvec.
    pub lruvec: LruvecLayout,
    /// Other differences between releases.
    pub rules: Rules,
}

/// A release as its file describes it: offsets in bytes, and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Fields of `mm_struct`.
    pub mm_struct: MmStruct,
    /// Fields of `vm_area_struct`.
    pub vm_area_struct: VmAreaStruct,
    /// Object of the slab of VMAs' locks.
    pub vma_lock: VmaLockObject,
    /// Fields of `zone`.
    pub zone: Zone,
    /// Fields of `mem_cgroup_per_node`.
    pub mem_cgroup_per_node: MemCgroupPerNode,
    /// Other differences.
    pub rules: Rules,
}

impl Kernel {
    /// Creates the kernel of a release, its structures laid out.
    ///
    /// # Panics
    /// If the fields of a structure need more lines than it has here.
    pub const fn of(name: &'static str, release: &Release) -> Self {
        let mm = MmLayout::of(&release.mm_struct);
        let vma = VmaLayout::of(&release.vm_area_struct);
        let vma_lock = VmaLockLayout::of(&release.vma_lock);
        let zone = ZoneLayout::of(&release.zone);
        let lruvec = LruvecLayout::of(&release.mem_cgroup_per_node);
        let fits = mm.fits && vma.fits && vma_lock.fits && zone.fits && lruvec.fits;
        assert!(fits, "the fields of a structure stand on too many lines");
        Self { name, mm, vma, vma_lock, zone, lruvec, rules: release.rules }
    }
}

/// A kernel whose layout the compiler may know.
pub trait Layout: Send + Sync + 'static {
    /// The kernel; `None` if it is known only when the program runs.
    const KERNEL: Option<&'static Kernel>;

    /// Returns the kernel of a space that was made with `given`. In timed code it is always the
    /// kernel that the compiler knows, so the lookup costs nothing.
    #[inline(always)]
    fn known<M: Machine>(given: &'static Kernel) -> &'static Kernel {
        match Self::KERNEL {
            Some(kernel) if M::IS_TIMED => kernel,
            _ => given,
        }
    }
}

/// A kernel that is known only when the program runs.
pub struct Loaded;

impl Layout for Loaded {
    const KERNEL: Option<&'static Kernel> = None;
}

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Declares a type for each kernel that a scheme was written for.
macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = $kernel:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Layout for $name {
            const KERNEL: Option<&'static Kernel> = Some(&$kernel);
        }
    )*};
}

known! {
    /// Linux 5.12, with `mmap_seq` of Lespinasse's series.
    Linux5_12 = LINUX_5_12;
    /// Linux 6.2, the last but one without locks of VMAs.
    Linux6_2 = LINUX_6_2;
    /// Linux 6.4, the first with locks of VMAs.
    Linux6_4 = LINUX_6_4;
    /// Linux 6.12.
    Linux6_12 = LINUX_6_12;
    /// Linux 6.18.
    Linux6_18 = LINUX_6_18;
    /// Linux 7.2.
    Linux7_2 = LINUX_7_2;
}
