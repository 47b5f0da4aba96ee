//! VMAs, groups and files that no operation uses.

use toml::Spanned;

use super::check::{Check, Named};
use super::key::WrittenTable;
use super::op::Ops;
use super::top_level::WrittenWorkload;
use crate::diag::Diagnostic;

/// Reports unused VMAs, groups without operations, and files that no VMA maps. All operations must
/// have been read without mistakes.
pub(super) fn report(table: &WrittenWorkload, ops: &Ops<'_>, check: &mut Check<'_>) {
    let used: Vec<&str> = ops.list.iter().filter_map(|op| name(&table.vma, op.op.vma()?)).collect();
    for (name, other) in unused(&table.vma, &used) {
        let title = format!("the VMA \"{other}\" is never used");
        say(title, name, "no [[op]] names it", "touch it, or take it out", check);
    }
    let busy: Vec<&str> = ops.list.iter().filter_map(|op| name(&table.group, op.group)).collect();
    for (name, other) in unused(&table.group, &busy) {
        let title = format!("the group \"{other}\" has nothing to do");
        let help = "write an [[op]] for it, or take it out";
        say(title, name, "no [[op]] belongs to it", help, check);
    }
    // A VMA whose file is unknown or could not be read may mean any file.
    let files: Vec<&str> = (0..table.file.len()).filter_map(|i| name(&table.file, i)).collect();
    let mut mapped = Vec::new();
    for vma in &table.vma {
        match vma.table.file.as_ref() {
            Some(file) if !files.contains(&file.get_ref().as_str()) => return,
            Some(file) => mapped.push(file.get_ref().as_str()),
            None if vma.unread.iter().any(|key| key == "file") => return,
            None => {}
        }
    }
    for (name, other) in unused(&table.file, &mapped) {
        let title = format!("the file \"{other}\" is never mapped");
        say(title, name, "no [[vma]] maps it", "map it, or take it out", check);
    }
}

fn name<T: Named>(entries: &[WrittenTable<T>], index: usize) -> Option<&str> {
    entries.get(index)?.table.name().as_ref().map(|name| name.get_ref().as_str())
}

/// Returns tables whose names are not among `used`. Two tables of one name, a mistake of its own,
/// count as one.
fn unused<'a, T: Named>(
    entries: &'a [WrittenTable<T>],
    used: &[&str],
) -> Vec<(&'a Spanned<String>, &'a str)> {
    let names = entries.iter().filter_map(|entry| entry.table.name().as_ref());
    let names = names.map(|name| (name, name.get_ref().as_str()));
    names.filter(|(_, text)| !used.contains(text)).collect()
}

fn say(title: String, name: &Spanned<String>, label: &str, help: &str, check: &mut Check<'_>) {
    check.push(Diagnostic::new(title).at(name.span(), label).help(help));
}
