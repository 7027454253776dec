//! Reading single values from text. `None` means: this is not such a value.

use tidemill_expr::scalar::days_from_civil;

const DAY_MS: i64 = 86_400_000;

/// A day number from `2013-01-31`.
pub fn date(text: &str) -> Option<i32> {
    let mut parts = text.trim().splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = (digits(year, 4, 4)?, digits(month, 1, 2)? as u32, digits(day, 1, 2)? as u32);
    is_date(year, month, day).then(|| days_from_civil(year, month, day) as i32)
}

/// Milliseconds of the day, and nanoseconds beyond them, from `05:00`, `05:00:00` or `05:00:00.123456789`.
pub fn time(text: &str) -> Option<(i64, u32)> {
    let (clock, fraction) = match text.trim().split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text.trim(), ""),
    };
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2, 2)?;
    let minute = digits(parts.next()?, 2, 2)?;
    let second = parts.next().map_or(Some(0), |second| digits(second, 2, 2))?;
    let nanos = if fraction.is_empty() { 0 } else { digits(fraction, 1, 9)? * 10_i64.pow(9 - fraction.len() as u32) };
    let valid = hour < 24 && minute < 60 && second < 60;
    let millis = ((hour * 60 + minute) * 60 + second) * 1000 + nanos / 1_000_000;
    valid.then_some((millis, (nanos % 1_000_000) as u32))
}

/// Milliseconds since 1970-01-01 00:00 and nanoseconds beyond them, from `2013-01-31 05:00:00.123`, where `separator` stands
/// between date and time.
pub fn timestamp(text: &str, separator: char) -> Option<(i64, u32)> {
    let text = text.trim();
    let (day, clock) = text.split_at_checked(text.find(separator)?)?;
    let (millis, nanos) = time(clock.get(1..)?)?;
    Some((i64::from(date(day)?) * DAY_MS + millis, nanos))
}

/// `true` or `false` in any case.
pub fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A decimal number, perhaps with an exponent, at `scale` digits behind the point, rounded half up; `None` also where it has
/// more than `precision` digits.
pub fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let text = text.trim();
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, number) = match number.as_bytes().first()? {
        b'-' => (true, &number[1..]),
        b'+' => (false, &number[1..]),
        _ => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    // The number is all digits × 10^(exponent - digits of the fraction); `shift` brings it to the wanted scale.
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(i32::from(scale))?;
    let all = whole.bytes().chain(fraction.bytes());
    let kept = (whole.len() + fraction.len()) as i64 + i64::from(shift.min(0));
    let mut value: i128 = 0;
    let mut half_up = false;
    for (at, digit) in (0i64..).zip(all) {
        let digit = i128::from(digit - b'0');
        if at < kept {
            value = value.checked_mul(10)?.checked_add(digit)?;
        } else if at == kept {
            half_up = digit >= 5;
        }
    }
    if value != 0 && shift > 0 {
        value = value.checked_mul(10_i128.checked_pow(shift as u32)?)?;
    }
    value += i128::from(half_up);
    let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    (value < limit).then_some(if negative { -value } else { value })
}

fn is_date(year: i64, month: u32, day: u32) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn digits(text: &str, least: usize, most: usize) -> Option<i64> {
    let valid = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_checked() {
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(date("2013-02-29"), None);
        assert_eq!(date("2013-13-01"), None);
        assert_eq!(time("05:00"), Some((18_000_000, 0)));
        assert_eq!(time("05:00:00.123456"), Some((18_000_123, 456_000)));
        assert_eq!(time("24:00:00"), None);
        assert_eq!(timestamp("2013-01-01 05:00:00.5", ' '), Some((1_357_016_400_500, 0)));
        assert_eq!(timestamp("2013-01-01T05:00:00", ' '), None);
        assert_eq!(timestamp("0001-01-01 00:00:00", ' '), Some((-62_135_596_800_000, 0)));
    }

    #[test]
    fn decimals_are_rounded_half_up_and_bounded() {
        assert_eq!(decimal("12.345", 10, 2), Some(1235));
        assert_eq!(decimal("-12.344", 10, 2), Some(-1234));
        assert_eq!(decimal("1.5e3", 10, 0), Some(1500));
        assert_eq!(decimal("1500e-3", 10, 1), Some(15));
        assert_eq!(decimal("0.004", 10, 2), Some(0));
        assert_eq!(decimal("999.995", 5, 2), None);
        assert_eq!(decimal(".5", 3, 0), Some(1));
        assert_eq!(decimal("5.", 3, 1), Some(50));
        assert_eq!(decimal("1e999999999", 38, 0), None);
        assert_eq!(decimal("0e999", 38, 0), Some(0));
        assert_eq!(decimal("", 38, 0), None);
        assert_eq!(decimal("1.2.3", 38, 0), None);
    }
}
