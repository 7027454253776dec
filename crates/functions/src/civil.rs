//! Local dates and times: fields of a timestamp, and reading them from text as Flink does.

use tidemill_expr::scalar::{civil_from_days, days_from_civil};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A local date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Proleptic Gregorian year.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// Milliseconds of the day.
    pub of_day_ms: i64,
    /// Nanoseconds within the millisecond.
    pub nanos: u32,
}

impl Civil {
    /// The fields of local milliseconds.
    pub fn from_local_ms(millis: i64, nanos: u32) -> Civil {
        let (year, month, day) = civil_from_days(millis.div_euclid(DAY_MS));
        Civil { year, month, day, of_day_ms: millis.rem_euclid(DAY_MS), nanos }
    }

    /// Local milliseconds.
    pub fn local_ms(self) -> i64 {
        // Of the first and last days of 64 bits the midnight may lie outside: what wraps there comes back.
        days_from_civil(self.year, self.month, self.day).wrapping_mul(DAY_MS).wrapping_add(self.of_day_ms)
    }

    /// The day number.
    pub fn days(self) -> i64 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// 0 to 23.
    pub fn hour(self) -> u32 {
        (self.of_day_ms / 3_600_000) as u32
    }

    /// 0 to 59.
    pub fn minute(self) -> u32 {
        (self.of_day_ms / 60_000 % 60) as u32
    }

    /// 0 to 59.
    pub fn second(self) -> u32 {
        (self.of_day_ms / 1000 % 60) as u32
    }

    /// 0 to 999.
    pub fn milli(self) -> u32 {
        (self.of_day_ms % 1000) as u32
    }

    /// Nanoseconds within the second.
    pub fn nano_of_second(self) -> u32 {
        self.milli() * 1_000_000 + self.nanos
    }
}

/// Days of a month.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether a year has a 29 February.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Monday is 1, Sunday 7.
pub fn iso_weekday(days: i64) -> u32 {
    ((days + 3).rem_euclid(7) + 1) as u32
}

/// The ISO week and the year it belongs to.
pub fn iso_week(days: i64) -> (i64, u32) {
    let thursday = days - i64::from(iso_weekday(days)) + 4;
    let (year, _, _) = civil_from_days(thursday);
    (year, ((thursday - days_from_civil(year, 1, 1)) / 7 + 1) as u32)
}

/// A day some months later; at the end of a shorter month, its last day. Months are an INT, as in an interval: more wrap.
pub fn add_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let total = year * 12 + i64::from(month) - 1 + i64::from(months as i32);
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    days_from_civil(year, month, day.min(days_in_month(year, month)))
}

/// Reads `2013-01-02`, `2013-1-2`, also with a time behind it that is ignored; missing parts are 1.
pub fn parse_date(text: &str) -> Option<i64> {
    let text = text.trim();
    let date = text.split([' ', 'T']).next()?;
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))? as u32;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))? as u32;
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

/// Reads `12:30:45.123456789`, `12:30`, `12`: milliseconds of the day and nanoseconds within the millisecond.
pub fn parse_time(text: &str) -> Option<(i64, u32)> {
    let (clock, fraction) = match text.trim().split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text.trim(), ""),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    let second = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = fraction_nanos(fraction)?;
    let millis = (hour * 3600 + minute * 60 + second) * 1000 + i64::from(nanos / 1_000_000);
    Some((millis, nanos % 1_000_000))
}

/// The nanoseconds of the digits after the point; more than nine are cut off.
pub fn fraction_nanos(digits: &str) -> Option<u32> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(
        digits
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(9)
            .fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')),
    )
}

/// Reads a date and a time apart by a space or `T`: local milliseconds and nanoseconds. The time may be missing. A `Z` at
/// the end is accepted and ignored.
pub fn parse_timestamp(text: &str) -> Option<(i64, u32)> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, "0"),
    };
    let (millis, nanos) = parse_time(time)?;
    Some((parse_date(date)? * DAY_MS + millis, nanos))
}

fn digits(text: &str, most: usize) -> Option<i64> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read() {
        assert_eq!(parse_date("2013-1-2"), Some(15_707));
        assert_eq!(parse_date("2013-02-29"), None);
        assert_eq!(parse_timestamp("1970-01-02 00:00:01.5"), Some((DAY_MS + 1_500, 0)));
        assert_eq!(parse_timestamp("1970-01-01T00:00:00.000001Z"), Some((0, 1_000)));
        assert_eq!(parse_timestamp("1970-01-01"), Some((0, 0)));
        assert_eq!(parse_timestamp("yesterday"), None);
    }

    #[test]
    fn weeks_begin_on_monday_and_belong_to_the_year_of_their_thursday() {
        let days = |year, month, day| days_from_civil(year, month, day);
        assert_eq!(iso_weekday(days(2013, 1, 1)), 2);
        assert_eq!(iso_week(days(2021, 1, 3)), (2020, 53));
        assert_eq!(iso_week(days(2013, 12, 30)), (2014, 1));
    }

    #[test]
    fn months_are_added_to_the_end_of_a_shorter_month() {
        assert_eq!(add_months(days_from_civil(2013, 1, 31), 1), days_from_civil(2013, 2, 28));
        assert_eq!(add_months(days_from_civil(2013, 1, 31), -2), days_from_civil(2012, 11, 30));
    }
}
