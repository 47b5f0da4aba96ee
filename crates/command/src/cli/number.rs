//! Whole numbers on the command line.

/// Parses a whole number from 1 to `most`.
pub(super) fn whole_number(text: &str, most: u64) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        Ok(number) => Err(format!("{number} is not in 1..={most}")),
        Err(_) => Err(format!("a whole number from 1 to {most} is needed, such as '1000'")),
    }
}

/// Parses a whole number from 1 to `most` that has 32 bits.
pub(super) fn small_number(text: &str, most: u32) -> Result<u32, String> {
    whole_number(text, u64::from(most)).map(|number| number as u32)
}

/// Parses any whole number that is not negative.
pub(super) fn natural(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("a whole number from 0 to {} is needed, such as '1'", u64::MAX))
}
