//! What must be visible in the end, computed row by row from the definition, by code that shares nothing with the engine.

use std::collections::BTreeMap;

use super::{GAP_MS, Scenario, WINDOW_MS, rules, timers};
use crate::sink::Net;
use crate::source::Rows;

/// What a group comes to: count and sum.
type Sums = BTreeMap<Vec<Option<i64>>, (i64, i64)>;

impl Scenario {
    /// The rules of a job of rows.
    pub(super) fn rules(rows: &Rows) -> Rows {
        Rows { seed: !rows.seed, splits: 2, rows: 60, batches_per_pause: 2, found_first: 2, ..*rows }
    }

    /// What must be visible in the end.
    pub fn expected(self, rows: &Rows) -> Net {
        match self {
            Scenario::Rules => rules::expected(rows, &Scenario::rules(rows)),
            Scenario::Timers => timers::expected(rows),
            Scenario::Sessions => with_sums(sessions(rows)),
            Scenario::Straight => straight(rows),
            _ => with_sums(self.sums(rows)),
        }
    }

    fn sums(self, rows: &Rows) -> Sums {
        let mut sums = Sums::new();
        for split in 0..rows.splits {
            let mut watermark = i64::MIN;
            for number in 0..rows.rows {
                let (key, time, value) = rows.row(split, number);
                for group in self.groups_of(key, time, watermark) {
                    let sum = sums.entry(group).or_default();
                    *sum = (sum.0 + 1, sum.1 + value);
                }
                watermark = watermark.max(time - self.delay_ms(rows));
            }
        }
        sums
    }

    /// The groups that a row counts in, given the watermark of the rows before it.
    fn groups_of(self, key: i64, time: i64, watermark: i64) -> Vec<Vec<Option<i64>>> {
        let window = |end: i64| vec![Some(key), Some(end)];
        let next_end = |length: i64| time - time.rem_euclid(length) + length;
        match self {
            Scenario::LateRows => {
                let end = next_end(WINDOW_MS);
                if end - 1 <= watermark { Vec::new() } else { vec![window(end)] }
            }
            Scenario::Hop | Scenario::TwoPhases | Scenario::IdleHop => {
                let first_end = next_end(self.slide_ms());
                (first_end..first_end + WINDOW_MS).step_by(self.slide_ms() as usize).map(window).collect()
            }
            Scenario::Cumulate | Scenario::IdleCumulate => (next_end(self.slide_ms())..=next_end(WINDOW_MS))
                .step_by(self.slide_ms() as usize)
                .map(window)
                .collect(),
            _ => vec![vec![Some(key)]],
        }
    }
}

/// Rows of a key that are no further apart than the gap belong together.
fn sessions(rows: &Rows) -> Sums {
    let mut by_key: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    rows.all().for_each(|(key, time, value)| by_key.entry(key).or_default().push((time, value)));
    let mut sums = Sums::new();
    for (key, mut all) in by_key {
        all.sort_unstable();
        while let Some((first, _)) = all.first().copied() {
            let (mut last, mut sum) = (first, (0, 0));
            all.retain(|(time, value)| {
                let belongs = *time <= last + GAP_MS;
                if belongs {
                    last = *time;
                    sum = (sum.0 + 1, sum.1 + value);
                }
                !belongs
            });
            sums.insert(vec![Some(key), Some(last + GAP_MS)], sum);
        }
    }
    sums
}

fn straight(rows: &Rows) -> Net {
    let mut net = Net::new();
    for (key, time, value) in rows.all() {
        *net.entry(vec![Some(key), Some(time), Some(value)]).or_default() += 1;
    }
    net
}

fn with_sums(sums: Sums) -> Net {
    let row = |(mut group, (count, sum)): (Vec<Option<i64>>, (i64, i64))| {
        group.extend([Some(count), Some(sum)]);
        (group, 1)
    };
    sums.into_iter().map(row).collect()
}
