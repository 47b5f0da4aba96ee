//! Lists of numbers: `1,2,4`, ranges `1..=8`, doublings `1..=128x2`.

use std::fmt;
use std::str::FromStr;

/// Longest list. A list with more numbers is taken for a typing error.
const NUMBERS_MAX: usize = 4096;

/// A list of numbers, each once, in the order of their first mention.
///
/// Its text is a comma-separated list of items: a number (`4`), a range (`1..=8`), or a range with
/// a factor (`1..=128x2`: 1, 2, 4 up to 128). The last value of a range is always in the list, even
/// if the factor steps over it: `1..=100x2` ends with 64, 100.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberList(Vec<usize>);

/// Mistake in a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberListError {
    /// Nothing between two commas, or nothing at all.
    #[error("a number is missing in '{0}': write a list such as '1,2,4', '1..=8' or '1..=128x2'")]
    Missing(String),
    /// Neither a number nor a range.
    #[error("'{0}' is not a number: write '4', '1..=8' or '1..=128x2'")]
    NotANumber(String),
    /// A range in another notation.
    #[error("'{0}' is not a range of numbers: write '{1}..={2}', which includes the last")]
    Notation(String, usize, usize),
    /// A range whose first number is larger than its last.
    #[error("the range '{0}' is empty: its first number is larger than its last")]
    Empty(String),
    /// A factor with which the range never ends.
    #[error(
        "the range '{0}' never ends: it must start at 1 or more and grow by a factor of 2 or more"
    )]
    Endless(String),
    /// Too many numbers.
    #[error("'{0}' names more than {NUMBERS_MAX} numbers")]
    TooMany(String),
}

impl NumberList {
    /// Returns the numbers, each once; never empty.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for NumberList {
    /// Keeps the first mention of each number.
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> NumberList {
        let mut seen = std::collections::BTreeSet::new();
        NumberList(numbers.into_iter().filter(|&n| seen.insert(n)).collect())
    }
}

impl FromStr for NumberList {
    type Err = NumberListError;

    fn from_str(text: &str) -> Result<NumberList, NumberListError> {
        let mut numbers = Vec::new();
        for item in text.split(',').map(str::trim) {
            if item.is_empty() {
                return Err(NumberListError::Missing(text.into()));
            }
            push_item(&mut numbers, item)?;
            if numbers.len() > NUMBERS_MAX {
                return Err(NumberListError::TooMany(text.into()));
            }
        }
        Ok(numbers.into_iter().collect())
    }
}

/// Prints three or more consecutive numbers as a range: `0,2,4..=7`.
impl fmt::Display for NumberList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        let mut separator = "";
        for run in runs {
            if let [first, _, .., last] = run {
                write!(f, "{separator}{first}..={last}")?;
                separator = ",";
                continue;
            }
            for number in run {
                write!(f, "{separator}{number}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

/// Appends the numbers of one item of the list.
fn push_item(numbers: &mut Vec<usize>, item: &str) -> Result<(), NumberListError> {
    let Some((first, rest)) = item.split_once("..=") else {
        numbers.push(item.parse().map_err(|_| not_a_number(item))?);
        return Ok(());
    };
    let (last, factor) = match rest.split_once('x') {
        Some((last, factor)) => (last, Some(factor)),
        None => (rest, None),
    };
    let number = |text: &str| text.parse::<usize>().map_err(|_| not_a_number(item));
    let (first, last) = (number(first)?, number(last)?);
    let factor = factor.map(number).transpose()?;
    if first > last {
        return Err(NumberListError::Empty(item.into()));
    }
    match factor {
        None if last - first >= NUMBERS_MAX => return Err(NumberListError::TooMany(item.into())),
        None => numbers.extend(first..=last),
        Some(factor) if first == 0 || factor < 2 => {
            return Err(NumberListError::Endless(item.into()));
        }
        Some(factor) => {
            let steps = std::iter::successors(Some(first), |n| n.checked_mul(factor));
            numbers.extend(steps.take_while(|&n| n < last));
            numbers.push(last);
        }
    }
    Ok(())
}

/// Recognises the range notations of other tools, so that the error can show ours.
fn not_a_number(item: &str) -> NumberListError {
    let range = ["..", "-", ":"].iter().find_map(|sign| {
        let (first, last) = item.split_once(sign)?;
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    });
    match range {
        Some((first, last)) => NumberListError::Notation(item.into(), first, last),
        None => NumberListError::NotANumber(item.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<usize> {
        let list: NumberList = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        list.as_slice().to_vec()
    }

    fn error(text: &str) -> String {
        text.parse::<NumberList>().expect_err(text).to_string()
    }

    #[test]
    fn lists_ranges_and_doublings() {
        assert_eq!(numbers("1"), [1]);
        assert_eq!(numbers("4,2,1"), [4, 2, 1]);
        assert_eq!(numbers("1..=4"), [1, 2, 3, 4]);
        assert_eq!(numbers("1..=8x2"), [1, 2, 4, 8]);
        assert_eq!(numbers("3..=3x2"), [3]);
        assert_eq!(numbers("0, 2, 4..=7"), [0, 2, 4, 5, 6, 7]);
    }

    #[test]
    fn the_last_value_is_always_in_the_list() {
        assert_eq!(numbers("1..=100x2"), [1, 2, 4, 8, 16, 32, 64, 100]);
        assert_eq!(numbers("1..=18446744073709551615x4294967296").last(), Some(&usize::MAX));
    }

    #[test]
    fn each_number_stands_once_in_the_order_of_mention() {
        assert_eq!(numbers("1..=8x2,2,3,8"), [1, 2, 4, 8, 3]);
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        assert!(error("").contains("'1..=128x2'"));
        assert!(error("1,,2").contains("missing in '1,,2'"));
        assert!(error("two").contains("'two' is not a number"));
        assert!(error("-1").contains("'-1' is not a number"));
        assert!(error("1..8").contains("write '1..=8'"));
        assert!(error("0-3").contains("write '0..=3'"));
        assert!(error("8..=1").contains("larger than its last"));
        assert!(error("0..=8x2").contains("start at 1"));
        assert!(error("1..=8x1").contains("factor of 2"));
        assert!(error("1..=8x").contains("'1..=8x' is not a number"));
        assert!(error("0..=18446744073709551615").contains("more than 4096"));
        assert!(error("0..=4000,5000..=9000").contains("more than 4096"));
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for (text, shown) in [
            ("0,2,4..=7", "0,2,4..=7"),
            ("1..=8x2", "1,2,4,8"),
            ("5,6,9", "5,6,9"),
            ("3,2,1", "3,2,1"),
            ("0..=2,7..=9", "0..=2,7..=9"),
        ] {
            let list: NumberList = text.parse().unwrap();
            assert_eq!(list.to_string(), shown);
            assert_eq!(shown.parse(), Ok(list));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_list_survives_being_shown(list in proptest::collection::vec(0usize..64, 1..40)) {
            let list: NumberList = list.into_iter().collect();
            proptest::prop_assert_eq!(list.to_string().parse(), Ok(list));
        }
    }
}
