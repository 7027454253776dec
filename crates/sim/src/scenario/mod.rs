//! The jobs that are simulated: their input, their graph ([`graph`]), what they must come to ([`expected`]), and the order in
//! which their rows must become visible ([`order`]).

mod expected;
mod graph;
mod order;
mod registry;
mod rules;
mod timers;
mod watched;

pub use order::in_order;
pub use registry::registry;
pub use watched::Watermarks;

use crate::random::Random;
use crate::source::{Drawn, Rows};

/// Length of the windows.
const WINDOW_MS: i64 = 200;
/// A session ends when no row came for this long.
const GAP_MS: i64 = 60;

/// A kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One split with late rows, tumbling windows: which rows are late must not depend on failures.
    LateRows,
    /// Several splits, hopping windows, nothing late.
    Hop,
    /// The same with cumulating windows.
    Cumulate,
    /// The same with sessions.
    Sessions,
    /// Hopping windows in two phases.
    TwoPhases,
    /// Several splits, sums that are updated: a changelog.
    Groups,
    /// The same in two phases.
    TwoPhaseGroups,
    /// The same, and splits are found while the job runs.
    FoundLater,
    /// Rows go to the sink as they are, those of a key from one split: they must arrive in order.
    Straight,
    /// Hopping windows over sources that are idle from time to time, and say so.
    IdleHop,
    /// The same with cumulating windows.
    IdleCumulate,
    /// Two inputs, one of them broadcast; sources and sinks of other parallelisms than the rest. See [`rules`].
    Rules,
    /// Timers in event time and by the clock. See [`timers`].
    Timers,
}

impl Scenario {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Scenario); 13] = [
        ("late-rows", Scenario::LateRows),
        ("hop", Scenario::Hop),
        ("cumulate", Scenario::Cumulate),
        ("sessions", Scenario::Sessions),
        ("two-phases", Scenario::TwoPhases),
        ("groups", Scenario::Groups),
        ("two-phase-groups", Scenario::TwoPhaseGroups),
        ("found-later", Scenario::FoundLater),
        ("straight", Scenario::Straight),
        ("idle-hop", Scenario::IdleHop),
        ("idle-cumulate", Scenario::IdleCumulate),
        ("rules", Scenario::Rules),
        ("timers", Scenario::Timers),
    ];

    /// The scenario of a name.
    pub fn parse(name: &str) -> Option<Scenario> {
        Scenario::ALL.iter().find(|(other, _)| *other == name).map(|(_, scenario)| *scenario)
    }

    /// The scenario's name.
    pub fn name(self) -> &'static str {
        Scenario::ALL.iter().find(|(_, other)| *other == self).map_or("", |(name, _)| name)
    }

    /// The input of a seed.
    pub fn rows(self, random: &mut Random) -> Rows {
        let (seed, keys) = (random.next(), random.between(1, 12));
        let (splits, rows, jitter_ms) = match self {
            Scenario::LateRows => (1, random.between(60, 200), random.between(200, 600)),
            Scenario::Hop | Scenario::Cumulate | Scenario::Sessions | Scenario::TwoPhases | Scenario::Timers => {
                (random.between(2, 5), random.between(30, 80), 100)
            }
            Scenario::IdleHop | Scenario::IdleCumulate => (random.between(2, 5), random.between(60, 160), 20),
            Scenario::Groups
            | Scenario::TwoPhaseGroups
            | Scenario::FoundLater
            | Scenario::Straight
            | Scenario::Rules => (random.between(2, 5), random.between(30, 80), 0),
        };
        let (step_ms, batches_per_pause) = (random.between(5, 40), random.between(2, 6));
        let drawn = match self {
            Scenario::Straight => Drawn::InOrder,
            Scenario::IdleHop | Scenario::IdleCumulate => Drawn::InEpochs { rows: random.between(4, 12) },
            _ => Drawn::Mixed,
        };
        let (fetched, found_first) = (random.chance(300), random.between(0, splits - 1));
        let found_first = if self == Scenario::FoundLater { found_first } else { splits };
        Rows { seed, splits, rows, keys, step_ms, jitter_ms, batches_per_pause, drawn, fetched, found_first }
    }

    /// Draws a kind of job. Sources that are idle show what else does not: that instances differ. Four more
    /// draws are theirs.
    pub fn draw(random: &mut Random) -> Scenario {
        let number = random.below(Scenario::ALL.len() as u64 + 4) as usize;
        let more = [Scenario::IdleHop, Scenario::IdleCumulate];
        Scenario::ALL.get(number).map_or_else(|| more[number % more.len()], |(_, scenario)| *scenario)
    }

    /// True where sources say that they are idle.
    fn has_idle_sources(self) -> bool {
        matches!(self, Scenario::IdleHop | Scenario::IdleCumulate)
    }

    /// Which slots are slow, one bit each. An instance that is slower than others may hear that a source is no longer idle
    /// before it hears of the time that others have come to in between: then its watermark is behind theirs for a while, and so
    /// are the windows that it has fired.
    pub fn slow_slots(self, random: &mut Random) -> u64 {
        if self.has_idle_sources() { random.next() } else { 0 }
    }

    /// How many instances there are at least: one alone has no others to differ from.
    pub fn parallelism_min(self) -> u64 {
        if self.has_idle_sources() { 2 } else { 1 }
    }

    /// Of windows that overlap, one begins (or ends) so often; where instances may differ, so often that the smallest
    /// difference is one of windows that have fired.
    fn slide_ms(self) -> i64 {
        if self.has_idle_sources() { 4 } else { 100 }
    }

    /// How far the watermark stays behind.
    fn delay_ms(self, rows: &Rows) -> i64 {
        match self {
            Scenario::LateRows => (rows.jitter_ms / 4) as i64,
            // A row just as far behind as any may be must still find its session open.
            Scenario::Sessions => rows.jitter_ms as i64 + 1,
            _ => match rows.drawn {
                // One that was idle may begin an epoch when others have read all of it.
                Drawn::InEpochs { rows: in_epoch } => (rows.jitter_ms + in_epoch * rows.step_ms + 1) as i64,
                _ => rows.jitter_ms as i64,
            },
        }
    }

    /// True where rows are taken back.
    pub fn is_changelog(self) -> bool {
        matches!(self, Scenario::Groups | Scenario::TwoPhaseGroups | Scenario::FoundLater | Scenario::Rules)
    }

    /// After how long a source is idle; 0 for never.
    fn idle_timeout_ms(self) -> u64 {
        if self.has_idle_sources() { 2 } else { 0 }
    }
}
