//! Filters and projections: one `calc` node for a filter with the projection above it; also limits.

use prost::Message;
use tidemill_dataflow::Role;
use tidemill_expr::{Expr, Volatility};
use tidemill_operators::config::{CALC, CalcConfig, LIMIT, LimitConfig};
use tidemill_sql_parser::Span;

use super::builder::{Draft, Input, Place};
use super::{NodeText, Planner, Stream};
use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, Rel};
use crate::traits::ChangelogMode;

impl Planner<'_> {
    /// A projection, a filter, or a projection over a filter.
    pub(super) fn calc(&mut self, rel: &Rel, wanted: ChangelogMode) -> PlanResult<Stream> {
        let (below, items) = match rel {
            Rel::Project { input, items } => (input.as_ref(), Some(items)),
            other => (other, None),
        };
        let (below, predicate) = match below {
            Rel::Filter { input, predicate } => (input.as_ref(), Some(predicate)),
            other => (other, None),
        };
        let stream = self.rel(below, wanted)?;
        let plain = items.is_none_or(|items| items.iter().all(|(id, expr)| *expr == Expr::Column(*id)));
        if plain && predicate.is_none() && stream.has_exactly(&rel.columns()) {
            // Readers find columns wherever they are; where the order matters, it is made at the end.
            return Ok(stream);
        }
        let items: Vec<(ColId, Expr)> = match items {
            Some(items) => items.clone(),
            None => below.columns().into_iter().map(|id| (id, Expr::Column(id))).collect(),
        };
        self.calc_over(stream, predicate, &items, Self::event_time(rel))
    }

    /// A stream with the columns of `rel` alone, in its order.
    pub(super) fn narrowed(&mut self, stream: Stream, rel: &Rel) -> PlanResult<Stream> {
        let items: Vec<(ColId, Expr)> = rel.columns().into_iter().map(|id| (id, Expr::Column(id))).collect();
        self.calc_over(stream, None, &items, Self::event_time(rel))
    }

    /// The node; none if it would change nothing.
    pub(super) fn calc_over(
        &mut self,
        stream: Stream,
        predicate: Option<&Expr>,
        items: &[(ColId, Expr)],
        time: Option<ColId>,
    ) -> PlanResult<Stream> {
        let columns: Vec<Option<ColId>> = items.iter().map(|(id, _)| Some(*id)).collect();
        let mut project = Vec::with_capacity(items.len());
        for (id, expr) in items {
            let expr = if stream.changes.is_insert_only() { expr.clone() } else { self.steady(expr, *id)? };
            project.push(self.positional(&expr, &stream)?);
        }
        let same = project.len() == stream.columns.len()
            && project.iter().enumerate().all(|(position, expr)| *expr == Expr::Column(position));
        if same && predicate.is_none() {
            return Ok(Stream { columns, ..stream });
        }
        let filter = match predicate {
            Some(predicate) => {
                let id = items.first().map_or(0, |(id, _)| *id);
                let predicate =
                    if stream.changes.is_insert_only() { predicate.clone() } else { self.steady(predicate, id)? };
                self.positional(&predicate, &stream)?.to_bytes()
            }
            None => Vec::new(),
        };
        let upserts = stream.changes.update_after && !stream.changes.update_before;
        let config = CalcConfig {
            input_types: stream.types.clone(),
            filter,
            project: project.iter().map(Expr::to_bytes).collect(),
            time_column: time.and_then(|time| items.iter().position(|(id, _)| *id == time)).map(|at| at as u32),
            drop_update_before: false,
            upsert_filter: predicate.is_some() && upserts,
            input_names: stream
                .columns
                .iter()
                .map(|column| column.map_or("?", |column| self.registry.name(column)).to_string())
                .collect(),
        };
        let mut changes = stream.changes;
        changes.delete |= config.upsert_filter;
        let text = NodeText { text: self.calc_text(predicate, items), changelog: Some(changes) };
        let draft = Draft {
            name: "Calc".to_string(),
            role: Role::Operator,
            shareable: predicate
                .into_iter()
                .chain(items.iter().map(|(_, expr)| expr))
                .all(|expr| self.cx.functions.volatility(expr) < Volatility::Volatile),
            kind: CALC.to_string(),
            config: config.encode_to_vec(),
            read: None,
            write: None,
            place: Place::default(),
            text,
        };
        let node = self.graph.add(draft, Input::forward(&stream.nodes));
        let ids: Vec<ColId> = items.iter().map(|(id, _)| *id).collect();
        Ok(Stream { nodes: vec![node], columns, types: self.types_of(&ids), changes })
    }

    /// Refuses what would give a row another value when it is taken back.
    fn steady(&self, expr: &Expr, id: ColId) -> PlanResult<Expr> {
        if self.cx.functions.volatility(expr) == Volatility::Deterministic {
            return Ok(expr.clone());
        }
        let text = format!(
            "{} gives another value each time, so the rows that this query takes back would not be those it gave out",
            self.registry.show(expr)
        );
        let mut error = PlanError::from(tidemill_core::Failure::user("plan.non-deterministic", text));
        if let Some(span) = self.span_of(&[id]) {
            error = error.at(span);
        }
        Err(error.help("compute it before the aggregation, or leave it out"))
    }

    fn calc_text(&self, predicate: Option<&Expr>, items: &[(ColId, Expr)]) -> String {
        let items: Vec<String> = items
            .iter()
            .map(|(id, expr)| {
                let (name, text) = (self.registry.name(*id), self.registry.show(expr));
                if name == text { text } else { format!("{text} AS {name}") }
            })
            .collect();
        let filter = predicate.map(|predicate| format!(", where=[{}]", self.registry.show(predicate)));
        format!("Calc(select=[{}]{})", items.join(", "), filter.unwrap_or_default())
    }

    /// The first rows that come. Rows that may be taken back are refused: others would have to take their places.
    pub(super) fn limit(&mut self, input: &Rel, offset: u64, fetch: Option<u64>, span: Span) -> PlanResult<Stream> {
        let stream = self.rel(input, ChangelogMode::ALL)?;
        if !stream.changes.is_insert_only() {
            let text = "LIMIT is not supported in streaming mode where rows are updated or taken back";
            return Err(PlanError::unsupported(span, text).help(
                "limit the rows before they are aggregated, in a subquery, or run it over bounded input with SET \
                 'execution.runtime-mode' = 'batch'",
            ));
        }
        let config = LimitConfig {
            offset,
            limit: fetch.unwrap_or(u64::MAX),
            input_retracts: false,
            input_types: stream.types.clone(),
        };
        let changes = ChangelogMode::INSERT_ONLY;
        let rows = fetch.map_or("all".to_string(), |rows| rows.to_string());
        let text = NodeText { text: format!("Limit(offset=[{offset}], fetch=[{rows}])"), changelog: Some(changes) };
        let draft = Draft {
            name: "Limit".to_string(),
            role: Role::Operator,
            shareable: true,
            kind: LIMIT.to_string(),
            config: config.encode_to_vec(),
            read: None,
            write: None,
            place: Place::default(),
            text,
        };
        let node = self.graph.add(draft, Input::hash(&stream.nodes, &[]));
        Ok(Stream { nodes: vec![node], changes, ..stream })
    }
}
