//! Units of time, as in `EXTRACT(HOUR FROM x)`, `FLOOR(x TO DAY)`, `TIMESTAMPADD(MONTH, 1, x)`.

use tidemill_expr::Operand;

use crate::civil::{Civil, DAY_MS, add_months, iso_week, iso_weekday};
use tidemill_expr::scalar::{civil_from_days, days_from_civil};

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
}

impl Unit {
    /// The unit of a word.
    pub fn parse(word: &str) -> Option<Unit> {
        let upper = word.to_ascii_uppercase();
        let word = upper.strip_prefix("SQL_TSI_").unwrap_or(&upper);
        Some(match word {
            "MILLENNIUM" => Unit::Millennium,
            "CENTURY" => Unit::Century,
            "DECADE" => Unit::Decade,
            "YEAR" => Unit::Year,
            "ISOYEAR" => Unit::IsoYear,
            "QUARTER" => Unit::Quarter,
            "MONTH" => Unit::Month,
            "WEEK" => Unit::Week,
            "DAY" => Unit::Day,
            "DOW" => Unit::DayOfWeek,
            "ISODOW" => Unit::IsoDayOfWeek,
            "DOY" => Unit::DayOfYear,
            "HOUR" => Unit::Hour,
            "MINUTE" => Unit::Minute,
            "SECOND" => Unit::Second,
            "MILLISECOND" => Unit::Millisecond,
            "MICROSECOND" => Unit::Microsecond,
            "NANOSECOND" => Unit::Nanosecond,
            "EPOCH" => Unit::Epoch,
            _ => return None,
        })
    }

    /// The unit that a constant argument names.
    pub fn of(arg: Option<&Operand<'_>>) -> Result<Unit, String> {
        let word = arg.and_then(Operand::text).ok_or_else(|| "a unit of time is missing".to_owned())?;
        Unit::parse(word).ok_or_else(|| format!("{word} is no unit of time"))
    }

    /// Milliseconds, of units that always have as many.
    pub fn millis(self) -> Option<i64> {
        Some(match self {
            Unit::Week => 7 * DAY_MS,
            Unit::Day => DAY_MS,
            Unit::Hour => 3_600_000,
            Unit::Minute => 60_000,
            Unit::Second => 1_000,
            Unit::Millisecond => 1,
            _ => return None,
        })
    }

    /// Months, of units made of them.
    pub fn months(self) -> Option<i64> {
        Some(match self {
            Unit::Millennium => 12_000,
            Unit::Century => 1_200,
            Unit::Decade => 120,
            Unit::Year => 12,
            Unit::Quarter => 3,
            Unit::Month => 1,
            _ => return None,
        })
    }

    /// What EXTRACT gives. Years of centuries count from 1: the year 2000 is in the 20th.
    pub fn extract(self, time: &Civil) -> i64 {
        let days = || time.days();
        match self {
            Unit::Millennium => (time.year + 999).div_euclid(1000),
            Unit::Century => (time.year + 99).div_euclid(100),
            Unit::Decade => time.year.div_euclid(10),
            Unit::Year => time.year,
            Unit::IsoYear => iso_week(days()).0,
            Unit::Quarter => i64::from((time.month - 1) / 3 + 1),
            Unit::Month => i64::from(time.month),
            Unit::Week => i64::from(iso_week(days()).1),
            Unit::Day => i64::from(time.day),
            Unit::DayOfWeek => i64::from(iso_weekday(days()) % 7 + 1),
            Unit::IsoDayOfWeek => i64::from(iso_weekday(days())),
            Unit::DayOfYear => days() - days_from_civil(time.year, 1, 1) + 1,
            Unit::Hour => i64::from(time.hour()),
            Unit::Minute => i64::from(time.minute()),
            Unit::Second => i64::from(time.second()),
            Unit::Millisecond => i64::from(time.milli()),
            Unit::Microsecond => i64::from(time.nano_of_second() / 1000),
            Unit::Nanosecond => i64::from(time.nano_of_second()),
            Unit::Epoch => time.local_ms().div_euclid(1000),
        }
    }

    /// The beginning of the unit that local milliseconds lie in.
    pub fn floor(self, local_ms: i64) -> i64 {
        let to = |unit: i64| local_ms.wrapping_sub(local_ms.rem_euclid(unit));
        let days = local_ms.div_euclid(DAY_MS);
        if let (Some(millis), true) = (self.millis(), self != Unit::Week) {
            return to(millis);
        }
        let time = Civil::from_local_ms(local_ms, 0);
        let start = match self {
            // Weeks begin on Sunday, as in Flink.
            Unit::Week => days - (i64::from(iso_weekday(days)) % 7),
            Unit::Month => days_from_civil(time.year, time.month, 1),
            Unit::Quarter => days_from_civil(time.year, (time.month - 1) / 3 * 3 + 1, 1),
            Unit::Year | Unit::IsoYear => days_from_civil(time.year, 1, 1),
            Unit::Decade => days_from_civil(time.year.div_euclid(10) * 10, 1, 1),
            Unit::Century => days_from_civil((time.year - 1).div_euclid(100) * 100 + 1, 1, 1),
            Unit::Millennium => days_from_civil((time.year - 1).div_euclid(1000) * 1000 + 1, 1, 1),
            _ => return local_ms,
        };
        start.wrapping_mul(DAY_MS)
    }

    /// The beginning of the next unit, or the same time where one begins.
    pub fn ceil(self, local_ms: i64) -> i64 {
        let floor = self.floor(local_ms);
        if floor == local_ms {
            return local_ms;
        }
        match (self.millis(), self.months()) {
            (Some(millis), _) => floor.wrapping_add(millis),
            (None, Some(months)) => add_months(floor.div_euclid(DAY_MS), months).wrapping_mul(DAY_MS),
            (None, None) => local_ms,
        }
    }
}

/// Whole months from one local time to another, as Flink counts them: between the days, the same in either direction; and
/// one less if the later day is reached, but not yet the time of the day.
pub(crate) fn months_between(from_ms: i64, to_ms: i64) -> i64 {
    let (from, to) = (from_ms.div_euclid(DAY_MS), to_ms.div_euclid(DAY_MS));
    let months = if to < from { -months_between_days(to, from) } else { months_between_days(from, to) };
    let early = to_ms.rem_euclid(DAY_MS) < from_ms.rem_euclid(DAY_MS);
    months - i64::from(early && add_months(from, months) == to)
}

/// Whole months from a day to a later one; the last day of a shorter month completes a month.
fn months_between_days(from: i64, to: i64) -> i64 {
    let (start, end) = (civil_from_days(from), civil_from_days(to));
    let months = (end.0 - start.0) * 12 + i64::from(end.1) - i64::from(start.1);
    if add_months(from, months) > to { months - 1 } else { months }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(from: (i64, u32, u32), to: (i64, u32, u32)) -> i64 {
        let millis = |(year, month, day)| days_from_civil(year, month, day) * DAY_MS;
        months_between(millis(from), millis(to))
    }

    #[test]
    fn months_are_the_same_in_either_direction() {
        for (from, to, expected) in [
            ((2020, 1, 31), (2020, 2, 29), 1),
            ((2020, 3, 31), (2020, 4, 30), 1),
            ((2020, 2, 29), (2021, 2, 28), 12),
            ((2020, 1, 31), (2020, 2, 28), 0),
            ((2020, 2, 29), (2020, 3, 28), 0),
            ((2020, 2, 29), (2020, 3, 29), 1),
        ] {
            assert_eq!(months(from, to), expected, "{from:?} {to:?}");
            assert_eq!(months(to, from), -expected, "{to:?} {from:?}");
        }
    }

    #[test]
    fn the_time_of_the_day_counts_where_the_day_is_reached() {
        let day = days_from_civil(2020, 1, 31) * DAY_MS;
        let later = days_from_civil(2020, 2, 29) * DAY_MS;
        assert_eq!(months_between(day + 1, later), 0);
        assert_eq!(months_between(day, later + 1), 1);
        // Backwards Flink takes a month more, not less.
        assert_eq!(months_between(later + 1, day + 2 * DAY_MS), 0);
        assert_eq!(months_between(day + 1, day), -1);
    }

    #[test]
    fn units_hold_at_the_ends_of_64_bits() {
        for unit in [Unit::Day, Unit::Week, Unit::Month, Unit::Year, Unit::Millennium, Unit::Hour] {
            for end in [i64::MIN, i64::MAX] {
                unit.floor(end);
                unit.ceil(end);
                unit.extract(&Civil::from_local_ms(end, 0));
            }
        }
    }
}
