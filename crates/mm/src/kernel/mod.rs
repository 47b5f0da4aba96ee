//! The kernel that a space is in: where its fields are, and the rules of that release.
//!
//! Where the count of mmap_lock stands decides what a fault under any scheme drags along, so
//! a scheme names the kernel that it stood in. The releases themselves are `kernels/*.toml`.

mod lines;
mod mm_struct;
mod rules;
mod vm_area_struct;

pub use self::lines::{ABSENT, Field};
pub use self::mm_struct::{MM_LINES, MmLayout, MmStruct};
pub use self::rules::Rules;
pub use self::vm_area_struct::{VMA_LINES, VmAreaStruct, VmaLayout};

use machine::Machine;

/// A release of Linux, as far as faults and writers can tell. It lives as long as the program:
/// lines have their names from it.
#[derive(Debug)]
pub struct Kernel {
    /// The release, as `6.12`.
    pub name: &'static str,
    /// Where the fields of `mm_struct` are.
    pub mm: MmLayout,
    /// Where those of a `vm_area_struct` are.
    pub vma: VmaLayout,
    /// What differs between releases beside that.
    pub rules: Rules,
}

/// A release as its file describes it: offsets in bytes, and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Fields of `mm_struct`.
    pub mm_struct: MmStruct,
    /// Fields of `vm_area_struct`.
    pub vm_area_struct: VmAreaStruct,
    /// What differs beside that.
    pub rules: Rules,
}

impl Kernel {
    /// The kernel of a release, its structures laid out.
    ///
    /// # Panics
    /// Where the fields of a structure stand on more lines than it has here.
    pub const fn of(name: &'static str, release: &Release) -> Self {
        let mm = MmLayout::of(&release.mm_struct);
        let vma = VmaLayout::of(&release.vm_area_struct);
        assert!(mm.fits && vma.fits, "the fields of a structure stand on too many lines");
        Self { name, mm, vma, rules: release.rules }
    }
}

/// A kernel whose layout the compiler may know.
pub trait Layout: Send + Sync + 'static {
    /// The kernel; `None` where it is known when the program runs.
    const KERNEL: Option<&'static Kernel>;

    /// The kernel of a space that is in `given`. Where code is timed that is always the one
    /// that the compiler knows, and costs nothing to look up.
    #[inline(always)]
    fn known<M: Machine>(given: &'static Kernel) -> &'static Kernel {
        match Self::KERNEL {
            Some(kernel) if M::IS_TIMED => kernel,
            _ => given,
        }
    }
}

/// A kernel that is known when the program runs.
pub struct Loaded;

impl Layout for Loaded {
    const KERNEL: Option<&'static Kernel> = None;
}

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Declares a type for each kernel that schemes stand in.
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
