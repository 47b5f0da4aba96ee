//! `[[op]]` and its `touch`.

use toml::Spanned;

use super::check::{Check, Names};
use crate::workload::diag::Diagnostic;
use crate::workload::wire::{Document, Entry};
use crate::workload::{Access, Backing, Op, Order, Phase, Scope, Slices, Touch, Vma, wire};

const SHOWN: &str = "[[op]]";

/// The operations of a file, as far as they could be read.
pub(super) struct Ops<'d> {
    pub list: Vec<Lowered<'d>>,
    /// Whether it is known of every operation who touches what.
    pub complete: bool,
}

/// One operation with the places of what it says.
pub(super) struct Lowered<'d> {
    pub group: usize,
    pub phase: u64,
    pub touch: Touch,
    entry: &'d Entry<wire::Op>,
    written: &'d wire::Touch,
}

pub(super) fn lower_all<'d>(
    entries: &'d [Entry<wire::Op>],
    groups: &Names,
    vma_names: &Names,
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) -> Ops<'d> {
    let mut list = Vec::new();
    let mut complete = true;
    for entry in entries {
        match lower(entry, groups, vma_names, vmas, document, check) {
            Some(op) => list.push(op),
            None => complete = false,
        }
    }
    read_and_written(&list, vmas, document, check);
    touched_by_two_groups(&list, vmas, document, check);
    Ops { list, complete }
}

/// Returns the phases of each of `groups` groups, where they are numbered without holes.
pub(super) fn phases(
    ops: &Ops<'_>,
    groups: usize,
    check: &mut Check<'_>,
) -> Option<Vec<Vec<Phase>>> {
    let mut numbers: Vec<u64> = ops.list.iter().map(|op| op.phase).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut expected = 1;
    for &number in &numbers {
        if number != expected {
            if ops.complete {
                hole(ops, number, expected, check);
            }
            return None;
        }
        expected += 1;
    }
    let mut phases = vec![vec![Phase::default(); numbers.len()]; groups];
    for op in &ops.list {
        let index = usize::try_from(op.phase).ok()? - 1;
        phases[op.group][index].ops.push(Op::Touch(op.touch.clone()));
    }
    ops.complete.then_some(phases)
}

fn hole(ops: &Ops<'_>, number: u64, missing: u64, check: &mut Check<'_>) {
    let span = ops
        .list
        .iter()
        .find(|op| op.phase == number)
        .and_then(|op| op.entry.table.phase.as_ref())
        .map_or(0..0, Spanned::span);
    let after =
        if missing == 1 { "is the first".to_owned() } else { format!("follows {}", missing - 1) };
    check.push(
        Diagnostic::new(format!("phase {number} {after}: there is no phase {missing}"))
            .at(span, "a hole in the numbers")
            .rule("phases are numbered 1, 2, ... over all groups of the file")
            .help(format!("write phase = {missing}")),
    );
}

fn lower<'d>(
    entry: &'d Entry<wire::Op>,
    groups: &Names,
    vma_names: &Names,
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) -> Option<Lowered<'d>> {
    let table = &entry.table;
    let group = group(entry, groups, check);
    let phase = match &table.phase {
        Some(phase) => check.at_least("phase", phase, 1).then_some(*phase.get_ref()),
        None => Some(1),
    };
    let form = "{ vma = \"...\", access = \"read\" }";
    let written = check.required(entry, SHOWN, "touch", &table.touch, form)?;
    let touch = touch(entry, written, vma_names, vmas, document, check);
    let written = written.get_ref();
    Some(Lowered { group: group?, phase: phase?, touch: touch?, entry, written })
}

fn group(entry: &Entry<wire::Op>, groups: &Names, check: &mut Check<'_>) -> Option<usize> {
    match &entry.table.group {
        Some(name) if groups.len() == 0 && name.get_ref() == "faulters" => Some(0),
        Some(name) => groups.resolve(name, check),
        None if groups.len() <= 1 => Some(0),
        None => {
            if !entry.unread.iter().any(|key| key == "group") {
                check.push(
                    Diagnostic::new("an [[op]] that does not say its group")
                        .at(entry.span.clone(), "`group` is missing")
                        .rule("`group` may be left out where the file has one [[group]]")
                        .help(format!("write group = {}", groups.any_of())),
                );
            }
            None
        }
    }
}

fn touch(
    entry: &Entry<wire::Op>,
    spanned: &Spanned<wire::Touch>,
    names: &Names,
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) -> Option<Touch> {
    let (span, written) = (spanned.span(), spanned.get_ref());
    let (unread, shown) = (entry.unread.as_slice(), "`touch`");
    let vma = check.required_in(&span, unread, shown, "vma", &written.vma, "\"...\"");
    let access_form = "\"read\" or \"write\"";
    let access = check.required_in(&span, unread, shown, "access", &written.access, access_form);
    let vma = vma.and_then(|name| names.resolve(name, check));
    let order = order(written, check);
    let slices = match written.slices.as_ref().map(Spanned::get_ref) {
        Some(wire::Slices::Shared) => Slices::Shared,
        Some(wire::Slices::Disjoint) | None => Slices::Disjoint,
    };
    let touches_ok = written.touches.as_ref().is_none_or(|n| check.at_least("touches", n, 1));
    let touch = Touch {
        vma: vma?,
        access: match access?.get_ref() {
            wire::Access::Read => Access::Read,
            wire::Access::Write => Access::Write,
        },
        order: order?,
        slices,
        touches: written.touches.as_ref().map(|touches| *touches.get_ref()),
        think_ns: written.think.as_ref().map_or(0, |think| think.get_ref().0),
    };
    if let Some(vma) = &vmas[touch.vma] {
        let place = Place { written, vma, vma_entry: &document.vma[touch.vma] };
        place.write_is_possible(&touch, check);
        place.slices_exist(&touch, check);
        if touches_ok {
            place.touches_fault(&touch, check);
        }
    }
    touches_ok.then_some(touch)
}

fn order(written: &wire::Touch, check: &mut Check<'_>) -> Option<Order> {
    let Some(order) = &written.order else { return Some(Order::Sequential) };
    match *order.get_ref() {
        wire::Order::Sequential => Some(Order::Sequential),
        wire::Order::Random => Some(Order::Random),
        wire::Order::OnePerTable => Some(Order::OnePerTable),
        wire::Order::Strided(stride) if stride >= 2 => Some(Order::Strided(stride)),
        wire::Order::Strided(stride) => {
            check.push(
                Diagnostic::new(format!("`strided` is 2 or more, not {stride}"))
                    .at(order.span(), "no stride")
                    .help("a stride of 1 page is order = \"sequential\""),
            );
            None
        }
        wire::Order::Zipf(exponent) => {
            check.positive("zipf", exponent, order.span()).map(Order::Zipf)
        }
    }
}

/// A touch beside the VMA that it touches.
struct Place<'d> {
    written: &'d wire::Touch,
    vma: &'d Vma,
    vma_entry: &'d Entry<wire::Vma>,
}

impl Place<'_> {
    /// A label at the value of a key of the VMA, or at the VMA.
    fn at_vma<T>(
        &self,
        diagnostic: Diagnostic,
        key: &Option<Spanned<T>>,
        label: &str,
    ) -> Diagnostic {
        let span = key.as_ref().map_or(self.vma_entry.span.clone(), Spanned::span);
        diagnostic.at(span, label)
    }

    fn write_is_possible(&self, touch: &Touch, check: &mut Check<'_>) {
        let Some(access) = &self.written.access else { return };
        if touch.access == Access::Read {
            return;
        }
        let name = &self.vma.name;
        if !self.vma.writable {
            let title = format!("a write touch on the read-only VMA \"{name}\"");
            let diagnostic = Diagnostic::new(title).at(access.span(), "a store is SIGSEGV here");
            let diagnostic = self.at_vma(diagnostic, &self.vma_entry.table.prot, "read-only");
            check.push(diagnostic.help("write prot = \"read-write\", or access = \"read\""));
        } else if matches!(self.vma.backing, Backing::File { shared: true, .. }) {
            let title = format!("a write touch on the shared file mapping \"{name}\"");
            let diagnostic = Diagnostic::new(title).at(access.span(), "would be `shared_write`");
            let sharing = &self.vma_entry.table.sharing;
            check.push(
                self.at_vma(diagnostic, sharing, "MAP_SHARED")
                    .rule("faults of the kind `shared_write` are not simulated yet")
                    .help("write sharing = \"private\" (`private_write`), or access = \"read\""),
            );
        }
    }

    fn slices_exist(&self, touch: &Touch, check: &mut Check<'_>) {
        let Some(slices) = &self.written.slices else { return };
        if self.vma.scope == Scope::PerThread && touch.slices == Slices::Shared {
            let title = format!("shared slices of the VMA \"{}\" of one thread", self.vma.name);
            let diagnostic = Diagnostic::new(title).at(slices.span(), "shared with whom?");
            let scope = &self.vma_entry.table.scope;
            check.push(
                self.at_vma(diagnostic, scope, "each thread has one of its own")
                    .help("leave `slices` out, or write scope = \"shared\""),
            );
        }
    }

    /// Each page once is as many faults as there are: more touches would hit
    /// pages that are mapped already.
    fn touches_fault(&self, touch: &Touch, check: &mut Check<'_>) {
        let Some(written) = &self.written.touches else { return };
        let most = match touch.order {
            Order::Zipf(_) => return,
            Order::OnePerTable => self.vma.tables(),
            _ => self.vma.total_pages(),
        };
        if *written.get_ref() > most {
            let what = if touch.order == Order::OnePerTable { "page tables" } else { "pages" };
            let title =
                format!("{} touches in a round of a VMA of {most} {what}", written.get_ref());
            let diagnostic = Diagnostic::new(title).at(written.span(), "more touches than pages");
            check.push(
                self.at_vma(diagnostic, &self.vma_entry.table.size, "the size of the VMA")
                    .rule("this order touches each page once; a page that is mapped does not fault")
                    .help(format!("write touches = {most} or less, or leave it out")),
            );
        }
    }
}

/// Reports private VMAs that are both read and written: a write to a page that
/// a read has mapped is a kind of fault that is not simulated.
fn read_and_written(
    ops: &[Lowered<'_>],
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) {
    for (index, vma) in vmas.iter().enumerate() {
        let Some(vma) = vma else { continue };
        if matches!(vma.backing, Backing::File { shared: true, .. }) || !vma.writable {
            continue;
        }
        let first = |access: Access| {
            let mut touches = ops.iter().filter(|op| op.touch.vma == index);
            let op = touches.find(|op| op.touch.access == access)?;
            op.written.access.as_ref().map(Spanned::span)
        };
        let (Some(read), Some(write)) = (first(Access::Read), first(Access::Write)) else {
            continue;
        };
        check.push(
            Diagnostic::new(format!("the private VMA \"{}\" is read and written", vma.name))
                .at(write, "a page that a read mapped would be `wp_copy`")
                .at(read, "read here")
                .at(document.vma[index].span.clone(), "this VMA")
                .rule("faults of the kind `wp_copy` are not simulated yet")
                .help("read one VMA and write another"),
        );
    }
}

fn touched_by_two_groups(
    ops: &[Lowered<'_>],
    vmas: &[Option<Vma>],
    document: &Document,
    check: &mut Check<'_>,
) {
    for (index, vma) in vmas.iter().enumerate() {
        let Some(vma) = vma.as_ref().filter(|vma| vma.scope == Scope::PerThread) else { continue };
        let mut touching = ops.iter().filter(|op| op.touch.vma == index);
        let Some(first) = touching.next() else { continue };
        let Some(other) = touching.find(|op| op.group != first.group) else { continue };
        let place = |op: &Lowered<'_>| op.written.vma.as_ref().map_or(0..0, Spanned::span);
        check.push(
            Diagnostic::new(format!("two groups touch the per-thread VMA \"{}\"", vma.name))
                .at(place(other), "by another group")
                .at(place(first), "by one group")
                .at(document.vma[index].span.clone(), "this VMA")
                .rule("a per-thread VMA belongs to the threads of one group")
                .help("write a [[vma]] for each group"),
        );
    }
}
