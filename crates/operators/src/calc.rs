//! Filter and projection, fused. Row kinds stay with their rows.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::TimestampMillisecondType;
use tidemill_core::{Batch, EventTime, InputId, Progress, Result, RowKind, TimeBounds, bounds};
use tidemill_dataflow::{OpenContext, Operator, Output};
use tidemill_expr::evaluator::{Calc, Program, filter_batch};
use tidemill_expr::{EvalContext, Expr, Field, Registry, RowType, TimeZone};

use crate::config::{CALC, CalcConfig, decode, decode_types};

/// The operator of kind `calc`.
pub struct CalcOperator {
    /// Filter and projection; the projection alone where there is an `upsert_filter`.
    calc: Calc,
    /// The filter of an upsert edge: what fails it is turned into a deletion.
    upsert_filter: Option<Program>,
    time_column: Option<usize>,
    drop_update_before: bool,
    context: EvalContext,
    /// Different for every instance and start.
    seed: u64,
    batches: u64,
}

impl CalcOperator {
    /// An operator from its config.
    pub fn new(config: &[u8], functions: &Registry) -> Result<CalcOperator> {
        let config: CalcConfig = decode(CALC, config)?;
        let types = decode_types(&config.input_types)?;
        let name = |position: usize| config.input_names.get(position).cloned().unwrap_or(format!("${position}"));
        let fields = types.into_iter().enumerate().map(|(position, ty)| Field::new(name(position), ty));
        let input = RowType::new(fields.collect());
        let filter = if config.filter.is_empty() { None } else { Some(Expr::from_bytes(&config.filter)?) };
        let project: Vec<Expr> = config.project.iter().map(|bytes| Expr::from_bytes(bytes)).collect::<Result<_>>()?;
        let (filter, upsert_filter) = match filter {
            Some(condition) if config.upsert_filter => (None, Some(Program::compile(&[condition], &input, functions)?)),
            filter => (filter, None),
        };
        Ok(CalcOperator {
            calc: Calc::compile(filter.as_ref(), &project, &input, functions)?,
            upsert_filter,
            time_column: config.time_column.map(|column| column as usize),
            drop_update_before: config.drop_update_before,
            context: EvalContext::utc(),
            seed: 0,
            batches: 0,
        })
    }

    /// The batch with its event time, of which only the bounds may have to be found.
    fn with_time(&self, batch: Batch) -> Batch {
        let Some(column) = self.time_column else { return batch.with_time(None) };
        if batch.time().is_some_and(|time| time.column == column) {
            return batch;
        }
        let array = batch.column(column);
        let times = array.as_primitive_opt::<TimestampMillisecondType>().filter(|times| times.nulls().is_none());
        let bounds = times.and_then(|times| bounds(times.values()));
        batch.with_time(bounds.map(|(min, max)| TimeBounds { column, min, max }))
    }
}

impl Operator for CalcOperator {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        if let Some(zone) = cx.options.raw("table.local-time-zone") {
            self.context.time_zone = TimeZone::parse(zone)?;
        }
        if let Some(database) = cx.options.raw("tidemill.table.current-database") {
            self.context.database = Arc::from(database);
        }
        let place = (cx.operator.0 as u64) ^ (cx.generation << 32) ^ u64::from(cx.subtask);
        self.seed = spread(place ^ spread(cx.now.monotonic_ns ^ (cx.now.wall_ms as u64)));
        Ok(())
    }

    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        self.batches += 1;
        self.context.now_ms = out.now.wall_ms;
        self.context.random_seed = spread(self.seed.wrapping_add(self.batches));
        let mut batch = batch.clone();
        if self.drop_update_before
            && let Some(kinds) = batch.kinds()
        {
            let keep: Vec<bool> = kinds.iter().map(|kind| *kind != RowKind::UpdateBefore).collect();
            if keep.contains(&false) {
                batch = filter_batch(&batch, &BooleanArray::from(keep))?;
            }
        }
        if let Some(filter) = &self.upsert_filter {
            let passed = filter.filter(&batch, &self.context)?;
            batch = deletions_where_failed(&batch, &passed)?;
        }
        let projected = self.calc.apply(&batch, &self.context)?;
        out.emit(self.with_time(projected));
        Ok(Progress::Done)
    }

    fn on_watermark(&mut self, watermark: EventTime) -> Result<()> {
        self.context.watermark_ms = Some(watermark.0);
        Ok(())
    }
}

/// A failing `+U` is a `-D` (its key may have passed before), a `-D` stays one, a failing `+I` vanishes.
fn deletions_where_failed(batch: &Batch, passed: &BooleanArray) -> Result<Batch> {
    if passed.true_count() == batch.len() {
        return Ok(batch.clone());
    }
    let kinds: Vec<RowKind> = (0..batch.len())
        .map(|row| match batch.kind(row) {
            RowKind::UpdateAfter if !passed.value(row) => RowKind::Delete,
            kind => kind,
        })
        .collect();
    let keep: BooleanArray =
        kinds.iter().zip(passed.values()).map(|(kind, passed)| Some(passed || *kind == RowKind::Delete)).collect();
    let time = batch.time();
    filter_batch(&Batch::new(batch.columns(), batch.len()).with_kinds(kinds).with_time(time), &keep)
}

/// A number whose bits all depend on all bits of another (the finaliser of splitmix64).
fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
