//! Days, clocks and their texts. Points in time are nanoseconds since 1970-01-01 00:00:00.

use tidemill_sql_parser::ast::TimeUnit;

pub(crate) const NANOS_OF_MS: i128 = 1_000_000;
pub(crate) const NANOS_OF_SECOND: i128 = 1_000_000_000;
pub(crate) const NANOS_OF_DAY: i128 = 86_400 * NANOS_OF_SECOND;

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 0001-01-01 to the first of January of `year`.
fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    365 * past + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

/// Days since 1970-01-01.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let before: i64 = (1..month).map(|m| days_in_month(year, m)).sum();
    days_before_year(year) - days_before_year(1970) + before + day - 1
}

/// Year, month, day.
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day.div_euclid(366);
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    while days(year, 1, 1) > day {
        year -= 1;
    }
    let mut rest = day - days(year, 1, 1);
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

/// The same day `months` later, or the last of that month.
pub(crate) fn add_months(day: i64, months: i64) -> i64 {
    let (year, month, of_month) = civil(day);
    let total = year * 12 + month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    days(year, month, of_month.min(days_in_month(year, month)))
}

/// Whole months from one point to another, negative if it is earlier.
pub(crate) fn months_between(from: i128, to: i128) -> i64 {
    if to < from {
        return -months_between(to, from);
    }
    let ((a, clock_a), (b, clock_b)) = (split(from), split(to));
    let ((year, month, day), (to_year, to_month, to_day)) = (civil(a), civil(b));
    let months = (to_year - year) * 12 + to_month - month;
    months - i64::from((to_day, clock_b) < (day, clock_a))
}

/// The day of a point in time, and the nanoseconds since its midnight.
pub(crate) fn split(nanos: i128) -> (i64, i128) {
    (nanos.div_euclid(NANOS_OF_DAY) as i64, nanos.rem_euclid(NANOS_OF_DAY))
}

/// Monday is 1.
fn iso_weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7) + 1
}

/// The week is that of its Thursday: the week's year and its number in it.
fn iso_week(day: i64) -> (i64, i64) {
    let thursday = day - iso_weekday(day) + 4;
    let year = civil(thursday).0;
    (year, (thursday - days(year, 1, 1)) / 7 + 1)
}

/// EXTRACT's number.
pub(crate) fn extract(unit: TimeUnit, nanos: i128) -> Option<i64> {
    let (day, clock) = split(nanos);
    let (year, month, of_month) = civil(day);
    let seconds = (clock / NANOS_OF_SECOND) as i64;
    Some(match unit {
        TimeUnit::Year => year,
        TimeUnit::IsoYear => iso_week(day).0,
        TimeUnit::Quarter => (month + 2) / 3,
        TimeUnit::Month => month,
        TimeUnit::Week => iso_week(day).1,
        TimeUnit::Day => of_month,
        TimeUnit::Dow => iso_weekday(day) % 7 + 1,
        TimeUnit::IsoDow => iso_weekday(day),
        TimeUnit::Doy => day - days(year, 1, 1) + 1,
        TimeUnit::Hour => seconds / 3600,
        TimeUnit::Minute => seconds / 60 % 60,
        TimeUnit::Second => seconds % 60,
        TimeUnit::Epoch => nanos.div_euclid(NANOS_OF_SECOND) as i64,
        _ => return None,
    })
}

/// The length of a unit that is always as long.
pub(crate) fn nanos_of(unit: TimeUnit) -> Option<i128> {
    Some(match unit {
        TimeUnit::Week => 7 * NANOS_OF_DAY,
        TimeUnit::Day => NANOS_OF_DAY,
        TimeUnit::Hour => 3600 * NANOS_OF_SECOND,
        TimeUnit::Minute => 60 * NANOS_OF_SECOND,
        TimeUnit::Second => NANOS_OF_SECOND,
        TimeUnit::Millisecond => NANOS_OF_MS,
        _ => return None,
    })
}

/// Months of a unit that is so many.
pub(crate) fn months_of(unit: TimeUnit) -> Option<i64> {
    Some(match unit {
        TimeUnit::Year => 12,
        TimeUnit::Quarter => 3,
        TimeUnit::Month => 1,
        _ => return None,
    })
}

/// The beginning of the unit that the point lies in; weeks begin on Sunday.
pub(crate) fn floor(nanos: i128, unit: TimeUnit) -> Option<i128> {
    let (day, _) = split(nanos);
    if let Some(months) = months_of(unit) {
        let (year, month, _) = civil(day);
        let first = days(year, (month - 1) / months * months + 1, 1);
        return Some(i128::from(first) * NANOS_OF_DAY);
    }
    if unit == TimeUnit::Week {
        return Some(i128::from(day - iso_weekday(day) % 7) * NANOS_OF_DAY);
    }
    let length = nanos_of(unit)?;
    Some(nanos.div_euclid(length) * length)
}

/// The point itself if a unit begins there, else the beginning of the next.
pub(crate) fn ceil(nanos: i128, unit: TimeUnit) -> Option<i128> {
    let begin = floor(nanos, unit)?;
    if begin == nanos {
        return Some(begin);
    }
    match months_of(unit) {
        Some(months) => Some(i128::from(add_months(split(begin).0, months)) * NANOS_OF_DAY),
        None => Some(begin + nanos_of(unit)?),
    }
}

pub(crate) fn print_date(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `12:30:00.5`: `digits` places, more if the time has more.
pub(crate) fn print_time(clock: i128, digits: u32) -> String {
    let seconds = clock / NANOS_OF_SECOND;
    let mut fraction = format!("{:09}", clock % NANOS_OF_SECOND);
    while fraction.len() > digits as usize && fraction.ends_with('0') {
        fraction.pop();
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{:02}:{:02}:{:02}{point}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

pub(crate) fn print_timestamp(nanos: i128, digits: u32) -> String {
    let (day, clock) = split(nanos);
    format!("{} {}", print_date(day), print_time(clock, digits))
}

fn number(text: &str, length_max: usize) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= length_max && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let valid = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| days(year, month, day))
}

/// Nanoseconds of the day, and how many places the fraction has.
pub(crate) fn parse_time(text: &str) -> Option<(i128, u32)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds = 0;
    let parts: Vec<&str> = clock.split(':').collect();
    if parts.len() < 2 || parts.len() > 3 {
        return None;
    }
    for (part, (limit, factor)) in parts.iter().zip([(24, 3600), (60, 60), (60, 1)]) {
        let part = number(part, 2)?;
        if part >= limit {
            return None;
        }
        seconds += part * factor;
    }
    let places = u32::try_from(fraction.len()).ok()?;
    let nanos = if places == 0 { 0 } else { number(&format!("{fraction:0<9}"), 9)? };
    Some((i128::from(seconds) * NANOS_OF_SECOND + i128::from(nanos), places))
}

/// A point in time, and how many places its fraction has; the clock may be missing.
pub(crate) fn parse_timestamp(text: &str) -> Option<(i128, u32)> {
    let text = text.trim();
    let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let (clock, places) = parse_time(clock)?;
    Some((i128::from(parse_date(date)?) * NANOS_OF_DAY + clock, places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
        assert_eq!(print_date(0), "1970-01-01");
        assert_eq!(print_date(days(2000, 2, 29)), "2000-02-29");
        assert_eq!(print_date(add_months(days(2013, 1, 31), 1)), "2013-02-28");
    }

    #[test]
    fn units_are_those_of_the_calendar() {
        let at = parse_timestamp("2021-01-03 23:59:58.125").map(|(at, _)| at).unwrap_or_default();
        assert_eq!(extract(TimeUnit::Week, at), Some(53), "a Sunday of the year before's last week");
        assert_eq!(extract(TimeUnit::Dow, at), Some(1));
        assert_eq!(print_timestamp(floor(at, TimeUnit::Quarter).unwrap_or_default(), 0), "2021-01-01 00:00:00");
        assert_eq!(print_timestamp(ceil(at, TimeUnit::Month).unwrap_or_default(), 0), "2021-02-01 00:00:00");
        assert_eq!(print_timestamp(at, 3), "2021-01-03 23:59:58.125");
        assert_eq!(parse_timestamp("2021-02-29"), None);
    }
}
