//! The layout of the running kernel, from what it tells of its types (BTF), as a kernel file.

use btf::{Btf, Type};
use inputs::kernels::{KernelFile, shipped};
use inputs::sourced::{FileKind, Presence, SourcedNumber, keys};
use mm::kernel::Release;
use std::path::Path;

/// File in which the running kernel describes its types.
pub const BTF: &str = "/sys/kernel/btf/vmlinux";

/// The reason why the layout of a kernel is not known.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel does not tell, or what it tells cannot be read.
    #[error("'{path}' cannot be read, without which a kernel does not tell its layout: {error}")]
    Unread {
        /// The file.
        path: String,
        /// The mistake.
        error: String,
    },
    /// It has no such field, and every kernel that schemes stand in has.
    #[error("the running kernel has no `{field}` in `{structure}`")]
    Lacks {
        /// The structure.
        structure: &'static str,
        /// The field, from the structure on.
        field: String,
    },
}

/// Returns the running kernel as a file, and the nearest shipped one, whose rules it has: BTF
/// tells where fields are, not what code does with them.
///
/// # Errors
///
/// See [`KernelError`].
pub fn kernel(path: &Path, release: &str) -> Result<(KernelFile, KernelFile), KernelError> {
    let shown = path.display().to_string();
    let unread = |error: String| KernelError::Unread { path: shown.clone(), error };
    let types = Btf::from_file(path).map_err(|error| unread(error.to_string()))?;
    let nearest = nearest(release);
    let mut parameters = Release::UNSET;
    let mut inputs = Vec::new();
    for (section, key) in keys::<Release>() {
        let known = nearest.inputs.iter().find(|number| number.is(section, key.name));
        let input = if section == "rules" {
            let source = format!("as Linux {}: BTF does not tell", nearest.name);
            known.map(|rule| SourcedNumber { source, estimate: true, ..rule.clone() })
        } else {
            let (field, source) = (path_of(section, key.name), format!("BTF of Linux {release}"));
            let offset = offset(&types, section, &field).map_err(&unread)?;
            if offset.is_none() && matches!(key.need, Presence::Always) {
                return Err(KernelError::Lacks { structure: section, field });
            }
            let number = |value| SourcedNumber { section, key, value, source, estimate: false };
            offset.map(f64::from).map(number)
        };
        if let Some(input) = &input {
            key.set(&mut parameters, input.value);
        }
        inputs.extend(input);
    }
    let (name, summary) = ("this-kernel".to_owned(), format!("Linux {release}, as it runs here"));
    Ok((KernelFile { name, summary, parameters, inputs }, nearest))
}

/// The newest shipped kernel that is not newer than `release`; else the oldest.
fn nearest(release: &str) -> KernelFile {
    let version = |text: &str| -> Vec<u32> {
        let parts = text.split(|letter: char| !letter.is_ascii_digit()).take(2);
        parts.map(|part| part.parse().unwrap_or(0)).collect()
    };
    let running = version(release);
    let names = shipped().iter().map(|(name, _)| *name);
    let name = names.clone().rfind(|name| version(name) <= running);
    let name = name.or_else(|| names.clone().next()).expect("some kernels are shipped");
    KernelFile::find(name)
        .unwrap_or_else(|wrong| unreachable!("shipped kernels are valid: {wrong}"))
}

/// The members that lead from a structure to the field of this key; none to its size.
fn path_of(section: &str, key: &str) -> String {
    match (section, key) {
        ("mm_struct", "ma_root") => "mm_mt.ma_root".to_owned(),
        ("vma_lock", "size") => String::new(),
        ("vma_lock", key) => key.replace("lock_", "lock."),
        ("zone", "nr_free") => "free_area.nr_free".to_owned(),
        (_, key) => key.replace("mmap_lock_", "mmap_lock.").replace("lruvec_", "lruvec."),
    }
}

/// The offset in bytes of a field, or the size of the structure without one; `None` if the kernel
/// has no such field, or no such structure.
fn offset(types: &Btf, structure: &str, field: &str) -> Result<Option<u32>, String> {
    let Ok(found) = types.get_type_by_name(structure) else { return Ok(None) };
    if field.is_empty() {
        return Ok(Some(found.bits / 8));
    }
    let mut at = (found.type_id, 0);
    for name in field.split('.') {
        match member(types, at.0, name).map_err(|error| error.to_string())? {
            Some((id, bits)) => at = (id, at.1 + bits),
            None => return Ok(None),
        }
    }
    Ok(Some(at.1 / 8))
}

/// Type and offset in bits of a member, which may be in a member without a name. Of an array it is
/// that of the first element.
fn member(types: &Btf, id: u32, name: &str) -> btf::Result<Option<(u32, u32)>> {
    let parts = match &types.get_type_by_id(id)?.base_type {
        Type::Struct(parts) | Type::Union(parts) => parts,
        Type::Array(array) => return member(types, array.elem_type_id, name),
        _ => return Ok(None),
    };
    for part in &parts.members {
        match &part.name {
            Some(other) if other == name => return Ok(Some((part.type_id, part.offset))),
            Some(other) if !other.is_empty() => {}
            _ => {
                if let Some((id, bits)) = member(types, part.type_id, name)? {
                    return Ok(Some((id, part.offset + bits)));
                }
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_the_nearest_release() {
        for (release, name) in [
            ("6.18.44-fc-v657", "6.18"),
            ("6.13.0", "6.12"),
            ("6.1.192", "5.12"),
            ("4.19.0", "5.12"),
            ("9.0", "7.2"),
        ] {
            assert_eq!(nearest(release).name, name, "{release}");
        }
    }

    #[test]
    fn the_running_kernel_tells_its_layout_where_it_has_btf() {
        let path = Path::new(BTF);
        if !path.exists() {
            return;
        }
        let (file, _) = kernel(path, "6.18.44").unwrap_or_else(|error| panic!("{error}"));
        let again = KernelFile::parse("this", "this.toml", &file.to_toml());
        let again = again.unwrap_or_else(|wrong| panic!("{wrong}")).parameters;
        assert_eq!(again, file.parameters);
        let at = again.mm_struct;
        assert_eq!(at.mmap_lock_owner, at.mmap_lock_count + 8, "include/linux/rwsem.h");
        let zone = again.zone;
        assert!(zone.flags < zone.lock && zone.nr_free < zone.flags, "include/linux/mmzone.h");
        assert_eq!((zone.lock - zone.flags, zone.vm_stat % 64), (8, 0), "the same");
        let lruvec = again.mem_cgroup_per_node;
        assert_eq!(lruvec.lruvec_lru_lock, lruvec.lruvec_lists + 5 * 16, "five lists");
    }
}
