//! `headline`: the event that cells are judged by.

use toml::Spanned;

use super::check::Check;
use crate::diag::{Diagnostic, meant};
use ::workload::{Action, Headline};

/// Returns the event, or reports a name that is none, or an event that the file does not have.
pub(super) fn lower(written: &Spanned<String>, check: &mut Check<'_>) -> Option<Headline> {
    let name = written.get_ref().as_str();
    let Some(headline) = Headline::named(name) else {
        let known = std::iter::once(Headline::FAULTS).chain(Action::NAMES);
        check.push(
            Diagnostic::new(format!("there is no event \"{name}\" that could be the headline"))
                .at(written.span(), "neither faults nor an operation of writers")
                .help_if(meant(name, known.collect::<Vec<_>>())),
        );
        return None;
    };
    let key = match headline {
        Headline::Faults => "touch",
        Headline::Op(name) => name,
    };
    let could_not_be_read = check.unread_of_ops.iter().any(|keys| !keys.is_empty());
    if could_not_be_read || check.ops.iter().any(|op| op.key == key) {
        return Some(headline);
    }
    check.push(
        Diagnostic::new(format!("the headline \"{name}\" never occurs"))
            .at(written.span(), format!("no [[op]] has `{key}`"))
            .rule("cells are judged by the rate of an event of their own workload")
            .help("name an operation that an [[op]] has, or leave `headline` out"),
    );
    None
}
