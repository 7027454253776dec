//! Rows written out in a query: constants are the source's config, everything else is computed behind it.

use tidemill_connectors::values;
use tidemill_dataflow::{ReadStage, Role};
use tidemill_expr::evaluator::Program;
use tidemill_expr::{EvalContext, Expr, Field, RowType, Scalar};

use super::builder::{Draft, Place};
use super::{NodeText, Planner, Stream};
use crate::error::PlanResult;
use crate::rel::ColId;
use crate::traits::ChangelogMode;

impl Planner<'_> {
    /// A source of constants; a source of one empty row and a projection for each row that has anything else in it.
    pub(super) fn values(&mut self, columns: &[ColId], rows: &[Vec<Expr>]) -> PlanResult<Stream> {
        let constants: Option<Vec<Vec<Scalar>>> =
            rows.iter().map(|row| row.iter().map(|cell| self.constant(cell)).collect()).collect();
        if let Some(rows) = constants {
            return Ok(self.literal_rows(columns, &rows));
        }
        let mut all: Option<Stream> = None;
        for row in rows {
            let source = self.literal_rows(&[], &[Vec::new()]);
            let items: Vec<(ColId, Expr)> = columns.iter().copied().zip(row.iter().cloned()).collect();
            let stream = self.calc_over(source, None, &items, None)?;
            match &mut all {
                None => all = Some(stream),
                Some(all) => all.nodes.extend(stream.nodes),
            }
        }
        Ok(all.unwrap_or_else(|| self.literal_rows(columns, &[])))
    }

    fn literal_rows(&mut self, columns: &[ColId], rows: &[Vec<Scalar>]) -> Stream {
        let types = self.types_of(columns);
        let field = |column: &ColId| Field::new(self.registry.name(*column), self.registry.ty(*column));
        let plan = values::plan(&RowType::new(columns.iter().map(field).collect()), rows);
        let names = crate::rel::names(&self.registry, columns);
        let draft = Draft {
            name: "Source: Values".to_string(),
            role: Role::Source,
            shareable: false,
            kind: plan.kind,
            config: plan.config,
            read: Some(ReadStage { types: types.clone(), ..ReadStage::default() }),
            write: None,
            place: Place::default(),
            text: NodeText {
                text: format!("Values(fields=[{names}], rows=[{}])", rows.len()),
                changelog: Some(ChangelogMode::INSERT_ONLY),
            },
        };
        let node = self.graph.add(draft, Vec::new());
        Stream {
            nodes: vec![node],
            columns: columns.iter().copied().map(Some).collect(),
            types,
            changes: ChangelogMode::INSERT_ONLY,
        }
    }

    /// The value of a cell, if it is one now.
    fn constant(&self, cell: &Expr) -> Option<Scalar> {
        if let Expr::Literal(value, _) = cell {
            return Some(value.clone());
        }
        let cx = EvalContext { time_zone: self.cx.time_zone, ..EvalContext::utc() };
        Program::fold(cell, self.cx.functions, &cx).ok().flatten()
    }
}
