//! Reasons why runs cannot be compared.

/// The reason why runs cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// One run, and nothing in it to compare.
    #[error(
        "in '{path}' nothing differs: give another run to compare it with, or storm with more \
         than one strategy, world, machine or number of threads"
    )]
    NothingDiffers {
        /// The file.
        path: String,
    },
    /// The sides have nothing in common on more than one axis.
    #[error("the sides differ in {axes}: say by which of them to compare, as --by {first}",
            first = axes.split(',').next().unwrap_or_default())]
    ManyDiffer {
        /// Their names.
        axes: String,
    },
    /// The base has more than one value on the axis.
    #[error(
        "the base has more than one {axis} ({values}), so it is no base by {axis}: give one run \
         alone, whose first {axis} is the base then, or compare by what differs between the runs"
    )]
    ManyBases {
        /// The axis.
        axis: &'static str,
        /// The values of the base on the axis.
        values: String,
    },
    /// One run, with one value on the axis.
    #[error("all cells of '{path}' have the same {axis}, '{value}': give a run with another")]
    OneValue {
        /// The file.
        path: String,
        /// The axis.
        axis: &'static str,
        /// The value.
        value: String,
    },
    /// The launches of a side are of different programs.
    #[error(
        "'{path}' is of revision {found} and '{first}' of {expected}: launches of one side are \
         of one program; give it as another run, or --force"
    )]
    OtherProgram {
        /// The file.
        path: String,
        /// The revision that it was built from.
        found: String,
        /// The first file of the side.
        first: String,
        /// The revision that the first file was built from.
        expected: String,
    },
    /// No cell has a counterpart.
    #[error(
        "no cell of '{base}' has a counterpart in '{new}': they have '{example}' and '{other}', \
         which differ in more than the {axis}"
    )]
    NoPair {
        /// Name of the base.
        base: String,
        /// Name of the other side.
        new: String,
        /// Id of a cell of the base, without the axis.
        example: String,
        /// Id of a cell of the other side, without the axis.
        other: String,
        /// The axis.
        axis: &'static str,
    },
    /// All pairs are of different workloads.
    #[error("nothing can be compared: {why}")]
    Refused {
        /// Reason why the first pair is not compared.
        why: String,
    },
}
