//! Advice on huge pages, which a storm has only if its workload asks for them.

use host::Roots;
use rustix::mm::Advice;
use std::fs;
use std::path::Path;

/// Settings under which mappings get large pages without asking for them (Linux
/// `Documentation/admin-guide/mm/transhuge.rst`).
const UNASKED: [&str; 3] = ["[always]", "[within_size]", "[force]"];

/// Returns the advice for the mappings of a storm; none if the system gives huge pages only on
/// request: `MADV_NOHUGEPAGE` has a price of its own in file mappings, and the programs that a
/// storm is compared with do not give it.
pub(super) fn advice(asked: bool, roots: &Roots) -> Option<Advice> {
    if asked {
        return Some(Advice::LinuxHugepage);
    }
    let directory = roots.sys.join("kernel/mm/transparent_hugepage");
    gives_unasked(&directory).then_some(Advice::LinuxNoHugepage)
}

/// Returns true if the setting, or that of one size, gives huge pages to all mappings.
fn gives_unasked(directory: &Path) -> bool {
    let sizes = fs::read_dir(directory).into_iter().flatten().flatten().map(|size| size.path());
    [directory.to_owned()].into_iter().chain(sizes).any(|of| {
        ["enabled", "shmem_enabled"].iter().any(|name| {
            let setting = fs::read_to_string(of.join(name)).unwrap_or_default();
            UNASKED.iter().any(|unasked| setting.contains(unasked))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_forbidden_only_where_they_would_come_unasked() {
        let sys = tempfile::tempdir().unwrap();
        let roots = Roots { sys: sys.path().into(), ..Roots::default() };
        assert!(advice(false, &roots).is_none(), "a kernel without them");
        let place = sys.path().join("kernel/mm/transparent_hugepage");
        let size = place.join("hugepages-64kB");
        fs::create_dir_all(&size).unwrap();
        fs::write(place.join("enabled"), "always [madvise] never\n").unwrap();
        fs::write(place.join("shmem_enabled"), "always within_size advise [never]\n").unwrap();
        assert!(advice(false, &roots).is_none());
        assert!(matches!(advice(true, &roots), Some(Advice::LinuxHugepage)));
        for (file, setting) in [
            (size.join("enabled"), "[always] inherit madvise never\n"),
            (place.join("shmem_enabled"), "always [within_size] advise never\n"),
            (place.join("enabled"), "[always] madvise never\n"),
        ] {
            let before = fs::read_to_string(&file).unwrap_or_default();
            fs::write(&file, setting).unwrap();
            assert!(matches!(advice(false, &roots), Some(Advice::LinuxNoHugepage)), "{setting}");
            fs::write(&file, before).unwrap();
        }
    }
}
