//! `touch`: accesses to the pages of a VMA, beside that VMA.

use toml::Spanned;

use super::check::{Check, Names};
use crate::diag::Diagnostic;
use crate::workload::wire::{Document, Entry};
use crate::workload::{Access, Backing, Order, Scope, Slices, Touch, Vma, wire};

pub(super) fn lower(
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
