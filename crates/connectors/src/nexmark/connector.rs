//! `'connector' = 'nexmark'`: the table's shape and options, and the source that generates.

use std::sync::Arc;

use tidemill_core::options::ConfigOption;
use tidemill_core::{Batch, Now, Result};
use tidemill_dataflow::{
    Connector, Enumerator, ReadRequest, Reader, ReaderContext, SinkPlan, Source, SourcePlan, TableSpec,
};
use tidemill_expr::{RowType, Scalar, SqlType, TypeKind};

use super::Generator;
use super::schema::{Kind, Kinds, Leaf};
use super::settings::{KEEP_ALIVE, MAX_EMIT_SPEED, RATE_LIMITED, Settings};
use crate::options::{ROWS_PER_SECOND, rows_per_second};
use crate::strides::{Generate, StrideEnumerator, StrideReader, Strides};
use crate::table::{self, unsupported};

/// The kind of the source in a job graph.
pub const KIND: &str = "nexmark";
/// Events in a chunk of a split, about: a whole number of epochs, and below the default size of a batch.
const CHUNK_EVENTS: u64 = 4000;

/// The connector.
#[derive(Debug)]
pub struct NexmarkConnector;

impl Connector for NexmarkConnector {
    fn name(&self) -> &'static str {
        "nexmark"
    }

    fn options(&self, _table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        Ok(Settings::OPTIONS.into_iter().chain([&ROWS_PER_SECOND]).collect())
    }

    fn reads_nested_fields(&self) -> bool {
        true
    }

    fn answers_exactly(&self, table: &TableSpec, path: &[usize]) -> bool {
        let is_event_type = |at: &usize| table.schema.fields.get(*at).is_some_and(|field| field.name == "event_type");
        matches!(path, [at] if is_event_type(at)) && matches!(pace(table), Ok((_, None)))
    }

    fn plan_source(&self, table: &TableSpec, request: &ReadRequest) -> Result<SourcePlan> {
        let source = NexmarkSource::new(table, request)?;
        let config = table::encode_read(table, request);
        Ok(SourcePlan { kind: KIND.to_string(), config, bounded: source.is_bounded, parallelism: 0 })
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        Err(unsupported(table, "connector 'nexmark' only generates, it cannot be written to"))
    }
}

/// Generates events.
#[derive(Clone, Debug)]
pub struct NexmarkSource {
    generator: Generator,
    strides: Strides,
    rows_per_second: Option<u64>,
    is_bounded: bool,
}

impl NexmarkSource {
    /// The source of a stored config.
    pub fn decode(config: &[u8]) -> Result<NexmarkSource> {
        let (table, request) = table::decode(config)?;
        NexmarkSource::new(&table, &request)
    }

    fn new(table: &TableSpec, request: &ReadRequest) -> Result<NexmarkSource> {
        let (settings, rows_per_second) = pace(table)?;
        let shape = Shape::of(table)?;
        let paths: Result<Vec<Vec<u32>>> = request.columns.iter().map(|path| shape.path(table, path)).collect();
        // Paced rows are events: none may be left out.
        let kinds = if rows_per_second.is_some() { Kinds::ALL } else { shape.kinds(request) };
        let epoch = settings.epoch();
        let keep_alive = table.options.bool(&KEEP_ALIVE)?;
        let is_bounded = settings.events.is_some() && !keep_alive;
        let mut strides = Strides::new(settings.events, CHUNK_EVENTS, epoch, rows_per_second, keep_alive);
        let generator = Generator::unprepared(settings, kinds, &paths?)?;
        if generator.rows(0, epoch) == 0 {
            // No event is of these kinds: there is nothing to look for.
            strides = Strides { numbers: Some(0), keep_alive: !is_bounded, ..strides };
        }
        Ok(NexmarkSource { generator, strides, rows_per_second, is_bounded })
    }
}

impl Source for NexmarkSource {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(StrideEnumerator::new(self.strides)))
    }

    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        self.generator.prepare();
        Ok(Box::new(StrideReader::new(self.strides, self.generator.clone())))
    }

    fn rows_per_second(&self) -> Option<u64> {
        self.rows_per_second
    }
}

impl Generate for Generator {
    fn rows(&self, first: u64, end: u64) -> usize {
        Generator::rows(self, first, end)
    }

    fn batch(&self, ranges: &[(u64, u64)], _now: Now) -> Result<Batch> {
        self.ranges(ranges)
    }
}

/// The settings of a table, and the rows a second that it is held to.
fn pace(table: &TableSpec) -> Result<(Settings, Option<u64>)> {
    let settings = Settings::from_options(&table.options)?;
    let at_event_rate = !table.options.bool(&MAX_EMIT_SPEED)? || table.options.bool(&RATE_LIMITED)?;
    let rows_per_second = match rows_per_second(&table.options, &ROWS_PER_SECOND)? {
        None if at_event_rate => Some(settings.events_per_second),
        rows => rows,
    };
    Ok((settings, rows_per_second))
}

/// Where the columns of a declared table are in ours: by name, in any order, any part of them.
struct Shape(Vec<Column>);

enum Column {
    EventType,
    /// A ROW: for each declared field its position in ours, and whether the two are the same.
    Row {
        kind: Kind,
        fields: Vec<u32>,
        whole: bool,
    },
}

impl Shape {
    fn of(table: &TableSpec) -> Result<Shape> {
        let columns: Result<Vec<Column>> = table
            .schema
            .fields
            .iter()
            .map(|field| match (field.name.as_str(), &field.ty.kind) {
                ("event_type", TypeKind::Int) => Ok(Column::EventType),
                (name, TypeKind::Row(row)) => match Kind::EACH.into_iter().find(|kind| kind.column() == name) {
                    Some(kind) => row_column(table, kind, row),
                    None => Err(wrong_column(table, name, &field.ty)),
                },
                (name, _) => Err(wrong_column(table, name, &field.ty)),
            })
            .collect();
        Ok(Shape(columns?))
    }

    fn path(&self, table: &TableSpec, path: &[usize]) -> Result<Vec<u32>> {
        let column = path.first().and_then(|at| self.0.get(*at));
        match (column, path) {
            (Some(Column::EventType), [_]) => Ok(vec![0]),
            (Some(Column::Row { kind, whole: true, .. }), [_]) => Ok(vec![1 + *kind as u32]),
            (Some(Column::Row { kind, .. }), [_]) => {
                let text =
                    format!("to read the whole ROW '{}', declare all its fields: {}", kind.column(), row_ddl(*kind));
                Err(unsupported(table, text))
            }
            (Some(Column::Row { kind, fields, .. }), [_, field]) if *field < fields.len() => {
                Ok(vec![1 + *kind as u32, fields[*field]])
            }
            _ => Err(unsupported(table, format!("there is no column at {path:?}"))),
        }
    }

    /// The kinds that the request's `event_type = …` leaves.
    fn kinds(&self, request: &ReadRequest) -> Kinds {
        let literal =
            |(path, value): &(Vec<usize>, Scalar)| match (path[..].first().and_then(|at| self.0.get(*at)), value) {
                (Some(Column::EventType), Scalar::Int(number)) => Some(*number),
                _ => None,
            };
        match request.equals.iter().find_map(literal) {
            Some(number) => Kinds::from_event_types(&[i32::try_from(number).unwrap_or(-1)]),
            None => Kinds::ALL,
        }
    }
}

fn row_column(table: &TableSpec, kind: Kind, row: &RowType) -> Result<Column> {
    let fields: Result<Vec<u32>> = row
        .fields
        .iter()
        .map(|field| {
            let found = kind.leaves().iter().position(|(name, leaf)| *name == field.name && fits(*leaf, &field.ty));
            found.map(|at| at as u32).ok_or_else(|| {
                let text = format!(
                    "ROW '{}' of a Nexmark table has no field `{}` {}; it is {}",
                    kind.column(),
                    field.name,
                    field.ty,
                    row_ddl(kind)
                );
                unsupported(table, text)
            })
        })
        .collect();
    let fields = fields?;
    let whole = fields.iter().copied().eq(0..kind.leaves().len() as u32);
    Ok(Column::Row { kind, fields, whole })
}

fn fits(leaf: Leaf, ty: &SqlType) -> bool {
    match leaf {
        Leaf::Long => ty.kind == TypeKind::BigInt,
        Leaf::Time => matches!(ty.kind, TypeKind::Timestamp(3) | TypeKind::TimestampLtz(3)),
        Leaf::Text => ty.kind.is_character(),
    }
}

fn row_ddl(kind: Kind) -> String {
    let fields: Vec<String> = kind
        .leaves()
        .iter()
        .map(|(name, leaf)| {
            let ty = match leaf {
                Leaf::Long => "BIGINT",
                Leaf::Time => "TIMESTAMP(3)",
                Leaf::Text => "STRING",
            };
            format!("`{name}` {ty}")
        })
        .collect();
    format!("ROW<{}>", fields.join(", "))
}

fn wrong_column(table: &TableSpec, name: &str, ty: &SqlType) -> tidemill_core::Failure {
    let rows: Vec<String> = Kind::EACH.iter().map(|kind| format!("{} {}", kind.column(), row_ddl(*kind))).collect();
    let text =
        format!("a Nexmark table has no column {name} {ty}; its columns are event_type INT, {}", rows.join(", "));
    unsupported(table, text)
}

/// The source of a config; the last one is kept, since every subtask asks for the same and its pools take a while to make.
pub fn cached() -> impl Fn(&[u8]) -> Result<Arc<dyn Source>> + Send + Sync {
    let last: std::sync::Mutex<Option<(Vec<u8>, Arc<NexmarkSource>)>> = std::sync::Mutex::new(None);
    move |config| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((known, source)) = &*last
            && known == config
        {
            return Ok(Arc::clone(source) as Arc<dyn Source>);
        }
        let source = Arc::new(NexmarkSource::decode(config)?);
        *last = Some((config.to_vec(), Arc::clone(&source)));
        Ok(source)
    }
}
