//! Firing windows: one after the other by their ends, in steps that fit an output batch.

use tidemill_core::{Progress, Result};
use tidemill_dataflow::Output;
use tidemill_state::{BLOCK_ROWS, SlicedTable};

use super::aggregate::{Sharing, WindowAggregate, prefix};

/// Blocks that are merged, or batches that turn out empty, before a call returns.
const STEPS_MAX: usize = 16;

/// A window that is being fired.
#[derive(Debug)]
pub(super) struct Fire {
    end: i64,
    /// Slices that still have to be merged, the next one last, into `source`.
    merge: Vec<i64>,
    source: Source,
    /// Where to go on in the slice that is merged or emitted.
    row: u32,
}

/// Where the groups of a window are when it is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In a slice of the table.
    Slice(i64),
    /// Merged from several.
    Merged,
}

impl WindowAggregate {
    /// The end of the next window to fire, due or not.
    pub(super) fn next_window(&self) -> Option<i64> {
        if let Some(fire) = &self.fire {
            return Some(fire.end);
        }
        let first = self.table.first_slice()?;
        match (self.sharing, &self.slices) {
            (Sharing::Hop | Sharing::Cumulate, Some(slices)) if self.is_closed(first, self.fired.through()) => {
                Some(self.first_open(slices, first, self.fired.through()))
            }
            _ => Some(first),
        }
    }

    /// Fires what is due until the output is full.
    pub(super) fn fire_due(&mut self, out: &mut Output<'_>) -> Result<Progress> {
        for _ in 0..STEPS_MAX {
            if out.is_full() {
                return Ok(Progress::Rows(0));
            }
            let fire = match self.fire.take() {
                Some(fire) => fire,
                None => match self.next_window().filter(|end| self.is_due(*end)) {
                    Some(end) => self.start_fire(end),
                    None => {
                        // Windows without rows count as fired, too: a row that is late for them must not bring them back.
                        self.fired.reach(self.progress);
                        return Ok(Progress::Done);
                    }
                },
            };
            self.fire = self.step(fire, out)?;
        }
        Ok(Progress::Rows(0))
    }

    fn is_due(&self, end: i64) -> bool {
        self.ended || self.is_closed(end, self.progress)
    }

    fn start_fire(&self, end: i64) -> Fire {
        let fire = |merge, source| Fire { end, merge, source, row: 0 };
        match (self.sharing, &self.slices) {
            (Sharing::Hop, Some(slices)) => {
                let first = slices.first_slice_end(end);
                let within: Vec<i64> =
                    self.table.slices().rev().filter(|slice| (first..=end).contains(slice)).collect();
                match within[..] {
                    [only] => fire(Vec::new(), Source::Slice(only)),
                    _ => fire(within, Source::Merged),
                }
            }
            (Sharing::Cumulate, Some(_)) => {
                let before = self.table.first_slice().filter(|slice| *slice < end);
                fire(before.into_iter().collect(), Source::Slice(end))
            }
            _ => fire(Vec::new(), Source::Slice(end)),
        }
    }

    /// Merges a block or emits a batch; returns the rest of the work.
    fn step(&mut self, mut fire: Fire, out: &mut Output<'_>) -> Result<Option<Fire>> {
        if let Some(slice) = fire.merge.last().copied() {
            let next = self.merge_block(slice, fire.row, fire.end, fire.source)?;
            fire.row = next.unwrap_or(0);
            if next.is_none() {
                fire.merge.pop();
                if self.sharing == Sharing::Cumulate {
                    self.table.remove_through(slice);
                }
            }
            return Ok(Some(fire));
        }
        match self.emit_batch(&fire, out)? {
            Some(row) => Ok(Some(Fire { row, ..fire })),
            None => {
                self.finish_fire(fire.end);
                Ok(None)
            }
        }
    }

    /// Merges rows of a slice from `row` on; says where to go on.
    fn merge_block(&mut self, slice: i64, row: u32, end: i64, into: Source) -> Result<Option<u32>> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let Some(groups) = self.table.slice(slice) else { return Ok(None) };
        let next = groups.rows_from(row, BLOCK_ROWS, &mut rows);
        let partial = self.fold.read_states(groups, &rows)?;
        let target: &mut SlicedTable = if into == Source::Merged { &mut self.merged } else { &mut self.table };
        self.fold.merge_words(target.slice_mut(end)?, &partial, 0..rows.len())?;
        self.rows = rows;
        Ok(next)
    }

    /// Emits rows of the window from `fire.row` on; says where to go on.
    fn emit_batch(&mut self, fire: &Fire, out: &mut Output<'_>) -> Result<Option<u32>> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let closing = self.closing(fire.end);
        let groups = match fire.source {
            Source::Slice(slice) => self.table.slice_mut(slice)?,
            Source::Merged => self.merged.slice_mut(fire.end)?,
        };
        let next = groups.rows_from(fire.row, out.rows_max(), &mut rows);
        let prefix = prefix(fire.end);
        let kept = self.fold.keeps_values().then(|| rows.clone());
        if self.counts_rows {
            // A group whose rows were all taken back is none.
            rows.retain(|row| groups.values(*row)[0] as i64 > 0);
        }
        if self.fired.is_uneven() {
            let mut key = Vec::new();
            rows.retain(|row| {
                key.clear();
                groups.append_key(*row, &mut key);
                !self.fired.has_fired(&key, closing)
            });
        }
        let mut keys = self.fold.decode_keys(groups, &rows)?;
        let results = self.fold.emit(groups, &rows, &prefix)?;
        if let Some(rows) = kept {
            self.fold.remove_values(groups, &rows, &prefix);
        }
        let batch = match keys.pop_if(|_| self.start_is_key) {
            Some(starts) => {
                let starts = super::times::times(&starts, "window start")?.to_vec();
                self.output.of_windows(&keys, &results, starts, vec![fire.end; rows.len()])
            }
            None => {
                let start = self.slices.as_ref().map_or(fire.end, |slices| slices.window_start(fire.end));
                self.output.of_window(&keys, &results, rows.len(), start, fire.end)
            }
        };
        out.emit(batch);
        self.rows = rows;
        Ok(next)
    }

    /// Forgets what no window needs any more.
    fn finish_fire(&mut self, end: i64) {
        let mut through = end;
        if let (Sharing::Hop | Sharing::Cumulate, Some(slices)) = (self.sharing, &self.slices) {
            self.merged.remove_through(end);
            self.fired.reach(self.closing(end));
            through = match self.sharing {
                // There is no window behind it that could need its slices.
                _ if end == i64::MAX => end,
                Sharing::Hop => slices.first_slice_end(end),
                _ if slices.last_window_end(end) == end => end,
                _ => end.saturating_sub(slices.slice_len()),
            };
        }
        self.table.remove_through(through);
        self.sets.iter_mut().for_each(|table| table.remove_through(through));
    }
}
