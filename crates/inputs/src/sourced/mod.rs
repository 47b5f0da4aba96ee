//! Files of numbers, each with its source.
//!
//! A kind of file is a table of [`FileKey`]s. Reading, messages, documents, the schema and pages
//! follow from the table.

mod allowed;
mod file;
mod key;
mod kind;
#[cfg(feature = "schema")]
mod markdown;
mod read;
#[cfg(feature = "schema")]
mod schema;

pub use allowed::AllowedValues;
pub use file::SourcedFile;
pub use key::{FileKey, FileSection, Presence, Set, Varied};
pub use kind::{FileKind, PlacedNumber, SourcedNumber, keys};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Diagnostic;
    use crate::named::Shipped;

    /// A file with a number of each form.
    #[derive(Debug, Clone, PartialEq)]
    struct Lock {
        waiters: u32,
        hand_over_ps: u64,
        word: usize,
        fair: bool,
    }

    type Key = FileKey<Lock>;

    static LOCK: &[FileSection<Lock>] = &[FileSection {
        name: "lock",
        keys: &[
            Key::new(
                "waiters",
                AllowedValues::Count(0, 8),
                |lock, n| lock.waiters = n as u32,
                "waiters",
            ),
            Key::ns("hand-over-ns", |lock| &mut lock.hand_over_ps, "time to the next owner"),
            Key::new(
                "kind",
                AllowedValues::Word(&["ticket", "queue"]),
                |lock, n| lock.word = n as usize,
                "its kind",
            )
            .need(Presence::Else(1.0)),
            Key::new(
                "fair",
                AllowedValues::Switch,
                |lock, n| lock.fair = n != 0.0,
                "first come, first served",
            )
            .need(Presence::If(|lock| lock.waiters > 1, "required with several waiters")),
        ],
    }];

    impl FileKind for Lock {
        const SHIPPED: Shipped = Shipped { what: "lock", folder: "locks", files: &[] };
        const TITLE: &'static str = "A lock";
        const UNSET: Self = Lock { waiters: 0, hand_over_ps: 0, word: 0, fair: false };

        fn sections() -> &'static [FileSection<Self>] {
            LOCK
        }

        fn complete(&mut self, _: &[PlacedNumber<Self>], _: &mut Vec<Diagnostic>) {}
    }

    const TEXT: &str = "summary = \"x\"\n[lock]\nwaiters = { is = 2, source = \"a\" }\n\
         hand-over-ns = { is = 1.5, source = \"b\", estimate = true }\n\
         fair = { is = true, source = \"c\" }\n";

    #[test]
    fn numbers_of_all_forms_come_back_from_their_text() {
        let lock = SourcedFile::<Lock>::parse("x", "x.toml", TEXT).unwrap();
        let expected = Lock { waiters: 2, hand_over_ps: 1500, word: 1, fair: true };
        assert_eq!(lock.parameters, expected);
        assert_eq!(lock.resolved()["numbers"]["lock"]["fair"]["is"], true);
        let again = SourcedFile::<Lock>::parse("x", "x.toml", &lock.to_toml()).unwrap();
        assert_eq!((again.parameters, again.inputs.len()), (expected, 3));
    }

    #[test]
    fn mistakes_say_which_values_are_allowed() {
        let wrong = |from: &str, to: &str| {
            let text = TEXT.replacen(from, to, 1);
            SourcedFile::<Lock>::parse("x", "x.toml", &text).err().expect("it is wrong").to_string()
        };
        assert!(wrong("is = true", "is = 1").contains("`fair` is true or false"));
        assert!(wrong("is = 2", "is = 9").contains("`waiters` is a whole number from 0 to 8"));
        assert!(wrong("is = 2", "is = true").contains("`waiters` is a number"));
        let missing = wrong("fair = { is = true, source = \"c\" }\n", "");
        assert!(missing.contains("`fair` is missing in [lock]"), "{missing}");
    }
}
