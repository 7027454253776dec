//! Rows written out in a query: constants are the source's config, everything else is computed behind it.

use prost::Message;
use tidemill_dataflow::literal_rows::{LITERAL_ROWS, LiteralRowsConfig};
use tidemill_dataflow::{ReadStage, Role};
use tidemill_expr::evaluator::Program;
use tidemill_expr::proto::ScalarMessage;
use tidemill_expr::{EvalContext, Expr, Scalar};

use super::builder::Draft;
use super::{NodeText, Planner, Stream};
use crate::error::PlanResult;
use crate::rel::ColId;
use crate::traits::ChangelogMode;

impl Planner<'_> {
    /// A source of constants; a source of one empty row and a projection for each row that has anything else in it.
    pub(super) fn values(&mut self, columns: &[ColId], rows: &[Vec<Expr>]) -> PlanResult<Stream> {
        let constants: Option<Vec<Scalar>> = rows.iter().flatten().map(|cell| self.constant(cell)).collect();
        if let Some(cells) = constants {
            return Ok(self.literal_rows(columns, &cells, rows.len()));
        }
        let mut all: Option<Stream> = None;
        for row in rows {
            let source = self.literal_rows(&[], &[], 1);
            let items: Vec<(ColId, Expr)> = columns.iter().copied().zip(row.iter().cloned()).collect();
            let stream = self.calc_over(source, None, &items, None)?;
            match &mut all {
                None => all = Some(stream),
                Some(all) => all.nodes.extend(stream.nodes),
            }
        }
        Ok(all.unwrap_or_else(|| self.literal_rows(columns, &[], 0)))
    }

    fn literal_rows(&mut self, columns: &[ColId], cells: &[Scalar], rows: usize) -> Stream {
        let types = self.types_of(columns);
        let config = LiteralRowsConfig {
            types: types.clone(),
            cells: cells.iter().map(ScalarMessage::from).collect(),
            rows: rows as u64,
        };
        let names = crate::rel::names(&self.registry, columns);
        let draft = Draft {
            name: "Source: Values".to_string(),
            role: Role::Source,
            kind: LITERAL_ROWS.to_string(),
            config: config.encode_to_vec(),
            read: Some(ReadStage { types: types.clone(), ..ReadStage::default() }),
            write: None,
            text: NodeText {
                text: format!("Values(fields=[{names}], rows=[{rows}])"),
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
        if cell.any(&|part| matches!(part, Expr::Call { function, .. } if function == crate::binder::PROCTIME)) {
            return None;
        }
        let cx = EvalContext { time_zone: self.cx.time_zone, ..EvalContext::utc() };
        Program::fold(cell, self.cx.functions, &cx).ok().flatten()
    }
}
