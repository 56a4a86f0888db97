//! Amounts of money: integer cents inside, a decimal number outside, never a float on the way.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// An amount in cents. Its text form has exactly two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i64);

/// Why a number is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is no JSON number.
    #[error("must be a number such as 19.99")]
    NotANumber,
    /// There is a part of a cent.
    #[error("must not have more than two decimals")]
    TooFine,
    /// It does not fit into the integer that holds cents.
    #[error("is too large for an amount of money")]
    TooLarge,
}

impl Money {
    /// The largest amount that a `DECIMAL(10,2)` column holds, which is what totals are kept in.
    pub const DECIMAL_10_2_MAX: Self = Self(9_999_999_999);

    /// An amount of `cents`.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents)
    }

    /// The amount in cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// `self` times `count`; none when it does not fit.
    pub fn times(self, count: i64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// The sum; none when it does not fit.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Reads the text of a JSON number. What counts is its value: `19.990` and `1999e-2` are `19.99`, `19.999` is refused.
    ///
    /// # Errors
    /// When the text is no number, has a part of a cent, or does not fit.
    pub fn from_json_number(text: &str) -> Result<Self, MoneyError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let cents = to_cents(whole, fraction, exponent)?;
        Ok(Self(if negative { -cents } else { cents }))
    }
}

/// An exponent too large to read is as good as a very large one; its sign is kept.
fn parse_exponent(text: &str) -> Result<i64, MoneyError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(MoneyError::NotANumber);
    }
    let size = digits.parse::<i32>().map_or(i64::from(i32::MAX), i64::from);
    Ok(if text.starts_with('-') { -size } else { size })
}

/// `whole.fraction × 10^exponent` in cents, exactly.
fn to_cents(whole: &str, fraction: &str, exponent: i64) -> Result<i64, MoneyError> {
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(MoneyError::NotANumber);
    }
    let significant = digits.trim_end_matches('0');
    // The body's limit keeps lengths far below what an i64 holds.
    let trimmed = i64::try_from(digits.len() - significant.len()).map_err(|_| MoneyError::TooLarge)?;
    let decimals = i64::try_from(fraction.len()).map_err(|_| MoneyError::TooLarge)? - trimmed - exponent;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    if decimals > 2 {
        return Err(MoneyError::TooFine);
    }
    let zeros = 2 - decimals;
    let number: i64 = significant.parse().map_err(|_| MoneyError::TooLarge)?;
    let factor = u32::try_from(zeros).ok().and_then(|zeros| 10i64.checked_pow(zeros));
    factor.and_then(|factor| number.checked_mul(factor)).ok_or(MoneyError::TooLarge)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Money {
    /// A JSON number with exactly two decimals. Only `serde_json` understands it: no other format is written here.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<i64, MoneyError>) {
        assert_eq!(Money::from_json_number(text).map(Money::cents), expect, "{text}");
    }

    #[test]
    fn numbers_are_read_exactly() {
        check("19.99", Ok(1999));
        check("0.1", Ok(10));
        check("0.29", Ok(29));
        check("1.15", Ok(115));
        check("0", Ok(0));
        check("-0.00", Ok(0));
        check("-3.5", Ok(-350));
        check("20", Ok(2000));
        check("19.990", Ok(1999));
        check("1999e-2", Ok(1999));
        check("1.999E+1", Ok(1999));
        check("2e3", Ok(200_000));
        check("0e999999999999", Ok(0));
        check("0.000", Ok(0));
        check("9007199254740993.01", Ok(900_719_925_474_099_301));
        check("99999999.99", Ok(9_999_999_999));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        check("19.999", Err(MoneyError::TooFine));
        check("0.001", Err(MoneyError::TooFine));
        check("1e-3", Err(MoneyError::TooFine));
        check("1e-99999999999999", Err(MoneyError::TooFine));
        check("1e300", Err(MoneyError::TooLarge));
        check("1e99999999999999", Err(MoneyError::TooLarge));
        check("99999999999999999999", Err(MoneyError::TooLarge));
        check("", Err(MoneyError::NotANumber));
        check("\"19.99\"", Err(MoneyError::NotANumber));
        check("1.2.3", Err(MoneyError::NotANumber));
        check("1e", Err(MoneyError::NotANumber));
        check(".5", Err(MoneyError::NotANumber));
        check("true", Err(MoneyError::NotANumber));
    }

    #[test]
    fn the_wire_has_two_decimals() {
        let check = |cents: i64, expect: &str| {
            assert_eq!(serde_json::to_string(&Money::from_cents(cents)).expect("serialises"), expect);
        };
        check(1999, "19.99");
        check(5, "0.05");
        check(2000, "20.00");
        check(-5, "-0.05");
        check(i64::MAX, "92233720368547758.07");
    }

    #[test]
    fn sums_are_exact() {
        let tenth = Money::from_cents(10);
        assert_eq!(tenth.plus(Money::from_cents(20)), Some(Money::from_cents(30)));
        assert_eq!(Money::from_cents(1999).times(3), Some(Money::from_cents(5997)));
        assert_eq!(Money::from_cents(i64::MAX).times(2), None);
        assert_eq!(Money::from_cents(i64::MAX).plus(tenth), None);
    }
}
