//! Digits: integers, decimals, dates and intervals as SQL writes them.

use tidemill_expr::scalar::civil_from_days;

/// Appends a number.
pub fn push_int(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    push_unsigned(out, u128::from(number.unsigned_abs()), 1);
}

/// Appends a number with zeros in front to at least `width` digits.
pub fn push_padded(out: &mut String, number: u32, width: usize) {
    push_unsigned(out, u128::from(number), width);
}

fn push_unsigned(out: &mut String, number: u128, width: usize) {
    let mut digits = [b'0'; 40];
    let mut at = digits.len();
    // 64-bit division where it suffices: 128-bit is many times slower.
    let mut high = number;
    while high > u128::from(u64::MAX) {
        at -= 1;
        digits[at] = b'0' + (high % 10) as u8;
        high /= 10;
    }
    let mut low = high as u64;
    while low > 0 {
        at -= 1;
        digits[at] = b'0' + (low % 10) as u8;
        low /= 10;
    }
    let start = at.min(digits.len() - width.clamp(1, digits.len()));
    // Only ASCII digits were written.
    out.push_str(std::str::from_utf8(&digits[start..]).unwrap_or_default());
}

/// Appends a decimal with all digits after its point.
pub fn push_decimal(out: &mut String, value: i128, scale: u8) {
    if value < 0 {
        out.push('-');
    }
    let start = out.len();
    push_unsigned(out, value.unsigned_abs(), usize::from(scale) + 1);
    if scale > 0 {
        let point = out.len() - usize::from(scale);
        debug_assert!(point > start);
        out.insert(point, '.');
    }
}

/// Appends a date, `2013-01-01`.
pub fn push_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    if year < 0 {
        out.push('-');
    }
    push_unsigned(out, u128::from(year.unsigned_abs()), 4);
    out.push('-');
    push_padded(out, month, 2);
    out.push('-');
    push_padded(out, day, 2);
}

/// Appends an interval of months, `+1-02`.
pub fn push_months(out: &mut String, months: i32) {
    out.push(if months < 0 { '-' } else { '+' });
    let months = months.unsigned_abs();
    push_padded(out, months / 12, 1);
    out.push('-');
    push_padded(out, months % 12, 2);
}

/// Appends an interval of milliseconds, `+1 02:03:04.005`.
pub fn push_millis(out: &mut String, millis: i64) {
    out.push(if millis < 0 { '-' } else { '+' });
    let millis = millis.unsigned_abs();
    push_unsigned(out, u128::from(millis / 86_400_000), 1);
    let of_day = millis % 86_400_000;
    let parts = [
        (' ', of_day / 3_600_000, 2),
        (':', of_day / 60_000 % 60, 2),
        (':', of_day / 1000 % 60, 2),
        ('.', of_day % 1000, 3),
    ];
    for (before, number, width) in parts {
        out.push(before);
        push_padded(out, number as u32, width);
    }
}
