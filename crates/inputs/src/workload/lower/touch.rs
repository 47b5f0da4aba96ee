//! `touch`: accesses to the pages of a VMA, beside that VMA.

use toml::Spanned;

use super::Space;
use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::wire::{Document, Entry, Written};
use crate::workload::{Access, Order, Scope, Slices, Touch, Vma, wire};

pub(super) fn lower(
    entry: &Entry<wire::Op>,
    spanned: &Spanned<wire::Touch>,
    space: &Space<'_>,
    check: &mut Check<'_>,
) -> Option<Touch> {
    let (span, written) = (spanned.span(), spanned.get_ref());
    let (unread, shown) = (entry.unread.as_slice(), "`touch`");
    let vma = check.required_in(&span, unread, shown, "vma", &written.vma, "\"...\"");
    let access_form = "\"read\" or \"write\"";
    let access = check.required_in(&span, unread, shown, "access", &written.access, access_form);
    let vma = vma.and_then(|name| space.vma_names.resolve(name, check));
    let order = order(written, check);
    let think_ns = match &written.think {
        Some(think) => check.pause("think", think.get_ref().0, think.span()),
        None => Some(0),
    };
    let touches_ok = written.touches.as_ref().is_none_or(|n| check.at_least("touches", n, 1));
    let touch = Touch {
        vma: vma?,
        access: match access?.get_ref() {
            wire::Access::Read => Access::Read,
            wire::Access::Write => Access::Write,
        },
        order: order?,
        slices: slices(&written.slices),
        touches: written.touches.as_ref().map(|touches| *touches.get_ref()),
        walks: walks(written, unread, check)?,
        think_ns: think_ns?,
    };
    if let Some(vma) = &space.vmas[touch.vma] {
        let vma_entry = &space.document.vma[touch.vma];
        let place = Place { written, vma, vma_entry };
        place.write_is_possible(&touch, space.document, check);
        slices_exist(&written.slices, vma, vma_entry, check);
        if touches_ok {
            place.touches_fault(&touch, check);
        }
    }
    touches_ok.then_some(touch)
}

/// Returns whether the touch walks on; reports one that has nowhere to go on.
fn walks(written: &wire::Touch, unread: &[String], check: &mut Check<'_>) -> Option<bool> {
    let Some(walks) = written.walks.as_ref().filter(|walks| *walks.get_ref()) else {
        return Some(false);
    };
    if written.touches.is_some() || unread.iter().any(|key| key == "touches") {
        return Some(true);
    }
    check.push(
        Diagnostic::new("`walks` without `touches`")
            .at(walks.span(), "each loop is a whole pass already")
            .rule("a touch that walks goes on in each loop with the next `touches` pages")
            .help("write touches = 1 for page after page, or leave `walks` out"),
    );
    None
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

pub(super) fn slices(written: &Option<Spanned<wire::Slices>>) -> Slices {
    match written.as_ref().map(Spanned::get_ref) {
        Some(wire::Slices::Shared) => Slices::Shared,
        Some(wire::Slices::Disjoint) | None => Slices::Disjoint,
    }
}

/// Reports slices that are shared, of a VMA that no two threads have together.
pub(super) fn slices_exist(
    written: &Option<Spanned<wire::Slices>>,
    vma: &Vma,
    vma_entry: &Entry<wire::Vma>,
    check: &mut Check<'_>,
) {
    let Some(shared) = written.as_ref().filter(|s| *s.get_ref() == wire::Slices::Shared) else {
        return;
    };
    if vma.scope != Scope::PerThread {
        return;
    }
    let scope = vma_entry.table.scope.as_ref().map_or(vma_entry.span.clone(), Spanned::span);
    check.push(
        Diagnostic::new(format!("shared slices of the VMA \"{}\" of one thread", vma.name))
            .at(shared.span(), "shared with whom?")
            .at(scope, "each thread has one of its own")
            .help("leave `slices` out, or write scope = \"shared\""),
    );
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

    fn write_is_possible(&self, touch: &Touch, document: &Document, check: &mut Check<'_>) {
        let Some(access) = &self.written.access else { return };
        if touch.access == Access::Read {
            return;
        }
        let name = &self.vma.name;
        let writable = |op: Written<'_>| match op {
            Written::Mprotect(op) => {
                !matches!(op.get_ref().prot.as_ref().map(Spanned::get_ref), Some(wire::Prot::Read))
            }
            _ => false,
        };
        if self.vma.writable || document.has_op("mprotect", name, writable) {
            return;
        }
        let title = format!("a write touch on the read-only VMA \"{name}\"");
        let diagnostic = Diagnostic::new(title).at(access.span(), "a store is SIGSEGV here");
        let diagnostic = self.at_vma(diagnostic, &self.vma_entry.table.prot, "read-only");
        check.push(diagnostic.help("write prot = \"read-write\", or access = \"read\""));
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
                format!("{} touches in a loop over a VMA of {most} {what}", written.get_ref());
            let diagnostic = Diagnostic::new(title).at(written.span(), "more touches than pages");
            check.push(
                self.at_vma(diagnostic, &self.vma_entry.table.size, "the size of the VMA")
                    .rule("this order touches each page once; a page that is mapped does not fault")
                    .help(format!("write touches = {most} or less, or leave it out")),
            );
        }
    }
}
