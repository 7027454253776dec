//! VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP of numbers as DOUBLE.
//!
//! Words: sum, sum of squares, count; that can be merged and taken back. Sums are kept relative to nothing, so numbers whose
//! spread is tiny beside their size lose digits.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder};
use arrow::datatypes::Float64Type;
use tidemill_core::Result;
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Operand, PartialStates, RecordsMut, Registry, Signature, SqlType,
};

use super::define::{Aggregate, for_each_row, one_number};
use super::sum::argument;

/// Registers the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    let add = |registry: &mut Registry, aggregate| registry.add_aggregate(aggregate);
    add(registry, Aggregate::new("VAR_POP", infer, |_, _, _| Ok(Box::new(Spread { sample: false, root: false }))));
    add(registry, Aggregate::new("VAR_SAMP", infer, |_, _, _| Ok(Box::new(Spread { sample: true, root: false }))));
    add(registry, Aggregate::new("STDDEV_POP", infer, |_, _, _| Ok(Box::new(Spread { sample: false, root: true }))));
    add(registry, Aggregate::new("STDDEV_SAMP", infer, |_, _, _| Ok(Box::new(Spread { sample: true, root: true }))));
    registry.add_alias("VARIANCE", "VAR_SAMP");
    registry.add_alias("STDDEV", "STDDEV_SAMP");
}

fn infer(args: &[Operand<'_>]) -> Result<Signature, String> {
    let arg = one_number(args)?;
    Ok(Signature::new(vec![SqlType::DOUBLE.with_null(arg.nullable)], SqlType::DOUBLE))
}

struct Spread {
    /// Divides by one less than the count.
    sample: bool,
    /// The standard deviation.
    root: bool,
}

fn add([sum, squares, count]: &mut [u64; 3], values: f64, squared: f64, number: i64) {
    *sum = (f64::from_bits(*sum) + values).to_bits();
    *squares = (f64::from_bits(*squares) + squared).to_bits();
    *count = count.wrapping_add(number as u64);
}

impl Accumulator for Spread {
    fn words(&self) -> usize {
        3
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        _store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let array = argument::<Float64Type>(input)?;
        for_each_row(input, Some(array), |row, record, sign| {
            let value = array.value(row);
            add(records.words_mut::<3>(record, at), value * sign as f64, value * value * sign as f64, sign);
        });
        Ok(())
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        for (i, record) in into.iter().enumerate() {
            let [sum, squares, count] = states.get(i);
            let (sum, squares) = (f64::from_bits(sum), f64::from_bits(squares));
            add(records.words_mut::<3>(*record, at), sum, squares, count as i64);
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let mut builder = Float64Builder::with_capacity(rows.len());
        for row in rows {
            let [sum, squares, count] = records.words(*row, at);
            let (sum, squares, count) = (f64::from_bits(sum), f64::from_bits(squares), count as i64 as f64);
            let divisor = if self.sample { count - 1.0 } else { count };
            let variance = ((squares - sum * sum / count) / divisor).max(0.0);
            let result = if self.root { variance.sqrt() } else { variance };
            builder.append_option((divisor > 0.0).then_some(result));
        }
        Ok(Arc::new(builder.finish()))
    }
}
