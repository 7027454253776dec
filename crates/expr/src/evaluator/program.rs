//! Compiled expressions over a batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::compute::FilterBuilder;
use tidemill_core::{Batch, Result, RowKind, TimeBounds, strings};

use super::compile::Compiler;
use super::{Node, Value, broken, fail, lazy};
use crate::display::display_over;
use crate::errors::RowErrors;
use crate::expr::Expr;
use crate::function::{Arg, EvalContext};
use crate::registry::Registry;
use crate::scalar::Scalar;
use crate::types::RowType;

/// Expressions compiled together against one input.
pub struct Program {
    input: RowType,
    exprs: Vec<Expr>,
    nodes: Vec<Node>,
    outputs: Vec<usize>,
}

impl Program {
    /// Compiles expressions over the columns of `input` with the functions of `registry`.
    pub fn compile(exprs: &[Expr], input: &RowType, registry: &Registry) -> Result<Program> {
        let mut compiler = Compiler::new(input, registry);
        let outputs: Result<Vec<usize>> = exprs.iter().map(|expr| compiler.add(expr)).collect();
        Ok(Program { input: input.clone(), exprs: exprs.to_vec(), outputs: outputs?, nodes: compiler.nodes })
    }

    /// Number of expressions.
    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    /// True without expressions.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// The values of all expressions as columns. A row with an error is a failure of class Data.
    pub fn columns(&self, batch: &Batch, cx: &EvalContext) -> Result<Vec<ArrayRef>> {
        let mut run = Run::new(self, batch, cx);
        self.outputs
            .iter()
            .zip(&self.exprs)
            .map(|(place, expr)| {
                let value = run.eval(*place)?;
                self.check(expr, &value, batch)?;
                value.arg.expand(batch.len())
            })
            .collect()
    }

    /// The values of all expressions as a batch of the same rows and kinds. Event time is kept where its column is.
    pub fn project(&self, batch: &Batch, cx: &EvalContext) -> Result<Batch> {
        if let Some(positions) = self.plain_columns() {
            return Ok(batch.project(&positions));
        }
        let projected = batch.with_columns(self.columns(batch, cx)?);
        let time = batch.time().and_then(|time| {
            let column = self.exprs.iter().position(|expr| *expr == Expr::Column(time.column))?;
            Some(TimeBounds { column, ..time })
        });
        Ok(projected.with_time(time))
    }

    /// The first expression, a condition, as a mask without NULL: true where it is true. A conjunct's error stands only in
    /// rows for which all other conjuncts are true: filters may be taken apart and put together.
    pub fn filter(&self, batch: &Batch, cx: &EvalContext) -> Result<BooleanArray> {
        let (Some(place), Some(expr)) = (self.outputs.first(), self.exprs.first()) else {
            return Err(broken("a filter has no condition"));
        };
        let mut run = Run::new(self, batch, cx);
        let value = match &self.nodes[*place] {
            Node::And(_) => lazy::filter(&self.conjuncts(*place), batch.len(), &mut |place| run.eval(place))?,
            _ => run.eval(*place)?,
        };
        self.check(expr, &value, batch)?;
        let column = value.arg.expand(batch.len())?;
        let Some(mask) = column.as_boolean_opt() else { return Ok(BooleanArray::from(vec![false; batch.len()])) };
        if mask.null_count() == 0 {
            return Ok(BooleanArray::new(mask.values().clone(), None));
        }
        let (values, nulls) = mask.clone().into_parts();
        Ok(BooleanArray::new(nulls.map_or(values.clone(), |nulls| &values & nulls.inner()), None))
    }

    /// The value of an expression without columns; none if it has columns, is volatile, or fails.
    pub fn fold(expr: &Expr, registry: &Registry, cx: &EvalContext) -> Result<Option<Scalar>> {
        let deterministic = registry.volatility(expr) == crate::function::Volatility::Deterministic;
        if !deterministic || !expr.columns().is_empty() {
            return Ok(None);
        }
        Program::evaluate_constant(expr, registry, cx).map(Some).or(Ok(None))
    }

    /// The value of an expression without columns, in this context.
    pub fn evaluate_constant(expr: &Expr, registry: &Registry, cx: &EvalContext) -> Result<Scalar> {
        let none = RowType::default();
        let program = Program::compile(std::slice::from_ref(expr), &none, registry)?;
        let columns = program.columns(&Batch::new(Vec::new(), 1), cx)?;
        Ok(Scalar::at(&columns[0], &expr.ty(&|_| crate::types::SqlType::NULL), 0))
    }

    /// The parts of a condition that all must hold.
    fn conjuncts(&self, place: usize) -> Vec<usize> {
        match &self.nodes[place] {
            Node::And(parts) => parts.iter().flat_map(|part| self.conjuncts(*part)).collect(),
            _ => vec![place],
        }
    }

    fn plain_columns(&self) -> Option<Vec<usize>> {
        self.exprs.iter().map(|expr| if let Expr::Column(column) = expr { Some(*column) } else { None }).collect()
    }

    fn check(&self, expr: &Expr, value: &Value, batch: &Batch) -> Result<()> {
        let Some((row, error)) = value.errors.first() else { return Ok(()) };
        if batch.is_empty() {
            return Ok(());
        }
        let columns: Vec<String> = expr
            .columns()
            .into_iter()
            .map(|column| {
                let field = &self.input.fields[column];
                format!("{} = {}", field.name, Scalar::at(&batch.column(column), &field.ty, row))
            })
            .collect();
        let text = display_over(expr, &self.input.names(), &self.input.types());
        fail(&error.message, error.code, &text, &format!("({})", columns.join(", ")))
    }
}

/// One evaluation: what is known of each node.
struct Run<'a> {
    program: &'a Program,
    batch: &'a Batch,
    cx: &'a EvalContext,
    values: Vec<Option<Value>>,
}

impl<'a> Run<'a> {
    fn new(program: &'a Program, batch: &'a Batch, cx: &'a EvalContext) -> Run<'a> {
        Run { program, batch, cx, values: vec![None; program.nodes.len()] }
    }

    fn eval(&mut self, place: usize) -> Result<Value> {
        if let Some(value) = &self.values[place] {
            return Ok(value.clone());
        }
        let value = self.compute(place)?;
        self.values[place] = Some(value.clone());
        Ok(value)
    }

    fn compute(&mut self, place: usize) -> Result<Value> {
        let rows = self.batch.len();
        let program = self.program;
        match &program.nodes[place] {
            Node::Column(column) => Ok(Value::clean(Arg::column(self.batch.column(*column)))),
            Node::Constant(arg) => Ok(Value::clean(arg.clone())),
            Node::Call { kernel, args, per_row } => {
                let values: Result<Vec<Value>> = args.iter().map(|arg| self.eval(*arg)).collect();
                self.call(kernel, values?, *per_row)
            }
            Node::Field { row, index } => {
                let value = self.eval(*row)?;
                let field = field_of(value.arg.array(), *index)?;
                let arg = if value.arg.is_constant() { Arg::constant(field) } else { Arg::column(field) };
                Ok(Value { arg, errors: value.errors })
            }
            Node::And(args) => lazy::connective(args, false, rows, &mut |place| self.eval(place)),
            Node::Or(args) => lazy::connective(args, true, rows, &mut |place| self.eval(place)),
            Node::Coalesce(args) => lazy::coalesce(args, rows, &mut |place| self.eval(place)),
            Node::Case { branches, otherwise } => lazy::case(branches, *otherwise, rows, &mut |place| self.eval(place)),
        }
    }

    fn call(&self, kernel: &crate::function::Kernel, values: Vec<Value>, per_row: bool) -> Result<Value> {
        let constant = !per_row && values.iter().all(|value| value.arg.is_constant());
        let rows = if constant { 1 } else { self.batch.len() };
        let mut errors = RowErrors::NONE;
        for value in &values {
            value.pass_all_errors(rows, &mut errors);
        }
        let args: Vec<Arg> = values.into_iter().map(|value| value.arg).collect();
        let output = kernel(&args, rows, self.cx)?;
        debug_assert_eq!(output.array.len(), rows);
        let arg = if constant { Arg::constant(output.array) } else { Arg::column(output.array) };
        if errors.is_empty() {
            errors = output.errors;
        } else {
            errors.merge_where(&output.errors, |_| true);
        }
        Ok(Value { arg, errors })
    }
}

/// A field of a column of rows: NULL also where the row is.
fn field_of(rows: &ArrayRef, index: usize) -> Result<ArrayRef> {
    let Some(rows) = rows.as_struct_opt() else { return Err(broken("a field was asked of a value that is no row")) };
    let column = rows.columns().get(index).ok_or_else(|| broken("a row lacks a field"))?;
    let nulls = NullBuffer::union(rows.nulls(), column.nulls());
    if rows.null_count() == 0 || nulls.is_none() {
        return Ok(Arc::clone(column));
    }
    Ok(make_array(column.to_data().into_builder().nulls(nulls).build()?))
}

/// A filter and what is computed of the rows that pass it, fused: only what the projection reads is copied.
pub struct Calc {
    filter: Option<Program>,
    /// The input columns that the projection reads.
    reads: Vec<usize>,
    project: Program,
}

impl Calc {
    /// Compiles a condition, if there is one, and a projection, both over `input`.
    pub fn compile(filter: Option<&Expr>, project: &[Expr], input: &RowType, registry: &Registry) -> Result<Calc> {
        let filter = filter
            .filter(|condition| !condition.is_true())
            .map(|condition| Program::compile(std::slice::from_ref(condition), input, registry))
            .transpose()?;
        if filter.is_none() {
            let reads = (0..input.len()).collect();
            return Ok(Calc { filter, reads, project: Program::compile(project, input, registry)? });
        }
        let mut reads: Vec<usize> = project.iter().flat_map(Expr::columns).collect();
        reads.sort_unstable();
        reads.dedup();
        let narrow = RowType::new(reads.iter().map(|column| input.fields[*column].clone()).collect());
        let place = |column: usize| reads.binary_search(&column).unwrap_or(column);
        let moved: Vec<Expr> = project.iter().map(|expr| expr.clone().map_columns(&place)).collect();
        Ok(Calc { filter, project: Program::compile(&moved, &narrow, registry)?, reads })
    }

    /// The projected rows that pass the filter, with their kinds.
    pub fn apply(&self, batch: &Batch, cx: &EvalContext) -> Result<Batch> {
        let Some(filter) = &self.filter else { return self.project.project(batch, cx) };
        let mask = filter.filter(batch, cx)?;
        let narrow = batch.project(&self.reads);
        if mask.true_count() == mask.len() {
            return self.project.project(&narrow, cx);
        }
        self.project.project(&filter_batch(&narrow, &mask)?, cx)
    }
}

/// The rows for which `mask` (without NULL) is true, copied. Event-time bounds are kept, hashes are not.
pub fn filter_batch(batch: &Batch, mask: &BooleanArray) -> Result<Batch> {
    let rows = mask.true_count();
    let predicate = FilterBuilder::new(mask).optimize().build();
    let columns: Result<Vec<ArrayRef>> = (0..batch.width())
        .map(|index| Ok(strings::shared_or_copied(predicate.filter(&batch.column(index))?)))
        .collect();
    let filtered = Batch::new(columns?, rows).with_time(batch.time());
    Ok(match batch.kinds() {
        None => filtered,
        Some(kinds) => {
            let kinds: Vec<RowKind> =
                kinds.iter().enumerate().filter(|(row, _)| mask.value(*row)).map(|(_, kind)| *kind).collect();
            filtered.with_kinds(kinds)
        }
    })
}
