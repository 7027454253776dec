//! Exact decimals: schoolbook arithmetic on decimal digits, so that nothing in between can overflow.
//!
//! A DECIMAL has at most 38 digits; a result with more is NULL, as in Flink, which is `None` here.

use std::cmp::Ordering;

/// A number of any size: digits from the lowest, no leading zeros, zero is empty.
type Digits = Vec<u8>;

fn digits_of(mut n: u128) -> Digits {
    let mut digits = Digits::new();
    while n > 0 {
        digits.push((n % 10) as u8);
        n /= 10;
    }
    digits
}

fn trim(mut digits: Digits) -> Digits {
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

fn compare_digits(a: &Digits, b: &Digits) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn add_digits(a: &Digits, b: &Digits) -> Digits {
    let (mut sum, mut carry) = (Digits::new(), 0);
    for i in 0..a.len().max(b.len()) {
        let digit = a.get(i).unwrap_or(&0) + b.get(i).unwrap_or(&0) + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.push(carry);
    trim(sum)
}

/// `a - b`, where `a >= b`.
fn subtract_digits(a: &Digits, b: &Digits) -> Digits {
    let (mut difference, mut borrow) = (Digits::new(), 0);
    for (i, digit) in a.iter().enumerate() {
        let minus = b.get(i).unwrap_or(&0) + borrow;
        borrow = u8::from(*digit < minus);
        difference.push(digit + 10 * borrow - minus);
    }
    trim(difference)
}

fn multiply_digits(a: &Digits, b: &Digits) -> Digits {
    let mut product = vec![0u32; a.len() + b.len() + 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            product[i + j] += u32::from(*x) * u32::from(*y);
        }
    }
    let mut carry = 0;
    let digits = product.into_iter().map(|column| {
        let sum = column + carry;
        carry = sum / 10;
        (sum % 10) as u8
    });
    trim(digits.collect())
}

/// Quotient and remainder by long division; `b` is not zero.
fn divide_digits(a: &Digits, b: &Digits) -> (Digits, Digits) {
    let (mut quotient, mut rest) = (Digits::new(), Digits::new());
    for digit in a.iter().rev() {
        rest.insert(0, *digit);
        rest = trim(rest);
        let mut times = 0;
        while compare_digits(&rest, b) != Ordering::Less {
            rest = subtract_digits(&rest, b);
            times += 1;
        }
        quotient.insert(0, times);
    }
    (trim(quotient), rest)
}

fn shift(digits: Digits, places: u32) -> Digits {
    let mut shifted = vec![0; places as usize];
    shifted.extend(digits);
    trim(shifted)
}

/// `a / b`, the last place rounded half up.
fn divide_rounded(a: &Digits, b: &Digits) -> Digits {
    let (quotient, rest) = divide_digits(a, b);
    let up = compare_digits(&add_digits(&rest, &rest), b) != Ordering::Less;
    if up { add_digits(&quotient, &vec![1]) } else { quotient }
}

/// The digits with a sign, if there are at most `precision` of them.
fn signed(digits: &Digits, negative: bool, precision: u32) -> Option<i128> {
    if digits.len() > precision as usize {
        return None;
    }
    let value = digits.iter().rev().fold(0i128, |n, digit| n * 10 + i128::from(*digit));
    Some(if negative { -value } else { value })
}

/// The value at another scale, rounded half up; `None` if it needs more than `precision` digits.
pub(crate) fn rescale(value: i128, from: u32, to: u32, precision: u32) -> Option<i128> {
    let digits = digits_of(value.unsigned_abs());
    let digits =
        if to >= from { shift(digits, to - from) } else { divide_rounded(&digits, &shift(vec![1], from - to)) };
    signed(&digits, value < 0, precision)
}

/// The whole part, towards zero.
pub(crate) fn truncate(value: i128, scale: u32) -> i128 {
    (0..scale).fold(value, |value, _| value / 10)
}

/// Order by value, whatever the scales.
pub(crate) fn compare(a: i128, s: u32, b: i128, t: u32) -> Ordering {
    let places = s.max(t);
    let (x, y) = (shift(digits_of(a.unsigned_abs()), places - s), shift(digits_of(b.unsigned_abs()), places - t));
    match (a < 0, b < 0) {
        (false, false) => compare_digits(&x, &y),
        (true, true) => compare_digits(&y, &x),
        (negative, _) => {
            if negative {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

/// `a + b` at scale and precision.
pub(crate) fn add(a: (i128, u32), b: (i128, u32), precision: u32, scale: u32) -> Option<i128> {
    let places = a.1.max(b.1);
    let (x, y) =
        (shift(digits_of(a.0.unsigned_abs()), places - a.1), shift(digits_of(b.0.unsigned_abs()), places - b.1));
    let (sum, negative) = if (a.0 < 0) == (b.0 < 0) {
        (add_digits(&x, &y), a.0 < 0)
    } else if compare_digits(&x, &y) == Ordering::Less {
        (subtract_digits(&y, &x), b.0 < 0)
    } else {
        (subtract_digits(&x, &y), a.0 < 0)
    };
    signed(&to_scale(sum, places, scale), negative, precision)
}

/// `a · b` at scale and precision.
pub(crate) fn multiply(a: (i128, u32), b: (i128, u32), precision: u32, scale: u32) -> Option<i128> {
    let product = multiply_digits(&digits_of(a.0.unsigned_abs()), &digits_of(b.0.unsigned_abs()));
    signed(&to_scale(product, a.1 + b.1, scale), (a.0 < 0) != (b.0 < 0), precision)
}

/// `a / b` at scale and precision; `b` is not zero.
pub(crate) fn divide(a: (i128, u32), b: (i128, u32), precision: u32, scale: u32) -> Option<i128> {
    // a·10^-s / (b·10^-t), times 10^scale: a·10^(scale + t) / (b·10^s)
    let above = shift(digits_of(a.0.unsigned_abs()), scale + b.1);
    let below = shift(digits_of(b.0.unsigned_abs()), a.1);
    signed(&divide_rounded(&above, &below), (a.0 < 0) != (b.0 < 0), precision)
}

/// The remainder of the division towards zero, with the sign of `a`; `b` is not zero.
pub(crate) fn remainder(a: (i128, u32), b: (i128, u32), precision: u32, scale: u32) -> Option<i128> {
    let places = a.1.max(b.1);
    let (x, y) =
        (shift(digits_of(a.0.unsigned_abs()), places - a.1), shift(digits_of(b.0.unsigned_abs()), places - b.1));
    signed(&to_scale(divide_digits(&x, &y).1, places, scale), a.0 < 0, precision)
}

fn to_scale(digits: Digits, from: u32, to: u32) -> Digits {
    if to >= from { shift(digits, to - from) } else { divide_rounded(&digits, &shift(vec![1], from - to)) }
}

/// Reads `-12.50`, `1e3`; the value has as many places as are written, none for an exponent that leaves none.
pub(crate) fn parse(text: &str) -> Option<(i128, u32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, plain) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = trim(all.bytes().rev().map(|b| b - b'0').collect());
    let places = i32::try_from(fraction.len()).ok()? - exponent;
    let (digits, scale) =
        if places < 0 { (shift(digits, places.unsigned_abs()), 0) } else { (digits, places.unsigned_abs()) };
    Some((signed(&digits, negative, 38)?, scale))
}

/// `-0.05`: as many places as the scale says.
pub(crate) fn print(value: i128, scale: u32) -> String {
    let digits = value.unsigned_abs().to_string();
    let places = scale as usize;
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if value < 0 { "-" } else { "" };
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_paper() {
        assert_eq!(add((105, 1), (-25, 2), 38, 2), Some(1025));
        assert_eq!(add((25, 2), (-105, 1), 38, 1), Some(-103), "-10.25 rounds away from zero");
        assert_eq!(multiply((908, 3), (i128::from(i64::MAX), 0), 23, 3), Some(908 * i128::from(i64::MAX)));
        assert_eq!(multiply((10i128.pow(37), 0), (100, 0), 38, 0), None);
        assert_eq!(divide((1, 0), (3, 0), 38, 6), Some(333_333));
        assert_eq!(divide((-2, 0), (3, 0), 38, 3), Some(-667));
        assert_eq!(remainder((-75, 1), (2, 0), 38, 1), Some(-15));
        assert_eq!(rescale(-125, 2, 1, 38), Some(-13));
        assert_eq!(rescale(99_995, 4, 3, 4), None);
    }

    #[test]
    fn text_goes_in_and_out() {
        assert_eq!(parse("-0.050"), Some((-50, 3)));
        assert_eq!(parse("1.5E3"), Some((1500, 0)));
        assert_eq!(parse("1.5e-3"), Some((15, 4)));
        assert_eq!(parse("1.x"), None);
        assert_eq!(print(-5, 2), "-0.05");
        assert_eq!(print(1200, 0), "1200");
        assert_eq!(compare(-5, 1, -50, 2), Ordering::Equal);
        assert_eq!(compare(-5, 1, 4, 3), Ordering::Less);
    }
}
