//! Text as Java's `toString` gives it: what Flink's users see of decimals, and of times in the `print` connector.

use super::digits::{push_decimal, push_int, push_padded};
use super::push_date;
use crate::civil::{Civil, DAY_MS};

/// Appends a DECIMAL as `BigDecimal.toString` does: an exponent where more than six zeros would follow the point.
pub fn push_big_decimal(out: &mut String, value: i128, scale: u8) {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |digits| digits as i32 + 1);
    let exponent = digits - 1 - i32::from(scale);
    if exponent >= -6 {
        return push_decimal(out, value, scale);
    }
    push_decimal(out, value, (digits - 1) as u8);
    out.push('E');
    push_int(out, i64::from(exponent));
}

/// Appends `LocalTime.toString`: seconds and fraction only where they are not zero, the fraction in threes.
pub fn push_local_time(out: &mut String, time: &Civil) {
    push_padded(out, time.hour(), 2);
    out.push(':');
    push_padded(out, time.minute(), 2);
    if time.second() > 0 || time.nano_of_second() > 0 {
        out.push(':');
        push_padded(out, time.second(), 2);
        push_fraction(out, time.nano_of_second());
    }
}

/// Appends `LocalDateTime.toString`, or of a moment `Instant.toString`.
pub fn push_date_time(out: &mut String, millis: i64, nanos: u32, moment: bool) {
    let time = Civil::from_local_ms(millis, nanos);
    push_date(out, millis.div_euclid(DAY_MS));
    out.push('T');
    if !moment {
        return push_local_time(out, &time);
    }
    push_padded(out, time.hour(), 2);
    out.push(':');
    push_padded(out, time.minute(), 2);
    out.push(':');
    push_padded(out, time.second(), 2);
    push_fraction(out, time.nano_of_second());
    out.push('Z');
}

fn push_fraction(out: &mut String, nanos: u32) {
    if nanos == 0 {
        return;
    }
    out.push('.');
    if nanos.is_multiple_of(1_000_000) {
        push_padded(out, nanos / 1_000_000, 3);
    } else if nanos.is_multiple_of(1000) {
        push_padded(out, nanos / 1000, 6);
    } else {
        push_padded(out, nanos, 9);
    }
}

/// Appends `Period.toString` of months: `P1Y2M`.
pub fn push_period(out: &mut String, months: i32) {
    if months == 0 {
        return out.push_str("P0D");
    }
    out.push('P');
    for (number, unit) in [(months / 12, 'Y'), (months % 12, 'M')] {
        if number != 0 {
            push_int(out, i64::from(number));
            out.push(unit);
        }
    }
}

/// Appends `Duration.toString` of milliseconds: `PT1H2M3.004S`.
pub fn push_duration(out: &mut String, millis: i64) {
    if millis == 0 {
        return out.push_str("PT0S");
    }
    out.push_str("PT");
    for (number, unit) in [(millis / 3_600_000, 'H'), (millis / 60_000 % 60, 'M')] {
        if number != 0 {
            push_int(out, number);
            out.push(unit);
        }
    }
    let rest = millis % 60_000;
    if rest != 0 {
        push_decimal(out, i128::from(rest), 3);
        let kept = out.trim_end_matches('0').trim_end_matches('.').len();
        out.truncate(kept);
        out.push('S');
    }
}
