//! The rows of `window-agg`: key, event time, value, computed from the row's number.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewBuilder, TimestampMillisecondArray};
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::{Discovery, Enumerator, Poll, Reader, ReaderContext, Source, Split};

/// Rows of a batch.
pub const BATCH: usize = 4096;
/// The first row's event time.
const BASE_MS: i64 = 1_700_000_000_000;

/// What the rows look like.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Rows.
    pub rows: u64,
    /// Different keys.
    pub keys: u64,
    /// 8: the key is a BIGINT; 24: a string of that many bytes.
    pub key_bytes: usize,
    /// True: key n is in row n and nowhere else.
    pub insert: bool,
    /// Event time rises by a millisecond after this many rows.
    pub rows_per_ms: u64,
    /// Rows are up to this much earlier than their place says.
    pub out_of_order_ms: u64,
}

fn mix(number: u64) -> u64 {
    let wide = u128::from(number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (wide as u64) ^ (wide >> 64) as u64
}

impl Rows {
    /// Keys, values and times of rows `from .. end`.
    pub fn fill(&self, from: u64, end: u64, keys: &mut Vec<i64>, values: &mut Vec<i64>, times: &mut Vec<i64>) {
        let row = from..end;
        keys.clear();
        values.clear();
        times.clear();
        values.extend(row.clone().map(|row| mix(row) as i64));
        if self.insert {
            keys.extend(row.clone().map(|row| row as i64));
        } else {
            keys.extend(values.iter().map(|random| (((*random as u64 >> 32) * self.keys) >> 32) as i64));
        }
        values.iter_mut().for_each(|random| *random &= 0xffff);
        let mut row = from;
        while row < end {
            let until = ((row / self.rows_per_ms + 1) * self.rows_per_ms).min(end);
            let time = BASE_MS + (row / self.rows_per_ms) as i64;
            if self.out_of_order_ms > 0 {
                let back = |row: u64| ((mix(row ^ 0x5555) >> 32) * self.out_of_order_ms) >> 32;
                times.extend((row..until).map(|row| time - back(row) as i64));
            } else {
                times.resize(times.len() + (until - row) as usize, time);
            }
            row = until;
        }
    }

    /// A key as 24 bytes of text.
    pub fn text(key: u64) -> [u8; 24] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = *b"customer0000000000000000";
        for (at, byte) in text[8..].iter_mut().enumerate() {
            *byte = DIGITS[(key >> (60 - 4 * at) & 15) as usize];
        }
        text
    }
}

impl Source for Rows {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(OneSplit { found: false }))
    }

    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        let buffers = (Vec::new(), Vec::new(), Vec::new());
        Ok(Box::new(RowReader { rows: *self, split: None, buffers }))
    }
}

struct OneSplit {
    found: bool,
}

impl Enumerator for OneSplit {
    fn discover(&mut self) -> Result<Discovery> {
        let split = Split { id: "rows".to_string(), payload: 0u64.to_le_bytes().to_vec() };
        let splits = if std::mem::replace(&mut self.found, true) { Vec::new() } else { vec![split] };
        Ok(Discovery { splits, again_in_ms: None })
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![u8::from(self.found)]
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.found = state == [1];
        Ok(())
    }
}

struct RowReader {
    rows: Rows,
    split: Option<(u32, u64)>,
    buffers: (Vec<i64>, Vec<i64>, Vec<i64>),
}

impl Reader for RowReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let position = split.payload.as_slice().try_into().map(u64::from_le_bytes);
        let position = position.map_err(|_| Failure::fatal("bench.split", "the split's position is damaged"))?;
        self.split = Some((handle, position));
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, _now: Now) -> Result<Poll> {
        let Some((handle, position)) = &mut self.split else { return Ok(Poll::Pending { wake_at_ns: None }) };
        if *position == self.rows.rows {
            let handle = *handle;
            self.split = None;
            return Ok(Poll::Finished(handle));
        }
        let end = (*position + rows_max as u64).min(self.rows.rows);
        let (mut keys, mut values, mut times) = std::mem::take(&mut self.buffers);
        self.rows.fill(*position, end, &mut keys, &mut values, &mut times);
        let count = (end - *position) as usize;
        *position = end;
        let key: ArrayRef = if self.rows.key_bytes > 8 {
            let mut texts = StringViewBuilder::with_capacity(count).with_fixed_block_size(128 * 1024);
            for key in &keys {
                texts.append_value(std::str::from_utf8(&Rows::text(*key as u64)).unwrap_or_default());
            }
            Arc::new(texts.finish())
        } else {
            Arc::new(Int64Array::from(keys))
        };
        let columns =
            vec![key, Arc::new(TimestampMillisecondArray::from(times)), Arc::new(Int64Array::from(values)) as _];
        Ok(Poll::Batch(*handle, Batch::new(columns, count)))
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        let state = |(handle, position): &(u32, u64)| {
            (*handle, Split { id: "rows".to_string(), payload: position.to_le_bytes().to_vec() })
        };
        Ok(self.split.iter().map(state).collect())
    }
}
