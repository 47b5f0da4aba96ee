//! Kernels: TOML files that say where the fields of a release's structures are, and its rules.

mod keys;

use crate::diag::{Diagnostic, Diagnostics};
use crate::named::{Shipped, shipped};
use crate::sourced::{FileKind, FileSection, PlacedNumber, SourcedFile};
use mm::kernel::{Kernel, LruvecLayout, MmLayout, Release, VmaLayout, VmaLockLayout, ZoneLayout};

/// A kernel, and where what is said of it is from.
pub type KernelFile = SourcedFile<Release>;

impl FileKind for Release {
    const SHIPPED: Shipped = Shipped {
        what: "kernel",
        folder: "kernels",
        files: shipped![
            "kernels":
            "5.12", "6.2", "6.4", "6.6", "6.7", "6.12", "6.15", "6.18", "7.2",
        ],
    };
    const TITLE: &'static str = "A kernel that schemes stand in";
    const UNSET: Self = keys::UNSET;

    fn sections() -> &'static [FileSection<Self>] {
        keys::SECTIONS
    }

    fn complete(&mut self, _found: &[PlacedNumber<Self>], mistakes: &mut Vec<Diagnostic>) {
        let lines = [
            (MmLayout::of(&self.mm_struct).fits, "mm_struct"),
            (VmaLayout::of(&self.vm_area_struct).fits, "vm_area_struct"),
            (ZoneLayout::of(&self.zone).fits, "zone"),
            (LruvecLayout::of(&self.mem_cgroup_per_node).fits, "mem_cgroup_per_node"),
        ];
        if !VmaLockLayout::of(&self.vma_lock).fits {
            let title = "count and owner are no words of the objects of [vma_lock]";
            let rule = "`size` is a multiple of 8 from 16 to 64, and `lock_count` and \
                 `lock_owner` are below it, and on different words";
            mistakes.push(Diagnostic::new(title).rule(rule));
        }
        for (fits, section) in lines {
            if !fits {
                let title = format!("the fields of [{section}] stand on too many lines");
                let rule = "fields within 64 bytes share a line, which has eight words; \
                     kernels/README.md says how many lines there are";
                mistakes.push(Diagnostic::new(title).rule(rule));
            }
        }
    }
}

/// Name and text of every shipped kernel, the oldest first.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    Release::SHIPPED.files
}

impl KernelFile {
    /// The kernel, laid out. It stays in memory, since lines have their names from it.
    pub fn kernel(&self) -> &'static Kernel {
        let name = Box::leak(self.name.clone().into_boxed_str());
        Box::leak(Box::new(Kernel::of(name, &self.parameters)))
    }
}

/// Finds a kernel as [`KernelFile::find`] does, and lays it out.
///
/// # Errors
///
/// No shipped kernel has the name, or the file cannot be read, or every mistake of it.
pub fn find(name_or_path: &str) -> Result<&'static Kernel, Diagnostics> {
    KernelFile::find(name_or_path).map(|file| file.kernel())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sourced::keys;
    use std::fs;

    #[test]
    fn every_shipped_kernel_is_as_the_compiler_knows_it_and_every_file_is_shipped() {
        let known = mm::kernel::SHIPPED.iter();
        assert_eq!(known.clone().count(), shipped().len());
        for (known, (name, _)) in known.zip(shipped()) {
            let file = KernelFile::find(name).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(format!("{:?}", file.kernel()), format!("{known:?}"), "{name}");
        }
        let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels")).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        for name in files.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)) {
            assert!(shipped().iter().any(|(shipped, _)| *shipped == name), "{name} is shipped");
        }
    }

    #[test]
    fn the_readme_documents_every_key() {
        let readme = include_str!("../../../../kernels/README.md");
        for (section, key) in keys::<Release>() {
            let heading = format!("### `[{section}]`");
            let text = readme.split_once(&heading).unwrap_or_else(|| panic!("{heading}")).1;
            let text = text.split("### ").next().unwrap();
            let row = format!("| `{}` | {} |", key.name, key.about);
            assert!(text.contains(&row), "kernels/README.md has not in [{section}]: {row}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (name, _) in shipped() {
            let file = KernelFile::find(name).unwrap();
            let again = KernelFile::parse(name, name, &file.to_toml());
            assert_eq!(again.unwrap_or_else(|wrong| panic!("{wrong}")).parameters, file.parameters);
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let text = KernelFile::find("6.18").unwrap().to_toml();
        let wrong = text
            .replacen("mm_users = ", "mm_user = ", 1)
            .replacen("is = 184,", "is = -8,", 1)
            .replacen("is = false,", "is = \"no\",", 1)
            .replacen("[rules]", "[rule]", 1);
        let wrong = KernelFile::parse("x", "x.toml", &wrong).err().expect("it is wrong");
        let text = wrong.to_string();
        for said in [
            "unknown key \"mm_user\" in [mm_struct]",
            "did you mean \"mm_users\"",
            "`mmap_lock_count` is a whole number from 0 to",
            "unknown key \"rule\"",
            "did you mean \"rules\"",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn fields_share_a_line_as_their_offsets_say() {
        let text = KernelFile::find("6.18").unwrap().to_toml();
        let kernel = |text: &str| {
            let file = KernelFile::parse("mine", "mine.toml", text);
            file.unwrap_or_else(|wrong| panic!("{wrong}")).kernel()
        };
        let before = kernel(&text);
        assert_ne!(before.mm.mmap_count.line, before.mm.mmap_owner.line);
        assert_eq!(before.mm.mmap_count.line, before.mm.mm_users.line);
        assert_ne!(before.vma.vm_refcnt.line, before.vma.vm_start.line);
        // One line of the file.
        let after = kernel(&text.replacen("vm_refcnt = { is = 128,", "vm_refcnt = { is = 48,", 1));
        assert_eq!(after.vma.vm_refcnt.line, after.vma.vm_start.line);
    }

    #[test]
    fn fields_on_too_many_lines_are_refused() {
        let mut text = KernelFile::find("6.18").unwrap().to_toml();
        for (field, at) in [("is = 64,", 300), ("is = 72,", 400), ("is = 80,", 500)] {
            let section = text.find("[vm_area_struct]").unwrap();
            let place = section + text[section..].find(field).unwrap();
            text.replace_range(place..place + field.len(), &format!("is = {at},"));
        }
        let wrong = KernelFile::parse("x", "x.toml", &text).err().expect("it is wrong");
        assert!(wrong.to_string().contains("[vm_area_struct] stand on too many lines"), "{wrong}");
    }

    #[test]
    fn locks_of_vmas_that_are_no_objects_are_refused() {
        let text = KernelFile::find("6.12").unwrap().to_toml();
        for (key, wrong) in [
            ("size = { is = 40,", "size = { is = 72,"),
            ("lock_count = { is = 0,", "lock_count = { is = 8,"),
            ("lock_owner = { is = 8,", "lock_owner = { is = 40,"),
        ] {
            let text = text.replacen(key, wrong, 1);
            let wrong = KernelFile::parse("x", "x.toml", &text).err().expect("it is wrong");
            assert!(wrong.to_string().contains("no words of the objects of [vma_lock]"), "{wrong}");
        }
        let without = text.split("\n[zone]").next().unwrap();
        let wrong = KernelFile::parse("x", "x.toml", without).err().expect("it is wrong");
        assert!(wrong.to_string().contains("`nr_free` is missing in [zone]"), "{wrong}");
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_published_schema_is_fresh_and_every_kernel_fits() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/kernel.schema.json");
        let schema = KernelFile::schema();
        let text = format!("{schema:#}\n");
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(path, &text).unwrap();
        }
        let published = fs::read_to_string(path).unwrap_or_default();
        assert!(published == text, "stale: UPDATE_SCHEMAS=1 cargo test kernels::tests");
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (name, text) in shipped() {
            assert!(text.starts_with("#:schema ../schemas/kernel.schema.json\n"), "{name}");
            let table: toml::Table = text.parse().unwrap();
            let value = serde_json::to_value(table).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert_eq!(errors, [""; 0], "{name}");
        }
    }
}
