//! Makes constants of `kernels/*.toml`, so that the compiler knows the layouts of the kernels
//! that schemes stand in. What a file says is checked where it is read, in `inputs`; here it is
//! taken as the shipped files are written, a key on a line.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut out = String::new();
    let mut all = String::new();
    for path in files(&folder)? {
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a name is UTF-8")?;
        let constant = format!("LINUX_{}", name.replace('.', "_"));
        let text = fs::read_to_string(&path)?;
        let mm = fields(&text, "mm_struct");
        let vma = fields(&text, "vm_area_struct");
        let vma_lock = match fields(&text, "vma_lock") {
            none if none.is_empty() => "VmaLockObject::DEFAULT".to_owned(),
            fields => format!("VmaLockObject {{ {fields} }}"),
        };
        let zone = fields(&text, "zone");
        let lruvec = fields(&text, "mem_cgroup_per_node");
        let rules = fields(&text, "rules");
        writeln!(
            out,
            "/// Linux {name}, as `kernels/{name}.toml` says.\n\
             pub const {constant}: Kernel = Kernel::of(\"{name}\", &Release {{ \
             mm_struct: MmStruct {{ {mm}..MmStruct::NOTHING }}, \
             vm_area_struct: VmAreaStruct {{ {vma}..VmAreaStruct::NOTHING }}, \
             vma_lock: {vma_lock}, \
             zone: Zone {{ {zone} }}, \
             mem_cgroup_per_node: MemCgroupPerNode {{ {lruvec} }}, \
             rules: Rules {{ {rules} }} }});"
        )?;
        write!(all, "&{constant}, ")?;
    }
    writeln!(out, "/// Every shipped kernel.\npub static SHIPPED: &[&Kernel] = &[{all}];")?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("shipped.rs"), out)?;
    Ok(())
}

/// The files of kernels, in the order of releases.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        files.push(file?.path());
    }
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort_by_key(|path| release(path));
    Ok(files)
}

fn release(path: &Path) -> Vec<u32> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    name.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// The keys of a table as fields of a Rust struct: `lru-batch = { is = 31, .. }` is
/// `lru_batch: 31, `.
fn fields(text: &str, table: &str) -> String {
    let after = text.split_once(&format!("\n[{table}]\n")).map_or("", |(_, after)| after);
    let keys = after.lines().take_while(|line| !line.starts_with('['));
    let mut fields = String::new();
    for line in keys {
        let Some((name, rest)) = line.split_once('=') else { continue };
        let Some((_, value)) = rest.split_once("is =") else { continue };
        let value = value.split(',').next().unwrap_or_default().trim();
        fields += &format!("{}: {value}, ", name.trim().replace('-', "_"));
    }
    fields
}
