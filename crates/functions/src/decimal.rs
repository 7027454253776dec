//! Exact decimal arithmetic on 128-bit numbers with a scale, rounding half away from zero as Flink does.

use arrow::datatypes::i256;

/// 10^n for n up to 38.
pub fn pow10(n: u8) -> i128 {
    10i128.pow(u32::from(n.min(38)))
}

/// Whether a value has at most `precision` digits.
pub fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < pow10(precision).unsigned_abs()
}

/// A value at another scale, rounded half away from zero; none if it leaves 128 bits.
pub fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(10i128.checked_pow(u32::from(to - from))?);
    }
    let Some(divisor) = 10i128.checked_pow(u32::from(from - to)) else { return Some(0) };
    Some(round_quotient(value, divisor))
}

/// `value / divisor`, rounded half away from zero; the divisor is positive.
fn round_quotient(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    let up = rest.unsigned_abs() >= divisor.unsigned_abs() - divisor.unsigned_abs() / 2;
    if up { quotient + value.signum() } else { quotient }
}

/// Rescaled and checked against a precision; none on overflow, which is NULL in SQL.
pub fn convert(value: i128, from: u8, to: u8, precision: u8) -> Option<i128> {
    rescale(value, from, to).filter(|value| fits(*value, precision))
}

/// `left * right`, whose scale is `scales`, at scale `to` within `precision`.
pub fn multiply(left: i128, right: i128, scales: u8, to: u8, precision: u8) -> Option<i128> {
    match left.checked_mul(right) {
        Some(product) => convert(product, scales, to, precision),
        None => {
            let product = i256::from_i128(left).checked_mul(i256::from_i128(right))?;
            let divisor = i256::from_i128(pow10(scales.saturating_sub(to)));
            wide_quotient(product, divisor)?.to_i128().filter(|value| fits(*value, precision))
        }
    }
}

/// `left / right` at scale `to` within `precision`; `shift` is the power of ten that brings the quotient of the two
/// unscaled numbers to that scale. The divisor is not zero.
pub fn divide(left: i128, right: i128, shift: i32, to_precision: u8) -> Option<i128> {
    let (mut dividend, mut divisor) = (i256::from_i128(left), i256::from_i128(right));
    let factor = i256::from_i128(10).checked_pow(shift.unsigned_abs())?;
    if shift >= 0 {
        dividend = dividend.checked_mul(factor)?;
    } else {
        divisor = divisor.checked_mul(factor)?;
    }
    wide_quotient(dividend, divisor)?.to_i128().filter(|value| fits(*value, to_precision))
}

fn wide_quotient(dividend: i256, divisor: i256) -> Option<i256> {
    let negative = dividend.is_negative() != divisor.is_negative();
    let (dividend, divisor) = (dividend.wrapping_abs(), divisor.wrapping_abs());
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?;
    // rest * 2 >= divisor, without overflow.
    let up = rest >= divisor.wrapping_sub(rest);
    let rounded = if up { quotient.wrapping_add(i256::ONE) } else { quotient };
    Some(if negative { rounded.wrapping_neg() } else { rounded })
}

/// Reads `-12.50`, `1e3`, `.5` at a scale, rounded: `Err` if it is no number, `Ok(None)` if it is too large.
pub fn parse(text: &str, scale: u8, precision: u8) -> Result<Option<i128>, ()> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| ())?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !all().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    // How many of the digits stand before the point of the scaled number.
    let kept = whole.len() as i64 + i64::from(exponent) + i64::from(scale);
    let mut value: i128 = 0;
    for (i, byte) in all().chain(std::iter::repeat(b'0')).enumerate() {
        let i = i as i64;
        if i >= kept {
            if i == kept.max(0) && kept >= 0 && byte >= b'5' && (i as usize) < whole.len() + fraction.len() {
                value += 1;
            }
            break;
        }
        if i as usize >= whole.len() + fraction.len() && value == 0 {
            break;
        }
        // 38 digits and one more would leave 128 bits.
        match value.checked_mul(10).and_then(|value| value.checked_add(i128::from(byte - b'0'))) {
            Some(longer) if fits(longer, 38) => value = longer,
            _ => return Ok(None),
        }
    }
    Ok(Some(if negative { -value } else { value }).filter(|value| fits(*value, precision)))
}

/// The nearest DOUBLE.
pub fn to_f64(value: i128, scale: u8) -> f64 {
    if value.unsigned_abs() < 1 << 53 && scale <= 22 {
        return value as f64 / 10f64.powi(i32::from(scale));
    }
    format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The shortest decimal that reads as this DOUBLE, at a scale; none if it is too large or not finite.
pub fn from_f64(value: f64, scale: u8, precision: u8) -> Option<i128> {
    value.is_finite().then(|| parse(&format!("{value:e}"), scale, precision).ok().flatten()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(rescale(125, 2, 1), Some(13));
        assert_eq!(rescale(-125, 2, 1), Some(-13));
        assert_eq!(rescale(124, 2, 1), Some(12));
        assert_eq!(divide(10, 3, 6, 38), Some(3_333_333));
        assert_eq!(divide(-2, 3, 0, 38), Some(-1));
    }

    #[test]
    fn text_is_read_at_a_scale() {
        assert_eq!(parse("-12.345", 2, 10), Ok(Some(-1235)));
        assert_eq!(parse("1e3", 1, 10), Ok(Some(10_000)));
        assert_eq!(parse(".5", 0, 10), Ok(Some(1)));
        assert_eq!(parse("0.04", 1, 10), Ok(Some(0)));
        assert_eq!(parse("0.004999", 2, 10), Ok(Some(0)));
        assert_eq!(parse("5e-3", 2, 10), Ok(Some(1)));
        assert_eq!(parse("5e-4", 2, 10), Ok(Some(0)));
        assert_eq!(parse("1000", 0, 3), Ok(None));
        assert_eq!(parse("0e999999999", 0, 3), Ok(Some(0)));
        assert_eq!(parse("x", 0, 3), Err(()));
    }

    #[test]
    fn products_beyond_128_bits_are_exact() {
        let large = pow10(37);
        assert_eq!(multiply(large, 15, 1, 0, 38), Some(15 * pow10(36)));
        assert_eq!(multiply(large, large, 37, 0, 38), Some(large));
        assert_eq!(multiply(large, large, 0, 0, 38), None);
    }

    #[test]
    fn doubles_become_their_shortest_decimal() {
        assert_eq!(from_f64(0.1, 20, 38), Some(10i128.pow(19)));
        assert_eq!(to_f64(12_345, 3), 12.345);
        assert_eq!(from_f64(f64::NAN, 0, 38), None);
    }
}
