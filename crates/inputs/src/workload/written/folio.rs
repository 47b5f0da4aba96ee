//! Sizes of large folios: those of anonymous memory, and those of files.

use toml::Spanned;

use super::check::Check;
use super::file::FileTable;
use super::values::Size;
use crate::diag::Diagnostic;
use ::workload::units::print_size;
use ::workload::{FOLIO_PAGES_MAX, FOLIO_PAGES_MIN, PAGE_BYTES};

/// Returns the pages of a folio, or reports a size that folios do not have.
pub(super) fn size(folio: &Spanned<Size>, check: &mut Check<'_>) -> Option<u64> {
    let pages = check.some_pages("folio", folio)?;
    let is_size = pages.is_power_of_two() && (FOLIO_PAGES_MIN..=FOLIO_PAGES_MAX).contains(&pages);
    if pages == 1 || is_size {
        return Some(pages);
    }
    let [least, most] = [FOLIO_PAGES_MIN, FOLIO_PAGES_MAX].map(|n| print_size(n * PAGE_BYTES));
    let title = format!("`folio` = \"{}\" is no size of folios", print_size(folio.get_ref().0));
    check.push(
        Diagnostic::new(title)
            .at(folio.span(), "no such size")
            .rule(format!("folios are powers of two from {least} to {most}"))
            .help("write folio = \"64KiB\", or leave `folio` out for single pages"),
    );
    None
}

/// Returns the pages of the folios of a file, or reports a file that cannot have large ones.
pub(super) fn of_file(
    table: &FileTable,
    folio: &Spanned<Size>,
    pages: Option<u64>,
    check: &mut Check<'_>,
) -> Option<u64> {
    let folio_pages = size(folio, check)?;
    if folio_pages == 1 {
        return Some(1);
    }
    if let (Some(pages), Some(size)) = (pages, table.size.as_ref())
        && !pages.is_multiple_of(folio_pages)
    {
        check.push(
            Diagnostic::new("a file that is no multiple of its folios")
                .at(size.span(), "the size of the file")
                .at(folio.span(), "pages of a folio")
                .rule("the last folio of a file would be a smaller one, which is not simulated"),
        );
    }
    let states = [
        (&table.cached, 1.0, "not wholly cached"),
        (&table.locked, 0.0, "partly locked"),
        (&table.not_uptodate, 0.0, "not wholly up to date"),
        (&table.readahead, 0.0, "partly marked for readahead"),
    ];
    for (share, plain, what) in states {
        let Some(share) = share.as_ref().filter(|share| *share.get_ref() != plain) else {
            continue;
        };
        check.push(
            Diagnostic::new(format!("a file of large folios that is {what}"))
                .at(share.span(), what)
                .at(folio.span(), "pages of a folio")
                .rule("a file of large folios is cached whole, and all its pages are ready"),
        );
    }
    if let Some(name) = table.name.as_ref()
        && check.has_op("truncate", name.get_ref(), |_| true)
    {
        check.push(
            Diagnostic::new("`truncate` of a file of large folios")
                .at(folio.span(), "pages of a folio")
                .rule("folios are not split, as a new end of the file within one would need"),
        );
    }
    Some(folio_pages)
}
