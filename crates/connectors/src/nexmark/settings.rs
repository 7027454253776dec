//! What the generator can be told: proportions, ratios, sizes and rates, with Nexmark's published defaults.

use tidemill_core::Result;
use tidemill_core::options::{ConfigOption, Configuration, OptionType};

/// Events a second of event time.
pub const FIRST_EVENT_RATE: ConfigOption =
    ConfigOption::new("first-event.rate", OptionType::Integer, "Events per second of event time.")
        .with_default("10000");
/// Without effect.
pub const NEXT_EVENT_RATE: ConfigOption = ConfigOption::new(
    "next-event.rate",
    OptionType::Integer,
    "Without effect, as in the Nexmark project's connector: the rate is always 'first-event.rate'.",
)
.with_default("10000");
/// Without effect.
pub const RATE_SHAPE: ConfigOption = ConfigOption::new(
    "rate.shape",
    OptionType::Choice(&["SQUARE", "SINE"]),
    "Without effect, as in the Nexmark project's connector: the rate does not change.",
)
.with_default("SQUARE");
/// Without effect.
pub const RATE_PERIOD: ConfigOption = ConfigOption::new(
    "rate.period",
    OptionType::Duration,
    "Without effect, as in the Nexmark project's connector: the rate does not change.",
)
.with_default("600 s");
/// How many events there are; 0: no end.
pub const EVENTS_NUM: ConfigOption =
    ConfigOption::new("events.num", OptionType::Integer, "How many events are generated; 0 never ends.")
        .with_default("0");
/// Ends before this event; -1: not.
pub const STOP_AT: ConfigOption =
    ConfigOption::new("stop-at", OptionType::Integer, "The source stops before this event number; -1 does not stop.")
        .with_default("-1");
/// Stays open behind the last event.
pub const KEEP_ALIVE: ConfigOption =
    ConfigOption::new("keep-alive", OptionType::Bool, "The source does not finish behind its last event, but waits.")
        .with_default("false");
/// As fast as possible, or at the rate of event time.
pub const MAX_EMIT_SPEED: ConfigOption = ConfigOption::new(
    "max-emit-speed",
    OptionType::Bool,
    "Events come as fast as possible; false: at 'first-event.rate'.",
)
.with_default("true");
/// At the rate of event time.
pub const RATE_LIMITED: ConfigOption =
    ConfigOption::new("rate.limited", OptionType::Bool, "Events come at 'first-event.rate'.").with_default("false");
/// Persons in an epoch.
pub const PERSON_PROPORTION: ConfigOption =
    ConfigOption::new("person.proportion", OptionType::Integer, "Persons per epoch of events.").with_default("1");
/// Auctions in an epoch.
pub const AUCTION_PROPORTION: ConfigOption =
    ConfigOption::new("auction.proportion", OptionType::Integer, "Auctions per epoch of events.").with_default("3");
/// Bids in an epoch.
pub const BID_PROPORTION: ConfigOption =
    ConfigOption::new("bid.proportion", OptionType::Integer, "Bids per epoch of events.").with_default("46");
/// One bid in this many is not for a hot auction.
pub const HOT_AUCTIONS: ConfigOption = ConfigOption::new(
    "bid.hot-ratio.auctions",
    OptionType::Integer,
    "One bid in this many is for any auction in flight, the others for the hot one.",
)
.with_default("2");
/// One bid in this many is not by a hot bidder.
pub const HOT_BIDDERS: ConfigOption = ConfigOption::new(
    "bid.hot-ratio.bidders",
    OptionType::Integer,
    "One bid in this many is by any active person, the others by the hot one.",
)
.with_default("4");
/// One auction in this many is not by a hot seller.
pub const HOT_SELLERS: ConfigOption = ConfigOption::new(
    "auction.hot-ratio.sellers",
    OptionType::Integer,
    "One auction in this many is by any active person, the others by the hot one.",
)
.with_default("4");
/// Mean size of a person.
pub const PERSON_SIZE: ConfigOption =
    ConfigOption::new("person.avg-size", OptionType::MemorySize, "Mean bytes of a person.").with_default("200");
/// Mean size of an auction.
pub const AUCTION_SIZE: ConfigOption =
    ConfigOption::new("auction.avg-size", OptionType::MemorySize, "Mean bytes of an auction.").with_default("500");
/// Mean size of a bid.
pub const BID_SIZE: ConfigOption =
    ConfigOption::new("bid.avg-size", OptionType::MemorySize, "Mean bytes of a bid.").with_default("100");
/// The seed.
pub const SEED: ConfigOption =
    ConfigOption::new("seed", OptionType::Integer, "The seed of all randomness.").with_default("0");

/// Everything a generator depends on. Equal settings make equal events on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The seed of all randomness.
    pub seed: u64,
    /// Time of the first event, in milliseconds since the epoch. Fixed, so that runs can be compared.
    pub base_time_ms: i64,
    /// Events per second of event time.
    pub events_per_second: u64,
    /// How many events there are; none: no end.
    pub events: Option<u64>,
    /// Persons per epoch.
    pub persons: u64,
    /// Auctions per epoch.
    pub auctions: u64,
    /// Bids per epoch.
    pub bids: u64,
    /// One bid in this many is for any auction in flight, the others for the hot one.
    pub hot_auctions_ratio: u32,
    /// One bid in this many is by any active person, the others by the hot one.
    pub hot_bidders_ratio: u32,
    /// One auction in this many is by any active person, the others by the hot one.
    pub hot_sellers_ratio: u32,
    /// Mean bytes of a person.
    pub person_bytes: u64,
    /// Mean bytes of an auction.
    pub auction_bytes: u64,
    /// Mean bytes of a bid.
    pub bid_bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            seed: 0,
            base_time_ms: 1_436_918_400_000, // 2015-07-15 00:00:00 UTC, as in Beam's suite
            events_per_second: 10_000,
            events: None,
            persons: 1,
            auctions: 3,
            bids: 46,
            hot_auctions_ratio: 2,
            hot_bidders_ratio: 4,
            hot_sellers_ratio: 4,
            person_bytes: 200,
            auction_bytes: 500,
            bid_bytes: 100,
        }
    }
}

impl Settings {
    /// The options that a table may set, without those that every source has.
    pub const OPTIONS: [&'static ConfigOption; 19] = [
        &FIRST_EVENT_RATE,
        &NEXT_EVENT_RATE,
        &RATE_SHAPE,
        &RATE_PERIOD,
        &EVENTS_NUM,
        &STOP_AT,
        &KEEP_ALIVE,
        &MAX_EMIT_SPEED,
        &RATE_LIMITED,
        &PERSON_PROPORTION,
        &AUCTION_PROPORTION,
        &BID_PROPORTION,
        &HOT_AUCTIONS,
        &HOT_BIDDERS,
        &HOT_SELLERS,
        &PERSON_SIZE,
        &AUCTION_SIZE,
        &BID_SIZE,
        &SEED,
    ];

    /// Reads the options of a table.
    pub fn from_options(options: &Configuration) -> Result<Settings> {
        let defaults = Settings::default();
        let events = Some(number(options, &EVENTS_NUM, 0, i64::MAX as u64)?).filter(|events| *events > 0);
        let stop = u64::try_from(options.integer(&STOP_AT)?.unwrap_or(-1)).ok();
        Ok(Settings {
            seed: options.integer(&SEED)?.unwrap_or_default() as u64,
            events_per_second: number(options, &FIRST_EVENT_RATE, 1, 1_000_000_000)?,
            events: events.into_iter().chain(stop).min(),
            persons: number(options, &PERSON_PROPORTION, 1, 10_000)?,
            auctions: number(options, &AUCTION_PROPORTION, 1, 10_000)?,
            bids: number(options, &BID_PROPORTION, 0, 1_000_000)?,
            hot_auctions_ratio: number(options, &HOT_AUCTIONS, 1, 65_536)? as u32,
            hot_bidders_ratio: number(options, &HOT_BIDDERS, 1, 65_536)? as u32,
            hot_sellers_ratio: number(options, &HOT_SELLERS, 1, 65_536)? as u32,
            person_bytes: size(options, &PERSON_SIZE)?,
            auction_bytes: size(options, &AUCTION_SIZE)?,
            bid_bytes: size(options, &BID_SIZE)?,
            ..defaults
        })
    }

    /// Events per epoch: first its persons, then its auctions, then its bids.
    pub fn epoch(&self) -> u64 {
        self.persons + self.auctions + self.bids
    }
}

fn number(options: &Configuration, option: &ConfigOption, least: u64, most: u64) -> Result<u64> {
    let value = options.integer(option)?.unwrap_or_default();
    u64::try_from(value).ok().filter(|value| (least..=most).contains(value)).ok_or_else(|| {
        option.refuse(format!("option '{}' is {value}, but must lie between {least} and {most}", option.key))
    })
}

fn size(options: &Configuration, option: &ConfigOption) -> Result<u64> {
    let bytes = options.size(option)?.unwrap_or_default();
    if bytes > 100_000 {
        let text = format!("option '{}' is {bytes} bytes, but must not be above 100,000", option.key);
        return Err(option.refuse(text));
    }
    Ok(bytes)
}
