//! Local time for windows over TIMESTAMP_LTZ: such windows are aligned to the clock on the wall, and close when it says so.
//!
//! Where a clock is set back a local time happens twice, where it is set forward some never happen.

use tidemill_core::Result;
use tidemill_expr::TimeZone;

const DAY_MS: i64 = 86_400_000;

/// The zone that windows are aligned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// A zone by its name; empty is UTC.
    pub fn parse(text: &str) -> Result<Zone> {
        Ok(Zone(if text.is_empty() { TimeZone::UTC } else { TimeZone::parse(text)? }))
    }

    /// True where local time is UTC.
    pub fn is_utc(self) -> bool {
        self.0.is_utc()
    }

    /// The local time of a moment.
    pub fn to_local(self, moment: i64) -> i64 {
        moment.saturating_add(self.0.offset_ms(moment))
    }

    /// The local times of moments.
    pub fn all_to_local(self, moments: &[i64], local: &mut Vec<i64>) {
        local.clear();
        // Rows of a batch are mostly of the same second, and no zone changes within one.
        let (mut second, mut ahead) = (i64::MIN, 0);
        for moment in moments {
            if moment.div_euclid(1000) != second {
                second = moment.div_euclid(1000);
                ahead = self.0.offset_ms(*moment);
            }
            local.push(moment.saturating_add(ahead));
        }
    }

    /// The moment of a local time: the earlier one of two; where there is none, as if the clock had not been set yet.
    pub fn to_moment(self, local: i64) -> i64 {
        if self.is_utc() || local == i64::MAX { local } else { self.0.to_epoch_ms(local) }
    }

    /// The moment at which a window whose last local millisecond is `local` is over: the later one of two; where there is
    /// none, when the clock is set forward.
    pub fn to_closing_moment(self, local: i64) -> i64 {
        let first = self.to_moment(local);
        let TimeZone::Named(_) = self.0 else { return first };
        // The offset of a day later is the one behind a change of the clock, if there was one.
        let day_later = first.saturating_add(DAY_MS);
        let later = local.saturating_sub(self.to_local(day_later) - day_later);
        if later > first && self.to_local(later) == local {
            return later;
        }
        if self.to_local(first) == local {
            return first;
        }
        // Local time jumps over `local`: the first moment behind it.
        let (mut low, mut high) = (first.saturating_sub(DAY_MS), first);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.to_local(middle) > local { high = middle } else { low = middle + 1 }
        }
        low
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_window_over_the_hour_that_happens_twice_closes_at_its_second_end() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let back = 1_698_541_200_000; // 2023-10-29 01:00 UTC, the clock goes from 03:00 to 02:00
        let local = berlin.to_local(back);
        assert_eq!(local, back + HOUR);
        assert_eq!(berlin.to_moment(local), back - HOUR);
        assert_eq!(berlin.to_closing_moment(local), back);
    }

    #[test]
    fn a_window_over_the_hour_that_never_happens_closes_when_the_clock_is_set() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let forward = 1_679_792_400_000; // 2023-03-26 01:00 UTC, the clock goes from 02:00 to 03:00
        let missing = forward + HOUR + HOUR / 2;
        assert_eq!(berlin.to_closing_moment(missing), forward);
    }

    #[test]
    fn ordinary_times_go_there_and_back() {
        for name in ["", "GMT+02:00", "Europe/Berlin", "America/New_York"] {
            let zone = Zone::parse(name).unwrap();
            let moment = 1_690_000_000_123;
            assert_eq!(zone.to_moment(zone.to_local(moment)), moment);
            assert_eq!(zone.to_closing_moment(zone.to_local(moment)), moment);
        }
    }

    #[test]
    fn many_moments_are_converted_like_one() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let moments: Vec<i64> = (0..100).map(|i| 1_698_541_200_000 + (i - 50) * 333).collect();
        let mut local = Vec::new();
        berlin.all_to_local(&moments, &mut local);
        assert!(moments.iter().zip(&local).all(|(moment, local)| berlin.to_local(*moment) == *local));
    }
}
