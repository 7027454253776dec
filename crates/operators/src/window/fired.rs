//! Which windows have fired, where windows share slices and a slice does not tell.
//!
//! One moment says it for all keys. Behind a restore instances may meet whose moments differ, as their watermarks did: then keys
//! of some key groups are ahead until the others have caught up.

use tidemill_core::{EventTime, Failure, KeyGroupSet, KeyGroups, Result, hash};
use tidemill_dataflow::OpenContext;
use tidemill_dataflow::snapshot::RestoredBlob;

const NAME: &str = "fired";

/// Up to which moment windows have fired.
#[derive(Debug, Default)]
pub(super) struct Fired {
    /// Windows that were closed then have fired, for every key.
    all: Option<EventTime>,
    /// Key groups whose keys are ahead, and how far.
    ahead: Vec<(KeyGroupSet, EventTime)>,
    owned: KeyGroupSet,
    key_groups: Option<KeyGroups>,
}

impl Fired {
    pub(super) fn open(&mut self, cx: &OpenContext<'_>) {
        self.owned = cx.owned.clone();
        self.key_groups = Some(cx.key_groups);
    }

    /// Windows that were closed at this moment have fired for every key.
    pub(super) fn through(&self) -> EventTime {
        self.all.unwrap_or(EventTime::MIN)
    }

    /// Now they have.
    pub(super) fn reach(&mut self, moment: EventTime) {
        self.all = self.all.max(Some(moment));
        let all = self.through();
        self.ahead.retain(|(_, ahead)| *ahead > all);
    }

    /// True if keys of some key groups are ahead.
    pub(super) fn is_uneven(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// True if the window that closes at a moment has fired for a key, given as its bytes.
    pub(super) fn has_fired(&self, key: &[u8], closing: EventTime) -> bool {
        let Some(key_groups) = self.key_groups else { return false };
        let group = key_groups.of(hash::of_bytes(key));
        self.ahead.iter().any(|(groups, ahead)| closing <= *ahead && groups.contains(group))
    }

    /// A moment for all owned key groups: eight bytes. For a range of them: eight bytes, its first and its last key group.
    pub(super) fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        let all = (NAME.to_string(), self.through().0.to_le_bytes().to_vec());
        let ranges =
            self.ahead.iter().flat_map(|(groups, ahead)| groups.ranges().iter().map(move |range| (range, ahead)));
        let ahead = ranges.map(|(range, ahead)| {
            let (moment, first, last) =
                (ahead.0.to_le_bytes(), range.start.to_le_bytes(), (range.end - 1).to_le_bytes());
            (NAME.to_string(), [&moment[..], &first, &last].concat())
        });
        std::iter::once(all).chain(ahead).collect()
    }

    /// Takes what concerns the owned key groups.
    pub(super) fn restore(&mut self, blobs: &[RestoredBlob]) -> Result<()> {
        let mut found = Vec::new();
        for blob in blobs.iter().filter(|blob| blob.name == NAME) {
            let (moment, groups) = read(blob)?;
            let mine =
                self.owned.ranges().iter().flat_map(|range| range.clone()).filter(|group| groups.contains(*group));
            let mine = KeyGroupSet::from_ascending(mine);
            if !mine.is_empty() {
                found.push((mine, moment));
            }
        }
        self.all = found.iter().map(|(_, moment)| *moment).min();
        let all = self.through();
        self.ahead = found;
        self.ahead.retain(|(_, ahead)| *ahead > all);
        Ok(())
    }
}

fn read(blob: &RestoredBlob) -> Result<(EventTime, KeyGroupSet)> {
    let damaged =
        || Failure::fatal("state.damaged", "the stored progress of a window is no time; the state is damaged");
    let (moment, range) = blob.state.split_first_chunk().ok_or_else(damaged)?;
    let moment = EventTime(i64::from_le_bytes(*moment));
    match range {
        [] => Ok((moment, blob.groups.clone())),
        [a, b, c, d, e, f, g, h] => {
            let (first, last) = (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]));
            Ok((moment, KeyGroupSet::from_range(first..last.saturating_add(1))))
        }
        _ => Err(damaged()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fired(owned: std::ops::Range<u32>) -> Fired {
        let owned = KeyGroupSet::from_range(owned);
        Fired { owned, key_groups: Some(KeyGroups::new(16).unwrap()), ..Fired::default() }
    }

    fn left_by(fired: &Fired) -> Vec<RestoredBlob> {
        let blob = |(name, state)| RestoredBlob { name, state, groups: fired.owned.clone() };
        fired.blobs().into_iter().map(blob).collect()
    }

    #[test]
    fn who_is_ahead_stays_ahead_over_restores_until_the_others_have_caught_up() {
        let (mut first, mut second) = (fired(0..8), fired(8..16));
        first.reach(EventTime(10));
        second.reach(EventTime(50));
        let mut blobs = [left_by(&first), left_by(&second)].concat();
        for _ in 0..3 {
            let mut all = fired(0..16);
            all.restore(&blobs).unwrap();
            assert_eq!((all.through(), all.is_uneven()), (EventTime(10), true));
            for number in 0..100u64 {
                let key = number.to_be_bytes();
                let is_second = KeyGroups::new(16).unwrap().of(hash::of_bytes(&key)) >= 8;
                assert_eq!(all.has_fired(&key, EventTime(50)), is_second);
                assert!(!all.has_fired(&key, EventTime(51)));
            }
            blobs = left_by(&all);
            all.reach(EventTime(49));
            assert!(all.is_uneven());
            all.reach(EventTime(50));
            assert!(!all.is_uneven());
        }
        let mut only_second = fired(10..12);
        only_second.restore(&blobs).unwrap();
        assert_eq!((only_second.through(), only_second.is_uneven()), (EventTime(10), true));
    }
}
