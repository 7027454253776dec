//! From a relational plan to DataFusion's logical plan.

mod aggregate;
mod join;

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{Filter, Limit, LogicalPlan, Projection, Sort, SortExpr, Union, lit};
use tidemill_core::{Batch, Failure, Result};
use tidemill_expr::{Expr, Program, Scalar, TypeKind, arrays};
use tidemill_operators::window::zone::Zone;
use tidemill_planner::rel::{ColId, ColumnRegistry, Rel, Scan, SortKey, WindowTime, WindowTvf};

use crate::canonical::canonical;
use crate::context::QueryContext;
use crate::expressions::{Asked, Translator};
use crate::failure::from_datafusion;
use crate::guard::GuardNode;
use crate::names;
use crate::read::{Feed, ReadNode, SourceFeed};
use crate::window::{WindowNode, WindowPlan};

/// The lowering of one plan.
pub(crate) struct Lower<'a> {
    exprs: Translator<'a>,
}

impl<'a> Lower<'a> {
    /// A lowering of plans over these columns.
    pub fn new(registry: &'a ColumnRegistry, cx: &Arc<QueryContext>) -> Lower<'a> {
        Lower { exprs: Translator { registry, cx: Arc::clone(cx) } }
    }

    fn registry(&self) -> &'a ColumnRegistry {
        self.exprs.registry
    }

    fn cx(&self) -> &Arc<QueryContext> {
        &self.exprs.cx
    }

    fn column(&self, id: ColId) -> datafusion::logical_expr::Expr {
        names::column(self.registry(), id)
    }

    /// The plan of a relation; its columns are those of the relation, in order.
    pub fn rel(&self, rel: &Rel) -> Result<LogicalPlan> {
        match rel {
            Rel::Scan(scan) => self.scan(scan),
            Rel::Values { columns, rows } => self.values(columns, rows),
            Rel::Watermark { input, .. } => self.rel(input),
            Rel::Filter { input, predicate } => self.filter(input, predicate),
            Rel::Project { input, items } => self.project(input, items),
            Rel::WindowTvf(tvf) => self.window(tvf),
            Rel::Aggregate { input, keys, calls, .. } => self.aggregate(input, keys, calls),
            Rel::Union { inputs, columns, sources } => self.union(inputs, columns, sources),
            Rel::Join { left, right, kind, condition, .. } => self.join(left, right, *kind, condition),
            Rel::Sort { input, keys, .. } => self.sort(input, keys),
            Rel::Limit { input, offset, fetch, .. } => {
                let number = |rows: u64| Some(Box::new(lit(i64::try_from(rows).unwrap_or(i64::MAX))));
                let skip = if *offset == 0 { None } else { number(*offset) };
                let fetch = fetch.and_then(number);
                Ok(LogicalPlan::Limit(Limit { skip, fetch, input: Arc::new(self.rel(input)?) }))
            }
        }
    }

    fn scan(&self, scan: &Scan) -> Result<LogicalPlan> {
        let batch = &self.cx().batch;
        let spec = scan.table.read_spec(&batch.time_zone);
        let plan = batch.connectors.of(&spec)?.plan_source(&spec, &scan.request())?;
        if !plan.bounded {
            let text = format!(
                "table {} never ends, so it cannot be read in batch mode; bound it by its options, or \
                 SET 'execution.runtime-mode' = 'streaming'",
                spec.name
            );
            return Err(Failure::user("batch.unbounded", text));
        }
        let source = batch.components.source(&plan.kind, &plan.config)?;
        let feed = SourceFeed::open(spec.name, source, self.cx())?;
        let columns: Vec<ColId> = scan.reads.iter().map(|read| read.id).collect();
        ReadNode::plan(Feed::Source(feed), names::schema(self.registry(), &columns))
    }

    fn values(&self, columns: &[ColId], rows: &[Vec<Expr>]) -> Result<LogicalPlan> {
        let functions = &self.cx().batch.functions;
        let value = |cell: Option<&Expr>| match cell {
            Some(Expr::Literal(value, _)) => Ok(value.clone()),
            Some(expr) => Program::evaluate_constant(expr, functions, &self.cx().eval()),
            None => Err(Failure::fatal("batch.values", "a row has too few values")),
        };
        let arrays: Result<Vec<ArrayRef>> = columns
            .iter()
            .enumerate()
            .map(|(index, id)| {
                let values: Result<Vec<Scalar>> = rows.iter().map(|row| value(row.get(index))).collect();
                arrays::scalars_to_array(&values?, &self.registry().ty(*id))
            })
            .collect();
        let batch = Batch::new(arrays?, rows.len());
        ReadNode::plan(Feed::Rows(batch, Arc::clone(self.cx())), names::schema(self.registry(), columns))
    }

    fn filter(&self, input: &Rel, predicate: &Expr) -> Result<LogicalPlan> {
        let input = self.rel(input)?;
        if !self.exprs.is_movable(predicate) {
            return Ok(GuardNode::plan(self.exprs.whole(predicate, Asked::Truth, &[])?, input));
        }
        planned(Filter::try_new(self.exprs.condition(predicate)?, Arc::new(input)).map(LogicalPlan::Filter))
    }

    fn project(&self, input: &Rel, items: &[(ColId, Expr)]) -> Result<LogicalPlan> {
        let exprs: Result<Vec<_>> = items
            .iter()
            .map(|(id, expr)| match expr {
                Expr::Column(column) if column == id => Ok(self.column(*id)),
                _ => Ok(self.exprs.any(expr)?.alias(names::name(self.registry(), *id))),
            })
            .collect();
        projection(exprs?, self.rel(input)?)
    }

    fn window(&self, tvf: &WindowTvf) -> Result<LogicalPlan> {
        let registry = self.registry();
        let (time, moments) = match tvf.time {
            WindowTime::Column(id) => {
                let moments = matches!(registry.ty(id).kind, TypeKind::TimestampLtz(_));
                (Some(names::name(registry, id)), moments)
            }
            WindowTime::Processing => (None, true),
        };
        let zone = if moments { Some(Zone::parse(&self.cx().batch.time_zone)?) } else { None };
        let added = [tvf.start, tvf.end, tvf.window_time];
        let plan = WindowPlan {
            window: tvf.window,
            time,
            partition_by: tvf.partition_by.iter().map(|id| names::name(registry, *id)).collect(),
            zone,
            added: added
                .map(|id| arrow::datatypes::Field::new(names::name(registry, id), registry.ty(id).arrow_type(), true)),
            cx: Arc::clone(self.cx()),
        };
        planned(WindowNode::plan(plan, self.rel(&tvf.input)?))
    }

    fn union(&self, inputs: &[Rel], columns: &[ColId], sources: &[Vec<ColId>]) -> Result<LogicalPlan> {
        let renamed: Result<Vec<Arc<LogicalPlan>>> = inputs
            .iter()
            .zip(sources)
            .map(|(input, sources)| {
                let pairs = sources.iter().zip(columns);
                let exprs = pairs.map(|(from, to)| self.column(*from).alias(names::name(self.registry(), *to)));
                projection(exprs.collect(), self.rel(input)?).map(Arc::new)
            })
            .collect();
        let mut renamed = renamed?;
        if renamed.len() == 1 {
            return Ok(Arc::unwrap_or_clone(renamed.remove(0)));
        }
        planned(Union::try_new(renamed).map(LogicalPlan::Union))
    }

    fn sort(&self, input: &Rel, keys: &[SortKey]) -> Result<LogicalPlan> {
        let expr = keys.iter().map(|key| {
            let column = canonical(self.column(key.column), &self.registry().ty(key.column).arrow_type());
            SortExpr::new(column, !key.descending, key.nulls_first)
        });
        Ok(LogicalPlan::Sort(Sort { expr: expr.collect(), input: Arc::new(self.rel(input)?), fetch: None }))
    }
}

/// A projection.
fn projection(exprs: Vec<datafusion::logical_expr::Expr>, input: LogicalPlan) -> Result<LogicalPlan> {
    planned(Projection::try_new(exprs, Arc::new(input)).map(LogicalPlan::Projection))
}

/// A plan that DataFusion could not make is a defect of the lowering.
fn planned<T>(plan: DfResult<T>) -> Result<T> {
    plan.map_err(from_datafusion)
}
