//! Filling the wanted leaves of one kind of event, a run of consecutive events at a time.
//!
//! Invariants: a leaf that is not wanted is never touched; a leaf is filled up to the row before a run begins, so that rows of
//! other kinds hold zeros (and are NULL in the arrays).

use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};
use std::sync::Arc;
use tidemill_core::Result;

use super::pools::{CHANNELS, HOT_CHANNELS, POOL, Pool, Pools};
use super::schema::{Kind, Leaf};
use super::settings::Settings;
use super::timeline::{Clock, Epoch, FIRST_ID, Start, horizon_ms};
use crate::random::{below, random};

/// The first category; there are five.
const FIRST_CATEGORY: i64 = 10;
/// Events are made in runs of at most this many, so that their random numbers stay in the first cache.
const RUN_MAX: usize = 64;
/// Random numbers an event may use.
const STREAMS: usize = 4;

/// What all runs need.
pub struct World<'a> {
    /// Proportions, ratios, seed.
    pub settings: &'a Settings,
    /// Event times.
    pub clock: &'a Clock,
    /// Strings and prices.
    pub pools: &'a Pools,
}

/// Consecutive events of one kind and epoch.
#[derive(Clone, Copy)]
pub struct Run {
    /// The first event's number.
    pub event: u64,
    /// The epoch's number.
    pub epoch: u64,
    /// The first event's offset in the epoch.
    pub offset: u64,
    /// How many events.
    pub len: usize,
    /// The row of the first one.
    pub row: usize,
}

/// A leaf while it is filled.
enum Cells {
    Unwanted,
    Long(Vec<i64>),
    Text(Vec<u32>),
}

/// The leaves of one kind.
pub struct Leaves {
    kind: Kind,
    cells: Vec<Cells>,
}

/// Room for the random numbers of a run, a list for each stream.
pub type Draws = [[u64; RUN_MAX]; STREAMS];

/// Room that is not used yet.
pub const DRAWS: Draws = [[0; RUN_MAX]; STREAMS];

impl Leaves {
    /// Leaves of which the `wanted` ones (a bit each) will be filled with `rows` rows.
    pub fn new(kind: Kind, wanted: u16, rows: usize) -> Leaves {
        let cells = kind.leaves().iter().enumerate().map(|(at, (_, leaf))| match leaf {
            _ if wanted & 1 << at == 0 => Cells::Unwanted,
            Leaf::Text => Cells::Text(Vec::with_capacity(rows)),
            Leaf::Long | Leaf::Time => Cells::Long(Vec::with_capacity(rows)),
        });
        Leaves { kind, cells: cells.collect() }
    }

    /// Fills a run.
    pub fn fill(&mut self, world: &World<'_>, draws: &mut Draws, mut run: Run) {
        while run.len > 0 {
            let part = Run { len: run.len.min(RUN_MAX), ..run };
            match self.kind {
                Kind::Person => self.persons(world, draws, part),
                Kind::Auction => self.auctions(world, draws, part),
                Kind::Bid => self.bids(world, draws, part),
            }
            let len = part.len;
            run = Run {
                event: run.event + len as u64,
                offset: run.offset + len as u64,
                len: run.len - len,
                row: run.row + len,
                ..run
            };
        }
    }

    /// Turns the leaf at `at` into an array of `rows` rows.
    pub fn array(&mut self, at: usize, rows: usize, pools: &Pools) -> Result<ArrayRef> {
        let leaf = self.kind.leaves()[at].1;
        match std::mem::replace(&mut self.cells[at], Cells::Unwanted) {
            Cells::Text(mut numbers) => {
                numbers.resize(rows, 0);
                self.pool(at, pools).choose(numbers)
            }
            Cells::Long(mut values) => {
                values.resize(rows, 0);
                Ok(match leaf {
                    Leaf::Time => Arc::new(TimestampMillisecondArray::from(values)),
                    _ => Arc::new(Int64Array::from(values)),
                })
            }
            Cells::Unwanted => Ok(arrow::array::new_null_array(&leaf.data_type(), rows)),
        }
    }

    fn pool<'a>(&self, at: usize, pools: &'a Pools) -> &'a Pool {
        match (self.kind, at) {
            (Kind::Person, 1) => &pools.names,
            (Kind::Person, 2) => &pools.emails,
            (Kind::Person, 3) => &pools.cards,
            (Kind::Person, 4) => &pools.cities,
            (Kind::Person, 5) => &pools.states,
            (Kind::Person, _) => &pools.person_extras,
            (Kind::Auction, 1) => &pools.items,
            (Kind::Auction, 2) => &pools.descriptions,
            (Kind::Auction, _) => &pools.auction_extras,
            (Kind::Bid, 3) => &pools.channels,
            (Kind::Bid, 4) => &pools.urls,
            (Kind::Bid, _) => &pools.bid_extras,
        }
    }

    fn wants(&self, leaves: &[usize]) -> bool {
        leaves.iter().any(|at| !matches!(self.cells[*at], Cells::Unwanted))
    }

    fn long(&mut self, at: usize, row: usize, values: impl Iterator<Item = i64>) {
        if let Cells::Long(cells) = &mut self.cells[at] {
            if cells.len() < row {
                cells.resize(row, 0);
            }
            cells.extend(values);
        }
    }

    fn text(&mut self, at: usize, row: usize, numbers: impl Iterator<Item = u32>) {
        if let Cells::Text(cells) = &mut self.cells[at] {
            if cells.len() < row {
                cells.resize(row, 0);
            }
            cells.extend(numbers);
        }
    }

    fn times(&mut self, at: usize, row: usize, start: Start, run: Run) {
        self.long(at, row, (0..run.len).map(|i| start.time_ms(run.offset + i as u64)));
    }

    fn bids(&mut self, world: &World<'_>, draws: &mut Draws, run: Run) {
        let (settings, row) = (world.settings, run.row);
        if self.wants(&[0, 1]) {
            let who = numbers(settings.seed, run, 0, &mut draws[0]);
            let epoch = Epoch::new(run.epoch, settings);
            let (hot, any, ratio) = (epoch.hot_auction(), epoch.open_auctions(), settings.hot_auctions_ratio);
            self.long(0, row, who.iter().map(|r| pick(*r, 0, ratio, hot, any.first, any.count)));
            let (hot, any, ratio) = (epoch.hot_bidder(), epoch.active_people(), settings.hot_bidders_ratio);
            self.long(1, row, who.iter().map(|r| pick(*r, 2, ratio, hot, any.first, any.count)));
        }
        if self.wants(&[2, 3, 4, 6]) {
            let what = numbers(settings.seed, run, 1, &mut draws[1]);
            let prices = &world.pools.prices;
            self.long(2, row, what.iter().map(|r| price(prices, *r)));
            if self.wants(&[3, 4]) {
                let mut channels = [0; RUN_MAX];
                for (channel, r) in channels.iter_mut().zip(what) {
                    *channel = self::channel(*r);
                }
                let channels = &channels[..run.len];
                self.text(3, row, channels.iter().copied());
                self.text(4, row, channels.iter().copied());
            }
            self.text(6, row, what.iter().map(|r| (*r >> 52) as u32));
        }
        if self.wants(&[5]) {
            self.times(5, row, world.clock.start(run.epoch), run);
        }
    }

    fn auctions(&mut self, world: &World<'_>, draws: &mut Draws, run: Run) {
        let (settings, row) = (world.settings, run.row);
        let epoch = Epoch::new(run.epoch, settings);
        let start = world.clock.start(run.epoch);
        let first = FIRST_ID + epoch.first_auction + (run.offset - settings.persons) as i64;
        self.long(0, row, (0..run.len).map(|i| first + i as i64));
        let words = numbers(settings.seed, run, 0, &mut draws[0]);
        self.text(1, row, words.iter().map(|r| entry(*r, 0)));
        self.text(2, row, words.iter().map(|r| entry(*r, 1)));
        self.text(9, row, words.iter().map(|r| entry(*r, 2)));
        self.long(8, row, words.iter().map(|r| FIRST_CATEGORY + i64::from(below(*r, 3, 5))));
        let prices = &world.pools.prices;
        let [_, opening, margin, _] = draws;
        let opening = numbers(settings.seed, run, 1, opening);
        let margin = numbers(settings.seed, run, 2, margin);
        self.long(3, row, opening.iter().map(|r| price(prices, *r)));
        self.long(4, row, opening.iter().zip(margin).map(|(r, more)| price(prices, *r) + price(prices, *more)));
        self.times(5, row, start, run);
        if self.wants(&[6, 7]) {
            let rest = numbers(settings.seed, run, 3, &mut draws[3]);
            let longest = (2 * horizon_ms(world.clock, run.event, settings)).max(1) as u64;
            self.long(
                6,
                row,
                rest.iter()
                    .enumerate()
                    .map(|(i, r)| start.time_ms(run.offset + i as u64) + 1 + (((r >> 32) * longest) >> 32) as i64),
            );
            let (hot, any, ratio) = (epoch.hot_seller(), epoch.active_people(), settings.hot_sellers_ratio);
            self.long(7, row, rest.iter().map(|r| pick(*r, 0, ratio, hot, any.first, any.count)));
        }
    }

    fn persons(&mut self, world: &World<'_>, draws: &mut Draws, run: Run) {
        let (settings, pools, row) = (world.settings, world.pools, run.row);
        let first = FIRST_ID + (run.epoch * settings.persons + run.offset) as i64;
        self.long(0, row, (0..run.len).map(|i| first + i as i64));
        let [words, places, ..] = draws;
        let words = numbers(settings.seed, run, 0, words);
        let places = numbers(settings.seed, run, 1, places);
        self.text(1, row, words.iter().map(|r| below(*r, 0, pools.names.len() as u32)));
        self.text(2, row, words.iter().map(|r| entry(*r, 1)));
        self.text(3, row, words.iter().map(|r| entry(*r, 2)));
        self.text(7, row, words.iter().map(|r| entry(*r, 3)));
        self.text(4, row, places.iter().map(|r| below(*r, 0, pools.cities.len() as u32)));
        self.text(5, row, places.iter().map(|r| below(*r, 1, pools.states.len() as u32)));
        self.times(6, row, world.clock.start(run.epoch), run);
    }
}

/// One random number of a stream for each event of a run.
#[inline(always)]
fn numbers(seed: u64, run: Run, stream: u64, room: &mut [u64; RUN_MAX]) -> &[u64] {
    let numbers = &mut room[..run.len];
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = random(seed, (run.event + i as u64) * STREAMS as u64 + stream);
    }
    numbers
}

/// The hot id, or with probability 1 / `ratio` any of the others; takes two 16-bit parts from `part` on.
#[inline(always)]
fn pick(random: u64, part: u32, ratio: u32, hot: i64, first: i64, count: u32) -> i64 {
    let any = first + i64::from(below(random, part + 1, count));
    if below(random, part, ratio) > 0 { hot } else { any }
}

/// The entry of a pool of [`POOL`] by the `part`-th 16 bits.
#[inline(always)]
fn entry(random: u64, part: u32) -> u32 {
    below(random, part, POOL as u32)
}

/// A price of even logarithm, from the low 26 bits.
#[inline(always)]
fn price(prices: &[i64], random: u64) -> i64 {
    let at = (random & 0x3ff) as usize;
    let (low, high) = (prices[at], prices[at + 1]);
    low + (((high - low) * (random >> 10 & 0xffff) as i64) >> 16)
}

/// A channel's number, from bits 26 to 46: one of the hot ones in half of the cases. Without a branch, which would be
/// mispredicted every other time.
#[inline(always)]
fn channel(random: u64) -> u32 {
    let bits = (random >> 26) as u32;
    let hot = bits >> 1 & (HOT_CHANNELS as u32 - 1);
    let any = HOT_CHANNELS as u32 + (((bits >> 4 & 0xffff) * CHANNELS as u32) >> 16);
    let chosen = (bits & 1).wrapping_neg();
    hot & !chosen | any & chosen
}
