//! Time zones: between moments and local time, as Java's `ZonedDateTime` does it.
//!
//! A local time that occurs twice means the first one; one that does not occur (a gap) is moved forward by the gap.

use std::fmt;

use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone as _};
use chrono_tz::Tz;
use tidemill_core::{Failure, Result};

/// A session's time zone (`table.local-time-zone`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeZone {
    /// A constant distance from UTC, in seconds to the east.
    Fixed(i32),
    /// A zone of the IANA database.
    Named(Tz),
}

impl TimeZone {
    /// UTC.
    pub const UTC: TimeZone = TimeZone::Fixed(0);

    /// Reads `UTC`, `Z`, `+02:00`, `GMT+8`, `UTC-03:30`, `Europe/Berlin`.
    pub fn parse(text: &str) -> Result<TimeZone> {
        let trimmed = text.trim();
        let upper = trimmed.to_ascii_uppercase();
        if matches!(upper.as_str(), "UTC" | "GMT" | "Z" | "UT" | "ETC/UTC") {
            return Ok(TimeZone::UTC);
        }
        let rest = ["UTC", "GMT", "UT"].iter().find_map(|prefix| upper.strip_prefix(prefix)).unwrap_or(&upper);
        if let Some(seconds) = offset_seconds(rest) {
            return Ok(TimeZone::Fixed(seconds));
        }
        let named = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(trimmed));
        named.map(|zone| TimeZone::Named(*zone)).ok_or_else(|| {
            let advice = "write a name such as 'Europe/Berlin' or a distance from UTC such as 'GMT+08:00'";
            Failure::user("time-zone.unknown", format!("there is no time zone '{text}': {advice}"))
        })
    }

    /// True where local time is UTC.
    pub fn is_utc(self) -> bool {
        self == TimeZone::UTC
    }

    /// How far local time is ahead of UTC at a moment, in milliseconds.
    pub fn offset_ms(self, epoch_ms: i64) -> i64 {
        match self {
            TimeZone::Fixed(seconds) => i64::from(seconds) * 1000,
            TimeZone::Named(zone) => match DateTime::from_timestamp_millis(epoch_ms) {
                Some(moment) => seconds_of(&zone.offset_from_utc_datetime(&moment.naive_utc())) * 1000,
                None => 0,
            },
        }
    }

    /// Local milliseconds of a moment.
    pub fn to_local_ms(self, epoch_ms: i64) -> i64 {
        epoch_ms.wrapping_add(self.offset_ms(epoch_ms))
    }

    /// The moment of local milliseconds.
    pub fn to_epoch_ms(self, local_ms: i64) -> i64 {
        match self {
            TimeZone::Fixed(seconds) => local_ms.wrapping_sub(i64::from(seconds) * 1000),
            TimeZone::Named(zone) => {
                let Some(local) = DateTime::from_timestamp_millis(local_ms).map(|moment| moment.naive_utc()) else {
                    return local_ms;
                };
                let offset = zone.offset_from_local_datetime(&local).earliest().as_ref().map(seconds_of);
                local_ms.wrapping_sub(offset.unwrap_or_else(|| before_gap(zone, local)) * 1000)
            }
        }
    }
}

/// The distance from UTC that held before the gap that `local` falls into.
fn before_gap(zone: Tz, local: NaiveDateTime) -> i64 {
    let day_before = local.checked_sub_signed(Duration::days(1)).unwrap_or(local);
    zone.offset_from_local_datetime(&day_before).earliest().as_ref().map_or(0, seconds_of)
}

fn seconds_of(offset: &impl Offset) -> i64 {
    i64::from(offset.fix().local_minus_utc())
}

/// `+8`, `+08`, `-0330`, `+03:30`, `+03:30:15` in seconds.
fn offset_seconds(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = &text[1..];
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse::<i32>().ok());
    let seconds = match digits.len() {
        1 => number(0..1)? * 3600,
        2 => number(0..2)? * 3600,
        3 => number(0..1)? * 3600 + number(1..3)? * 60,
        4 => number(0..2)? * 3600 + number(2..4)? * 60,
        6 => number(0..2)? * 3600 + number(2..4)? * 60 + number(4..6)?,
        _ => return None,
    };
    (seconds <= 18 * 3600).then_some(sign * seconds)
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TimeZone::UTC => f.write_str("UTC"),
            TimeZone::Named(zone) => f.write_str(zone.name()),
            TimeZone::Fixed(seconds) => {
                let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
                write!(f, "GMT{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn fixed_and_named_zones_are_read() {
        assert_eq!(TimeZone::parse("GMT+08:00").unwrap(), TimeZone::Fixed(8 * 3600));
        assert_eq!(TimeZone::parse("-03:30").unwrap(), TimeZone::Fixed(-12_600));
        assert_eq!(TimeZone::parse("europe/berlin").unwrap().to_string(), "Europe/Berlin");
        assert!(TimeZone::parse("Atlantis").unwrap_err().to_string().contains("Europe/Berlin"));
    }

    #[test]
    fn a_local_time_in_a_gap_moves_forward_and_a_doubled_one_is_the_first() {
        let berlin = TimeZone::parse("Europe/Berlin").unwrap();
        // 2021-03-28 02:30 does not exist; 2021-10-31 02:30 exists twice.
        let gap = 1_616_898_600_000;
        assert_eq!(berlin.to_local_ms(berlin.to_epoch_ms(gap)), gap + HOUR);
        let twice = 1_635_647_400_000;
        assert_eq!(berlin.to_epoch_ms(twice), twice - 2 * HOUR);
    }
}
