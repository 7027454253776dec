//! EXPLAIN: the bound plan, the plan after the rules, the graph of operators.

use tidemill_sql_parser::ast::{Explain, ExplainDetail, Insert, StatementKind};

use super::Session;
use crate::error::{PlanError, PlanResult};
use crate::plan::{BoundQuery, Outcome};
use crate::rel;
use crate::streaming::{StreamPlan, explain_graph};

impl Session {
    pub(super) fn explain(&self, explain: &Explain) -> PlanResult<Outcome> {
        for (detail, span) in &explain.details {
            if *detail != ExplainDetail::ChangelogMode {
                return Err(PlanError::unsupported(*span, format!("EXPLAIN {detail} is not supported yet"))
                    .help("EXPLAIN shows the plans, with CHANGELOG_MODE also the kinds of rows"));
            }
        }
        let changelog = explain.details.iter().any(|(detail, _)| *detail == ExplainDetail::ChangelogMode);
        let inserts: Vec<&Insert> = match &explain.statement.kind {
            StatementKind::Query(query) => {
                let explained = self.explained_select(query, &explain.statement.to_string())?;
                let parts = [(None, &explained.planned.bound, &explained.planned.optimized)];
                return Ok(Outcome::Text(sections(&parts, explained.stream.as_ref(), changelog)));
            }
            StatementKind::Insert(insert) => vec![insert],
            StatementKind::StatementSet(set) => set.inserts.iter().collect(),
            _ => {
                let text = "EXPLAIN takes a query, an INSERT or a statement set";
                return Err(PlanError::new("sql.explain", explain.statement.span, text));
            }
        };
        let explained = self.explained_job(&inserts)?;
        let parts: Vec<(Option<&str>, &BoundQuery, &BoundQuery)> = explained
            .planned
            .inserts
            .iter()
            .map(|insert| (Some(insert.sink.as_str()), &insert.bound, &insert.optimized))
            .collect();
        Ok(Outcome::Text(sections(&parts, explained.stream.as_ref(), changelog)))
    }
}

/// The sections; each plan of a job stands below its sink.
fn sections(
    parts: &[(Option<&str>, &BoundQuery, &BoundQuery)],
    stream: Option<&StreamPlan>,
    changelog: bool,
) -> String {
    let tree = |sink: Option<&str>, query: &BoundQuery| {
        let text = rel::explain(&query.rel, &query.registry);
        match sink {
            None => text,
            Some(sink) => {
                let mut lines = vec![format!("Sink(table=[{sink}], fields=[{}])", query.schema.names().join(", "))];
                let indented = text.lines().enumerate();
                lines.extend(indented.map(|(at, line)| format!("{}{line}", if at == 0 { "+- " } else { "   " })));
                lines.push(String::new());
                lines.join("\n")
            }
        }
    };
    let bound: Vec<String> = parts.iter().map(|(sink, bound, _)| tree(*sink, bound)).collect();
    let optimized: Vec<String> = parts.iter().map(|(sink, _, optimized)| tree(*sink, optimized)).collect();
    let mut text = format!(
        "== Abstract Syntax Tree ==\n{}\n== Optimized Physical Plan ==\n{}",
        bound.join("\n"),
        optimized.join("\n")
    );
    if let Some(stream) = stream {
        text.push_str("\n== Optimized Execution Plan ==\n");
        text.push_str(&explain_graph(stream, changelog));
    }
    text
}
