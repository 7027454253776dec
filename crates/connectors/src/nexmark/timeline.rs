//! From an event's number to its time and to the ids that exist by then.
//!
//! Events come in epochs (50 by default): persons, then auctions, then bids. Ids count up from 1,000.

use super::settings::Settings;

/// The first id of persons and of auctions.
pub const FIRST_ID: i64 = 1000;
/// Hot people and auctions change after this many of them.
const HOT_STRIDE: i64 = 100;
/// Auctions in flight at a time.
const AUCTIONS_IN_FLIGHT: i64 = 100;
/// People that may bid or sell at a time.
const PEOPLE_ACTIVE: i64 = 1000;
/// How far ahead ids may reach that do not exist yet.
const ID_LEAD: i64 = 10;

/// A range of ids to choose from: `first .. first + count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The smallest id.
    pub first: i64,
    /// How many.
    pub count: u32,
}

/// What holds for all bids and auctions of an epoch.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// The last person's number, from 0.
    last_person: i64,
    /// The number of the epoch's first auction, from 0.
    pub first_auction: i64,
    /// The number of the epoch's last auction, from 0.
    last_auction: i64,
}

impl Epoch {
    /// The epoch of that number.
    pub fn new(number: u64, settings: &Settings) -> Epoch {
        let (persons, auctions) = (settings.persons as i64, settings.auctions as i64);
        let number = number as i64;
        Epoch {
            last_person: number * persons + persons - 1,
            first_auction: number * auctions,
            last_auction: number * auctions + auctions - 1,
        }
    }

    /// The auction that most bids are for.
    pub fn hot_auction(&self) -> i64 {
        FIRST_ID + self.last_auction / HOT_STRIDE * HOT_STRIDE
    }

    /// The auctions that the other bids are for: those in flight and a few to come.
    pub fn open_auctions(&self) -> Ids {
        let first = (self.last_auction - AUCTIONS_IN_FLIGHT).max(0);
        Ids { first: FIRST_ID + first, count: (self.last_auction - first + 1 + ID_LEAD) as u32 }
    }

    /// The person that most auctions are by.
    pub fn hot_seller(&self) -> i64 {
        FIRST_ID + self.last_person / HOT_STRIDE * HOT_STRIDE
    }

    /// The person that most bids are by; never the hot seller.
    pub fn hot_bidder(&self) -> i64 {
        self.hot_seller() + 1
    }

    /// The persons that other auctions and bids are by: the active ones and a few to come.
    pub fn active_people(&self) -> Ids {
        let people = self.last_person + 1;
        let active = people.min(PEOPLE_ACTIVE);
        Ids { first: FIRST_ID + people - active, count: (active + ID_LEAD) as u32 }
    }
}

/// Event times, in fixed point: exact for every rate up to 80 M events a second of event time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base_ms: i64,
    epoch: u64,
    /// Milliseconds per epoch, with 64 bits behind the point, rounded up.
    epoch_step: u128,
    /// Milliseconds per event, with 32 bits behind the point, rounded up.
    event_step: u64,
}

/// Where an epoch begins: milliseconds, and 32 bits behind the point.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    ms: i64,
    fraction: u64,
    step: u64,
}

impl Clock {
    /// The clock of these settings.
    pub fn new(settings: &Settings) -> Clock {
        let rate = settings.events_per_second;
        Clock {
            base_ms: settings.base_time_ms,
            epoch: settings.epoch(),
            epoch_step: (u128::from(settings.epoch() * 1000) << 64).div_ceil(u128::from(rate)),
            event_step: (1000u64 << 32).div_ceil(rate),
        }
    }

    /// Where an epoch begins.
    pub fn start(&self, epoch: u64) -> Start {
        let since = u128::from(epoch) * self.epoch_step;
        let fraction = u64::from((since >> 32) as u32);
        Start { ms: self.base_ms + (since >> 64) as i64, fraction, step: self.event_step }
    }

    /// The time of an event, in milliseconds since the epoch of Unix.
    pub fn time_ms(&self, event: u64) -> i64 {
        self.start(event / self.epoch).time_ms(event % self.epoch)
    }
}

impl Start {
    /// The time of the event at this offset in the epoch.
    #[inline(always)]
    pub fn time_ms(&self, offset: u64) -> i64 {
        self.ms + ((self.fraction + offset * self.step) >> 32) as i64
    }
}

/// Milliseconds until as many further auctions have begun as are in flight at a time: half the longest auction.
pub fn horizon_ms(clock: &Clock, event: u64, settings: &Settings) -> i64 {
    let events = AUCTIONS_IN_FLIGHT as u64 * settings.epoch() / settings.auctions;
    clock.time_ms(event + events) - clock.time_ms(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_at_every_rate() {
        for rate in [1, 3, 7, 999, 10_000, 1_000_003, 10_000_000] {
            let settings = Settings { events_per_second: rate, ..Settings::default() };
            let clock = Clock::new(&settings);
            for event in (0..10_000).chain((1_000_000_000..1_000_010_000).step_by(7)) {
                let exact = (u128::from(event) * 1000 / u128::from(rate)) as i64;
                assert_eq!(clock.time_ms(event) - settings.base_time_ms, exact, "event {event} at rate {rate}");
            }
        }
    }

    #[test]
    fn the_first_epoch_knows_its_own_ids_only() {
        let epoch = Epoch::new(0, &Settings::default());
        assert_eq!(epoch.open_auctions(), Ids { first: 1000, count: 13 });
        assert_eq!(epoch.active_people(), Ids { first: 1000, count: 11 });
        let later = Epoch::new(2000, &Settings::default());
        assert_eq!((later.hot_auction(), later.hot_bidder()), (7000, 3001));
        assert_eq!(later.open_auctions(), Ids { first: 6902, count: 111 });
    }
}
