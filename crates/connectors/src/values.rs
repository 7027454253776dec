//! Literal rows as a source: the planner's `VALUES`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use prost::Message;
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::{Discovery, Enumerator, Poll, Reader, ReaderContext, Source, SourcePlan, Split};
use tidemill_expr::arrays::scalars_to_array;
use tidemill_expr::proto::ScalarMessage;
use tidemill_expr::{RowType, Scalar, SqlType};

/// The kind of the source in a job graph.
pub const KIND: &str = "values";

#[derive(Clone, PartialEq, Message)]
struct ValuesMessage {
    #[prost(bytes = "vec", repeated, tag = "1")]
    types: Vec<Vec<u8>>,
    #[prost(uint64, tag = "2")]
    rows: u64,
    /// All values of the first column, then those of the second, …
    #[prost(message, repeated, tag = "3")]
    values: Vec<ScalarMessage>,
}

/// The plan of a source that gives `rows`, each as long as `schema`.
///
/// ```
/// use tidemill_connectors::values;
/// use tidemill_expr::{Field, RowType, Scalar, SqlType};
/// let schema = RowType::new(vec![Field::new("a", SqlType::INT)]);
/// let plan = values::plan(&schema, &[vec![Scalar::Int(1)], vec![Scalar::Null]]);
/// assert!(plan.bounded);
/// ```
pub fn plan(schema: &RowType, rows: &[Vec<Scalar>]) -> SourcePlan {
    let column = |at: usize| rows.iter().map(move |row| row.get(at).map(ScalarMessage::from).unwrap_or_default());
    let message = ValuesMessage {
        types: schema.fields.iter().map(|field| field.ty.to_bytes()).collect(),
        rows: rows.len() as u64,
        values: (0..schema.len()).flat_map(column).collect(),
    };
    SourcePlan { kind: KIND.to_string(), config: message.encode_to_vec(), bounded: true, parallelism: 0 }
}

/// Gives its rows once, from one split.
#[derive(Clone, Debug)]
pub struct ValuesSource {
    columns: Arc<Vec<ArrayRef>>,
    rows: usize,
}

impl ValuesSource {
    /// The source of a stored config.
    pub fn decode(config: &[u8]) -> Result<ValuesSource> {
        let broken =
            |text: String| Failure::fatal("values.config", format!("stored literal rows cannot be read: {text}"));
        let message = ValuesMessage::decode(config).map_err(|error| broken(error.to_string()))?;
        let rows = message.rows as usize;
        if message.values.len() != rows * message.types.len() {
            return Err(broken("there are too few values".to_string()));
        }
        let column = |(at, ty): (usize, &Vec<u8>)| {
            let values = &message.values[at * rows..(at + 1) * rows];
            let values: Result<Vec<Scalar>> = values.iter().map(ScalarMessage::decode_scalar).collect();
            scalars_to_array(&values?, &SqlType::from_bytes(ty)?)
        };
        let columns: Result<Vec<ArrayRef>> = message.types.iter().enumerate().map(column).collect();
        Ok(ValuesSource { columns: Arc::new(columns?), rows })
    }
}

impl Source for ValuesSource {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(ValuesEnumerator { reported: false }))
    }

    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        Ok(Box::new(ValuesReader { source: self.clone(), split: None }))
    }
}

struct ValuesEnumerator {
    reported: bool,
}

impl Enumerator for ValuesEnumerator {
    fn discover(&mut self) -> Result<Discovery> {
        let mut found = Discovery::default();
        if !std::mem::replace(&mut self.reported, true) {
            found.splits.push(split(0));
        }
        Ok(found)
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![u8::from(self.reported)]
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.reported = state == [1];
        Ok(())
    }
}

struct ValuesReader {
    source: ValuesSource,
    /// Handle, and the next row.
    split: Option<(u32, usize)>,
}

impl Reader for ValuesReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let bytes: [u8; 8] = split
            .payload
            .as_slice()
            .try_into()
            .map_err(|_| Failure::fatal("source.split", "the position in literal rows cannot be read"))?;
        self.split = Some((handle, u64::from_be_bytes(bytes) as usize));
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, _now: Now) -> Result<Poll> {
        let Some((handle, next)) = self.split else { return Ok(Poll::Pending { wake_at_ns: None }) };
        let rows = self.source.rows.saturating_sub(next).min(rows_max.max(1));
        if rows == 0 {
            self.split = None;
            return Ok(Poll::Finished(handle));
        }
        self.split = Some((handle, next + rows));
        let columns = self.source.columns.iter().map(|column| column.slice(next, rows)).collect();
        Ok(Poll::Batch(handle, Batch::new(columns, rows)))
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        Ok(self.split.iter().map(|(handle, next)| (*handle, split(*next))).collect())
    }
}

fn split(next: usize) -> Split {
    Split { id: "0".to_string(), payload: (next as u64).to_be_bytes().to_vec() }
}
