//! SELECTs and INSERTs made ready to run.

use std::collections::BTreeMap;
use std::fmt::Write;

use tidemill_dataflow::WriteStage;
use tidemill_sql_parser::ast::{Insert, Query, Statement};

use super::Session;
use crate::binder::{Binder, BoundInsert};
use crate::catalog::TablePath;
use crate::error::{PlanError, PlanResult};
use crate::plan::{BoundQuery, PlannedInsert, PlannedJob, PlannedQuery};
use crate::rel::Rel;
use crate::rules::{RuleContext, optimize};
use crate::session_options as options;
use crate::streaming::{StreamContext, StreamPlan, plan_inserts, plan_query};
use crate::traits::changelog_mode;

/// A plan with what EXPLAIN shows of it.
pub(super) struct Explained<T> {
    pub(super) planned: T,
    /// None in batch mode.
    pub(super) stream: Option<StreamPlan>,
}

impl Session {
    pub(super) fn plan_select(&self, query: &Query, statement: &Statement) -> PlanResult<PlannedQuery> {
        self.explained_select(query, &statement.to_string()).map(|explained| explained.planned)
    }

    pub(super) fn plan_job(&self, inserts: &[&Insert]) -> PlanResult<PlannedJob> {
        self.explained_job(inserts).map(|explained| explained.planned)
    }

    pub(super) fn explained_select(&self, query: &Query, text: &str) -> PlanResult<Explained<PlannedQuery>> {
        let (bound, uses) = Binder::new(&self.catalog, &self.functions, &self.config)?.bind(query)?;
        let optimized = self.optimized(&bound)?;
        let definition = definition(&uses, [text.to_string()]);
        let name = self.config.text(&options::PIPELINE_NAME).unwrap_or(crate::COLLECT).to_string();
        let stream = match self.is_batch() {
            true => self.check_sources(&optimized.rel).map(|()| None)?,
            false => Some(plan_query(&optimized, &name, &definition, self.stream_context()?)?),
        };
        let planned = PlannedQuery {
            schema: bound.schema.clone(),
            changelog: changelog_mode(&optimized.rel),
            bound,
            optimized,
            graph: stream.as_ref().map(|stream| stream.graph.clone()),
            definition,
        };
        Ok(Explained { planned, stream })
    }

    pub(super) fn explained_job(&self, inserts: &[&Insert]) -> PlanResult<Explained<PlannedJob>> {
        let mut planned: Vec<PlannedInsert> = Vec::with_capacity(inserts.len());
        let mut uses = BTreeMap::new();
        for insert in inserts {
            let bound = Binder::new(&self.catalog, &self.functions, &self.config)?.bind_insert(insert)?;
            uses.extend(bound.uses.clone());
            planned.push(self.planned_insert(bound, insert)?);
        }
        let mut sinks: Vec<&str> = planned.iter().map(|insert| insert.sink.as_str()).collect();
        sinks.sort_unstable();
        sinks.dedup();
        let name = self.config.text(&options::PIPELINE_NAME).map_or_else(|| sinks.join(","), str::to_string);
        let definition = definition(&uses, inserts.iter().map(|insert| insert.to_string()));
        let stream = match self.is_batch() {
            true => None,
            false => Some(plan_inserts(&planned, &name, &definition, self.stream_context()?)?),
        };
        let graph = stream.as_ref().map(|stream| stream.graph.clone());
        Ok(Explained { planned: PlannedJob { name, inserts: planned, graph, definition }, stream })
    }

    fn planned_insert(&self, bound: BoundInsert, insert: &Insert) -> PlanResult<PlannedInsert> {
        let BoundInsert { table, query, .. } = bound;
        let spec = table.write_spec(options::time_zone(&self.config));
        let plan = self
            .connectors
            .of(&spec)
            .and_then(|connector| connector.plan_sink(&spec))
            .map_err(|failure| PlanError::of_table(failure, &table, insert.table.span))?;
        let sink = table.name.to_string();
        let fields = &query.schema.fields;
        let write = WriteStage {
            sink: sink.clone(),
            result_hash: self.config.bool(&options::RESULT_HASH)?,
            not_null: (0u32..).zip(fields).filter(|(_, field)| !field.ty.nullable).map(|(at, _)| at).collect(),
            columns: query.schema.names(),
        };
        let optimized = self.optimized(&query)?;
        if self.is_batch() {
            self.check_sources(&optimized.rel)?;
        }
        Ok(PlannedInsert { sink, plan, write, schema: query.schema.clone(), bound: query, optimized, table })
    }

    /// Refuses tables that cannot be read where the text speaks of them; while streaming, making the graph does.
    fn check_sources(&self, rel: &Rel) -> PlanResult<()> {
        if let Rel::Scan(scan) = rel {
            let spec = scan.table.read_spec(options::time_zone(&self.config));
            let plan = self.connectors.of(&spec).and_then(|connector| connector.plan_source(&spec, &scan.request()));
            plan.map_err(|failure| PlanError::of_table(failure, &scan.table, scan.span))?;
        }
        rel.inputs().into_iter().try_for_each(|input| self.check_sources(input))
    }

    fn optimized(&self, query: &BoundQuery) -> PlanResult<BoundQuery> {
        let cx = RuleContext {
            functions: &self.functions,
            connectors: &self.connectors,
            time_zone: self.time_zone()?,
            time_zone_name: options::time_zone(&self.config),
            batch: self.is_batch(),
        };
        optimize(query, cx)
    }

    fn stream_context(&self) -> PlanResult<StreamContext<'_>> {
        Ok(StreamContext {
            functions: &self.functions,
            connectors: &self.connectors,
            config: &self.config,
            time_zone: self.time_zone()?,
        })
    }
}

/// What a job is, whatever plan is made of it: the tables and views it uses, and its statements.
fn definition(uses: &BTreeMap<TablePath, String>, statements: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for part in uses.values().cloned().chain(statements) {
        let _ = writeln!(text, "{part};");
    }
    text
}
