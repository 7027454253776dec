//! The source of rows that a query itself writes out: `VALUES`, and the single row of a `SELECT` without `FROM`.

use std::sync::Arc;

use prost::Message;
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_expr::arrays::scalars_to_array;
use tidemill_expr::proto::ScalarMessage;
use tidemill_expr::{Scalar, SqlType};

use crate::registry::Registry;
use crate::source::{Discovery, Enumerator, Poll, Reader, ReaderContext, Source, Split};

/// The source's kind in the registry.
pub const LITERAL_ROWS: &str = "literal_rows";

/// The source's config.
#[derive(Clone, PartialEq, Message)]
pub struct LiteralRowsConfig {
    /// Encoded SQL types of the columns; there may be none.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub types: Vec<Vec<u8>>,
    /// All values, row by row.
    #[prost(message, repeated, tag = "2")]
    pub cells: Vec<ScalarMessage>,
    /// Number of rows.
    #[prost(uint64, tag = "3")]
    pub rows: u64,
}

/// Adds the source to a registry.
pub fn register(registry: &mut Registry) {
    registry.add_source(LITERAL_ROWS, |config| Ok(Arc::new(LiteralRows::decode(config)?)));
}

struct LiteralRows(Batch);

impl LiteralRows {
    fn decode(config: &[u8]) -> Result<LiteralRows> {
        let broken = |text: &str| Failure::fatal("graph.malformed", format!("the rows of a VALUES cannot be read: {text}"));
        let config = LiteralRowsConfig::decode(config).map_err(|error| broken(&error.to_string()))?;
        let types: Vec<SqlType> = config.types.iter().map(|bytes| SqlType::from_bytes(bytes)).collect::<Result<_>>()?;
        let cells: Vec<Scalar> = config.cells.iter().map(ScalarMessage::decode_scalar).collect::<Result<_>>()?;
        let rows = usize::try_from(config.rows).map_err(|_| broken("there are too many"))?;
        if cells.len() != rows * types.len() {
            return Err(broken("there are cells missing"));
        }
        let columns: Result<Vec<_>> = types
            .iter()
            .enumerate()
            .map(|(at, ty)| {
                let values: Vec<Scalar> = cells.iter().skip(at).step_by(types.len()).cloned().collect();
                scalars_to_array(&values, ty)
            })
            .collect();
        Ok(LiteralRows(Batch::new(columns?, rows)))
    }
}

impl Source for LiteralRows {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(OneSplit { is_reported: false }))
    }

    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        Ok(Box::new(LiteralReader { rows: self.0.clone(), split: None }))
    }
}

struct OneSplit {
    is_reported: bool,
}

impl Enumerator for OneSplit {
    fn discover(&mut self) -> Result<Discovery> {
        if std::mem::replace(&mut self.is_reported, true) {
            return Ok(Discovery::default());
        }
        let split = Split { id: "rows".to_string(), payload: 0u64.to_be_bytes().to_vec() };
        Ok(Discovery { splits: vec![split], again_in_ms: None })
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![u8::from(self.is_reported)]
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.is_reported = state == [1];
        Ok(())
    }
}

struct LiteralReader {
    rows: Batch,
    /// The split's handle and the next row.
    split: Option<(u32, usize)>,
}

impl Reader for LiteralReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let position: [u8; 8] = split
            .payload
            .as_slice()
            .try_into()
            .map_err(|_| Failure::fatal("source.split", "the position within the rows of a VALUES cannot be read"))?;
        self.split = Some((handle, u64::from_be_bytes(position) as usize));
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, _now: Now) -> Result<Poll> {
        let Some((handle, next)) = self.split else { return Ok(Poll::Pending { wake_at_ns: None }) };
        if next >= self.rows.len() {
            self.split = None;
            return Ok(Poll::Finished(handle));
        }
        let rows = rows_max.max(1).min(self.rows.len() - next);
        self.split = Some((handle, next + rows));
        Ok(Poll::Batch(handle, self.rows.slice(next, rows)))
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        let split = |(handle, next): (u32, usize)| {
            (handle, Split { id: "rows".to_string(), payload: (next as u64).to_be_bytes().to_vec() })
        };
        Ok(self.split.map(split).into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    #[test]
    fn rows_go_on_behind_the_last_one_handed_out() {
        let config = LiteralRowsConfig {
            types: vec![SqlType::INT.to_bytes()],
            cells: [1, 2, 3].iter().map(|n| ScalarMessage::from(&Scalar::Int(*n))).collect(),
            rows: 3,
        };
        let source = LiteralRows::decode(&config.encode_to_vec()).unwrap();
        let split = source.enumerator().unwrap().discover().unwrap().splits.remove(0);
        let cx = ReaderContext { subtask: 0, parallelism: 1, rows_max: 2 };
        let mut first = source.reader(&cx).unwrap();
        first.add_split(7, split).unwrap();
        assert!(matches!(first.poll(2, Now::default()).unwrap(), Poll::Batch(7, batch) if batch.len() == 2));
        let (_, split) = first.snapshot().unwrap().remove(0);
        let mut second = source.reader(&cx).unwrap();
        second.add_split(0, split).unwrap();
        let Poll::Batch(0, rest) = second.poll(2, Now::default()).unwrap() else { panic!("no rows") };
        assert_eq!(rest.column(0).as_primitive::<Int32Type>().values(), &[3]);
        assert!(matches!(second.poll(2, Now::default()).unwrap(), Poll::Finished(0)));
    }
}
