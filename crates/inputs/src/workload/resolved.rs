//! The form in which run documents have a workload, written and read: with all defaults, and with
//! units in the names of keys.

use serde::Deserialize;
use serde_json::{Value, json};

use ::workload::Workload;

/// Returns the workload as JSON, with keys in a stable order.
pub fn resolved(workload: &Workload) -> Value {
    let mut form = serde_json::to_value(workload).expect("keys are text, and numbers finite");
    let files: Vec<&str> = workload.files.iter().map(|file| file.name.as_str()).collect();
    let vmas: Vec<&str> = workload.vmas.iter().map(|vma| vma.name.as_str()).collect();
    for (kind, reference) in references(&mut form) {
        let names = if kind == "file" { &files } else { &vmas };
        let name = reference.as_u64().map(|index| names[index as usize]);
        *reference = json!(name.expect("what refers is an index"));
    }
    // serde_json sorts keys unless some crate of the build turns `preserve_order` on.
    form.sort_all_objects();
    form
}

/// Reads the workload, without its expectations, from its form in a document. The workload that is
/// read must have the digest `expected`, which shows that nothing of the form was ignored.
///
/// # Errors
///
/// The reason why this version cannot read it, or the digest that it has instead.
pub fn restored(value: &Value, expected: &str) -> Result<Workload, String> {
    let mut form = value.clone();
    for (kind, reference) in references(&mut form) {
        let names = value[format!("{kind}s")].as_array().into_iter().flatten();
        let index = names.map(|entry| &entry["name"]).position(|name| name == reference);
        let name = reference.as_str().unwrap_or_default();
        let shown = if kind == "file" { "file" } else { "VMA" };
        *reference = json!(index.ok_or_else(|| format!("it has no {shown} '{name}'"))?);
    }
    let workload =
        Workload::deserialize(form).map_err(|error| format!("it cannot be read: {error}"))?;
    workload.check()?;
    match digest(&workload) {
        found if found == expected => Ok(workload),
        found => Err(format!(
            "read again it has the digest {found}, not {expected}: it was changed, or is of \
             another version"
        )),
    }
}

/// Returns 16 hex digits that identify the storm: FNV-1a, 64 bits, over the compact text of
/// [`resolved`] without `summary`, `analysis` and `expect`, which do not change the storm.
pub fn digest(workload: &Workload) -> String {
    let mut storm = resolved(workload);
    if let Value::Object(keys) = &mut storm {
        keys.retain(|key, _| !matches!(key.as_str(), "summary" | "analysis" | "expect"));
    }
    base::digest::digest(storm.to_string().as_bytes())
}

/// Returns all references of a form to files (`"file"`) and to VMAs (`"vma"`). A document has the
/// name there, a [`Workload`] the index.
fn references(form: &mut Value) -> Vec<(&'static str, &mut Value)> {
    let Value::Object(form) = form else { return Vec::new() };
    let mut found = Vec::new();
    for (key, list) in form.iter_mut() {
        let list = list.as_array_mut().into_iter().flatten();
        match key.as_str() {
            "vmas" => {
                let files = list.filter_map(|vma| vma.get_mut("file")?.get_mut("name"));
                found.extend(files.map(|file| ("file", file)));
            }
            "groups" => {
                let phases = list.filter_map(|group| group.get_mut("phases")?.as_array_mut());
                let ops = phases.flatten().filter_map(Value::as_array_mut).flatten();
                let contents = ops.filter_map(Value::as_object_mut).flat_map(|op| op.values_mut());
                let keys = contents.filter_map(Value::as_object_mut).flatten();
                found.extend(keys.filter_map(|(key, value)| match key.as_str() {
                    "vma" => Some(("vma", value)),
                    "file" => Some(("file", value)),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{parse, shipped};
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
