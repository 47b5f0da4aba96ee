//! `touch`: its keys, and checks against the VMA that it touches.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::Check;
use super::key::{WrittenKey, WrittenTable};
use super::targets::Targets;
use super::values::Time;
use super::vma::VmaTable;
use crate::diag::Diagnostic;
use ::workload::{LoadOrStore, Order, Scope, Slices, Touch, WorkloadVma};

/// Accesses to the pages of a mapping.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Touch"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct TouchTable {
    /// Name of the `[[vma]]`.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub vma: WrittenKey<String>,
    /// Loads or stores.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub access: WrittenKey<LoadOrStore>,
    /// In which order, `"sequential"` by default.
    pub order: WrittenKey<WrittenOrder>,
    /// A part of its own for each thread (`"disjoint"`, the default) or the
    /// whole mapping for all (`"shared"`).
    pub slices: WrittenKey<Slices>,
    /// Accesses of a thread in each loop (default: one for each page of its slice).
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub touches: WrittenKey<u64>,
    /// True if each loop touches the next `touches` pages, as writers work on the next piece
    /// (default false: each loop begins at the start); only with `touches`, and in a group
    /// that loops.
    pub walks: WrittenKey<bool>,
    /// Touches that a thread claims at a time, from a counter that the threads of the group share:
    /// together they make one pass. Only with `slices = "shared"`, without `touches`, and in a
    /// group that does not loop.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub claims: WrittenKey<u64>,
    /// Private work between two touches (default `"0ns"`).
    pub think: WrittenKey<Time>,
}

/// In which order the pages of a slice are touched.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Order"))]
#[serde(rename_all = "kebab-case")]
pub(in crate::workload) enum WrittenOrder {
    /// Page after page.
    Sequential,
    /// Each page once, in a seeded permutation.
    Random,
    /// The first page under each page table: one per 2MiB.
    OnePerTable,
    /// Every nth page, then every nth from the second, and so on.
    Strided(#[cfg_attr(feature = "schema", schemars(range(min = 2)))] u64),
    /// With replacement, rank k with probability proportional to k^-exponent.
    Zipf(f64),
}

pub(super) fn lower(
    spanned: &Spanned<TouchTable>,
    unread: &[String],
    targets: &Targets<'_>,
    check: &mut Check<'_>,
) -> Option<Touch> {
    let (span, written) = (spanned.span(), spanned.get_ref());
    let shown = "`touch`";
    let vma = check.required_in(&span, unread, shown, "vma", &written.vma, "\"...\"");
    let access_form = "\"read\" or \"write\"";
    let access = check.required_in(&span, unread, shown, "access", &written.access, access_form);
    let vma = vma.and_then(|name| targets.vma_names.resolve(name, check));
    let order = order(written, check);
    let think_ns =
        written.think.checked(0, |think| check.pause("think", think.get_ref().0, think.span()));
    let touches = written.touches.checked(None, |n| check.at_least("touches", n, 1).map(Some));
    let touch = Touch {
        vma: vma?,
        access: *access?.get_ref(),
        order: order?,
        slices: written.slices.value_or(Slices::Disjoint),
        touches: touches.unwrap_or(None),
        walks: walks(written, unread, check)?,
        claims: claims(written, unread, check)?,
        repeat: 1,
        think_ns: think_ns?,
    };
    if let Some(vma) = &targets.vmas[touch.vma] {
        let vma_entry = &targets.vma_entries[touch.vma];
        let place = PlacedTouch { written, vma, vma_entry };
        place.write_is_possible(&touch, check);
        slices_exist(&written.slices, vma, vma_entry, check);
        if touches.is_some() {
            place.touches_fault(&touch, check);
        }
    }
    touches.map(|_| touch)
}

/// Returns whether the touch walks, or reports a walk without `touches`.
fn walks(written: &TouchTable, unread: &[String], check: &mut Check<'_>) -> Option<bool> {
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

/// Returns the touches that a thread claims at a time, or reports a pass that cannot be shared.
fn claims(written: &TouchTable, unread: &[String], check: &mut Check<'_>) -> Option<Option<u64>> {
    let Some(claims) = written.claims.as_ref() else { return Some(None) };
    let claimed = check.at_least("claims", claims, 1)?;
    if let Some(touches) = written.touches.as_ref() {
        check.push(
            Diagnostic::new("`claims` and `touches`")
                .at(claims.span(), "the threads make a whole pass together")
                .at(touches.span(), "how many each makes shows only in the storm")
                .help("leave `touches` out"),
        );
        return None;
    }
    let is_shared = written.slices.value() == Some(&Slices::Shared);
    if !is_shared && !unread.iter().any(|key| key == "slices") {
        check.push(
            Diagnostic::new("`claims` of a slice of the thread's own")
                .at(claims.span(), "claimed from whom?")
                .rule("threads claim touches of one pass over the whole mapping")
                .help("write slices = \"shared\""),
        );
        return None;
    }
    Some(Some(claimed))
}

fn order(written: &TouchTable, check: &mut Check<'_>) -> Option<Order> {
    let Some(order) = written.order.as_ref() else { return Some(Order::Sequential) };
    match *order.get_ref() {
        WrittenOrder::Sequential => Some(Order::Sequential),
        WrittenOrder::Random => Some(Order::Random),
        WrittenOrder::OnePerTable => Some(Order::OnePerTable),
        WrittenOrder::Strided(stride) if stride >= 2 => Some(Order::Strided(stride)),
        WrittenOrder::Strided(stride) => {
            check.push(
                Diagnostic::new(format!("`strided` is 2 or more, not {stride}"))
                    .at(order.span(), "no stride")
                    .help("a stride of 1 page is order = \"sequential\""),
            );
            None
        }
        WrittenOrder::Zipf(exponent) => {
            check.positive("zipf", exponent, order.span()).map(Order::Zipf)
        }
    }
}

/// Reports shared slices of a per-thread VMA.
pub(super) fn slices_exist(
    written: &WrittenKey<Slices>,
    vma: &WorkloadVma,
    vma_entry: &WrittenTable<VmaTable>,
    check: &mut Check<'_>,
) {
    let Some(shared) = written.as_ref().filter(|s| *s.get_ref() == Slices::Shared) else {
        return;
    };
    if vma.scope != Scope::PerThread {
        return;
    }
    let scope = vma_entry.table.scope.span_or(&vma_entry.span);
    check.push(
        Diagnostic::new(format!("shared slices of the VMA \"{}\" of one thread", vma.name))
            .at(shared.span(), "shared with whom?")
            .at(scope, "each thread has one of its own")
            .help("leave `slices` out, or write scope = \"shared\""),
    );
}

/// A touch and the VMA that it touches.
struct PlacedTouch<'d> {
    written: &'d TouchTable,
    vma: &'d WorkloadVma,
    vma_entry: &'d WrittenTable<VmaTable>,
}

impl PlacedTouch<'_> {
    /// Adds a label at the value of a key of the VMA, or at the VMA.
    fn at_vma<T>(&self, diagnostic: Diagnostic, key: &WrittenKey<T>, label: &str) -> Diagnostic {
        diagnostic.at(key.span_or(&self.vma_entry.span), label)
    }

    fn write_is_possible(&self, touch: &Touch, check: &mut Check<'_>) {
        let Some(access) = self.written.access.as_ref() else { return };
        if touch.access == LoadOrStore::Read {
            return;
        }
        let name = &self.vma.name;
        if self.vma.writable || check.has_op("mprotect", name, |op| op.makes_writable) {
            return;
        }
        let title = format!("a write touch on the read-only VMA \"{name}\"");
        let diagnostic = Diagnostic::new(title).at(access.span(), "a store is SIGSEGV here");
        let diagnostic = self.at_vma(diagnostic, &self.vma_entry.table.prot, "read-only");
        check.push(diagnostic.help("write prot = \"read-write\", or access = \"read\""));
    }

    /// Reports more touches than pages: those beyond would find their pages mapped, and not fault.
    fn touches_fault(&self, touch: &Touch, check: &mut Check<'_>) {
        let Some(written) = self.written.touches.as_ref() else { return };
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
