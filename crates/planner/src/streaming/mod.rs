//! The streaming plan: an optimised plan as a job graph.
//!
//! Columns become positions here. Equal nodes are made once (same kind, config and inputs), and every use of a table in a
//! job reads through one source that reads what any of them needs. Whether an operator emits `-U` follows from who reads
//! it. Operator ids are hashed once, here, from the job's definition and the node's place.

mod aggregate;
mod builder;
mod calc;
mod explain;
mod sink;
mod source;
mod values;
mod windowed;

use tidemill_core::map::Map;
use tidemill_core::options::Configuration;
use tidemill_dataflow::{Connectors, JobGraph};
use tidemill_expr::{Expr, Registry, TimeZone};
use tidemill_sql_parser::Span;

use crate::error::{PlanError, PlanResult};
use crate::plan::{BoundQuery, PlannedInsert};
use crate::rel::{ColId, ColumnRegistry, Rel};
use crate::session_options as options;
use crate::traits::{ChangelogMode, TimeKind, changelog_mode, time_attributes};

use builder::GraphBuilder;
pub(crate) use explain::explain_graph;
use source::SourceGroups;

/// What the streaming plan needs to know of the session.
#[derive(Clone, Copy)]
pub(crate) struct StreamContext<'a> {
    pub(crate) functions: &'a Registry,
    pub(crate) connectors: &'a Connectors,
    pub(crate) config: &'a Configuration,
    pub(crate) time_zone: TimeZone,
}

/// A job graph, and a line of text for each node, with the kinds of rows it emits.
pub(crate) struct StreamPlan {
    pub(crate) graph: JobGraph,
    pub(crate) texts: Vec<NodeText>,
}

/// A node as EXPLAIN shows it.
#[derive(Clone, Debug)]
pub(crate) struct NodeText {
    pub(crate) text: String,
    pub(crate) changelog: Option<ChangelogMode>,
}

/// The rows that nodes give: positions of columns, and what is known about them.
#[derive(Clone)]
struct Stream {
    /// The nodes that give them; several are a union.
    nodes: Vec<usize>,
    /// What is at each position; none: something that this reader does not know.
    columns: Vec<Option<ColId>>,
    /// Types at each position.
    types: Vec<Vec<u8>>,
    /// Kinds of rows that come.
    changes: ChangelogMode,
}

impl Stream {
    /// Whether these columns are there, in any order, and no others.
    fn has_exactly(&self, columns: &[ColId]) -> bool {
        self.columns.len() == columns.len() && columns.iter().all(|column| self.columns.contains(&Some(*column)))
    }
}

/// Lowers the plans of one job.
struct Planner<'a> {
    cx: StreamContext<'a>,
    graph: GraphBuilder,
    sources: SourceGroups,
    /// The plan that is being lowered.
    registry: ColumnRegistry,
}

/// The streaming plan of a SELECT: it ends in a sink of kind [`crate::COLLECT`].
pub(crate) fn plan_query(
    query: &BoundQuery,
    name: &str,
    definition: &str,
    cx: StreamContext<'_>,
) -> PlanResult<StreamPlan> {
    let mut planner = Planner::new(&[query], cx)?;
    let stream = planner.result(query, ChangelogMode::ALL)?;
    planner.collect(&stream)?;
    planner.finish(name, definition)
}

/// The streaming plan of a job's INSERTs.
pub(crate) fn plan_inserts(
    inserts: &[PlannedInsert],
    name: &str,
    definition: &str,
    cx: StreamContext<'_>,
) -> PlanResult<StreamPlan> {
    let queries: Vec<&BoundQuery> = inserts.iter().map(|insert| &insert.optimized).collect();
    let mut planner = Planner::new(&queries, cx)?;
    for insert in inserts {
        let wanted = sink::wanted_changes(insert)?;
        let stream = planner.result(&insert.optimized, wanted)?;
        planner.sink(insert, &stream)?;
    }
    planner.finish(name, definition)
}

impl<'a> Planner<'a> {
    fn new(queries: &[&BoundQuery], cx: StreamContext<'a>) -> PlanResult<Planner<'a>> {
        let mut sources = SourceGroups::default();
        for query in queries {
            sources.collect(query);
        }
        Ok(Planner { cx, graph: GraphBuilder::default(), sources, registry: ColumnRegistry::default() })
    }

    /// A plan's result, its columns in the order in which they are wanted.
    fn result(&mut self, query: &BoundQuery, wanted: ChangelogMode) -> PlanResult<Stream> {
        self.registry = query.registry.clone();
        let rel = self.in_order(query.rel.clone(), &query.columns);
        self.ordered(&rel, wanted)
    }

    /// The nodes of a plan, its columns in the plan's order. A shared source has an order of its own.
    fn ordered(&mut self, rel: &Rel, wanted: ChangelogMode) -> PlanResult<Stream> {
        let stream = self.rel(rel, wanted)?;
        let known: Option<Vec<ColId>> = stream.columns.iter().copied().collect();
        if known.as_deref() == Some(&rel.columns()) { Ok(stream) } else { self.narrowed(stream, rel) }
    }

    /// A plan whose columns are exactly `columns`; one that is wanted twice gets a second id.
    fn in_order(&mut self, rel: Rel, columns: &[ColId]) -> Rel {
        if rel.columns() == columns {
            return rel;
        }
        let mut unique: Vec<ColId> = Vec::with_capacity(columns.len());
        let mut wrapped: Vec<(ColId, Expr)> = Vec::with_capacity(columns.len());
        for column in columns {
            if unique.contains(column) {
                let again =
                    self.registry.computed(self.registry.name(*column).to_string(), self.registry.ty(*column), None);
                wrapped.push((again, Expr::Column(*column)));
            } else {
                unique.push(*column);
                wrapped.push((*column, Expr::Column(*column)));
            }
        }
        if unique.len() < columns.len() {
            return Rel::Project { input: Box::new(rel), items: wrapped };
        }
        match rel {
            Rel::Project { input, items } => {
                let find = |column: &ColId| items.iter().find(|(id, _)| id == column).cloned();
                let ordered: Vec<(ColId, Expr)> = columns.iter().filter_map(find).collect();
                Rel::Project { input, items: ordered }
            }
            other => Rel::Project { input: Box::new(other), items: wrapped },
        }
    }

    /// The nodes of a plan. `wanted` says which kinds of rows the reader needs to be told.
    fn rel(&mut self, rel: &Rel, wanted: ChangelogMode) -> PlanResult<Stream> {
        if let Some(stream) = self.source(rel)? {
            return Ok(stream);
        }
        match rel {
            Rel::Project { .. } | Rel::Filter { .. } => self.calc(rel, wanted),
            Rel::Aggregate { input, keys, calls, .. } => self.aggregate(rel, input, keys, calls, wanted),
            Rel::WindowTvf(tvf) => self.window_tvf(tvf),
            Rel::Union { inputs, columns, sources } => self.union(inputs, columns, sources, wanted),
            Rel::Values { columns, rows } => self.values(columns, rows),
            Rel::Limit { input, offset, fetch, span } => self.limit(input, *offset, *fetch, *span),
            Rel::Join { span, .. } => {
                Err(PlanError::unsupported(*span, "joins are not supported in streaming mode yet")
                    .help("run it over bounded input with SET 'execution.runtime-mode' = 'batch'"))
            }
            Rel::Sort { span, .. } => Err(PlanError::unsupported(
                *span,
                "ORDER BY is not supported in streaming mode: a stream has no last row to wait for",
            )
            .help("leave it out, or run it over bounded input with SET 'execution.runtime-mode' = 'batch'")),
            Rel::Scan(_) | Rel::Watermark { .. } => {
                Err(PlanError::defect("the planner has left a watermark away from its table; please report it"))
            }
        }
    }

    fn union(
        &mut self,
        inputs: &[Rel],
        columns: &[ColId],
        sources: &[Vec<ColId>],
        wanted: ChangelogMode,
    ) -> PlanResult<Stream> {
        let mut all: Option<Stream> = None;
        for (input, source) in inputs.iter().zip(sources) {
            let ordered = self.in_order(input.clone(), source);
            let stream = self.ordered(&ordered, wanted)?;
            all = Some(match all {
                None => stream,
                Some(mut all) => {
                    all.nodes.extend(stream.nodes);
                    all.changes = all.changes.or(stream.changes);
                    all
                }
            });
        }
        let mut all = all.ok_or_else(|| PlanError::defect("a union of nothing; please report it"))?;
        all.columns = columns.iter().copied().map(Some).collect();
        all.types = columns.iter().map(|column| self.registry.ty(*column).to_bytes()).collect();
        Ok(all)
    }

    /// The event-time column among a plan's columns.
    fn event_time(rel: &Rel) -> Option<ColId> {
        let times = time_attributes(rel);
        rel.columns().into_iter().find(|column| times.get(column) == Some(&TimeKind::Event))
    }

    /// An expression over a stream's positions.
    fn positional(&self, expr: &Expr, stream: &Stream) -> PlanResult<Expr> {
        let places: Map<ColId, usize> =
            stream.columns.iter().enumerate().filter_map(|(at, column)| Some(((*column)?, at))).collect();
        if let Some(missing) = expr.columns().into_iter().find(|column| !places.contains_key(column)) {
            let text =
                format!("column {} got lost on the way to an operator; please report it", self.registry.name(missing));
            return Err(PlanError::defect(text));
        }
        Ok(expr.clone().map_columns(&|column| places.get(&column).copied().unwrap_or(column)))
    }

    /// The position of a column in a stream.
    fn place(&self, column: ColId, stream: &Stream) -> PlanResult<usize> {
        match self.positional(&Expr::Column(column), stream)? {
            Expr::Column(place) => Ok(place),
            _ => Err(PlanError::defect("a column is no column; please report it")),
        }
    }

    fn places(&self, columns: &[ColId], stream: &Stream) -> PlanResult<Vec<usize>> {
        columns.iter().map(|column| self.place(*column, stream)).collect()
    }

    /// Where the text speaks of a column.
    fn span_of(&self, columns: &[ColId]) -> Option<Span> {
        columns.iter().find_map(|column| self.registry.get(*column).and_then(|info| info.span))
    }

    fn types_of(&self, columns: &[ColId]) -> Vec<Vec<u8>> {
        columns.iter().map(|column| self.registry.ty(*column).to_bytes()).collect()
    }

    fn finish(self, name: &str, definition: &str) -> PlanResult<StreamPlan> {
        let (graph, texts) = self.graph.finish(name, definition, self.cx.config)?;
        graph.check()?;
        Ok(StreamPlan { graph, texts })
    }

    /// `-U` reaches a reader only if the rows change and the reader wants it.
    fn emitted(rel: &Rel, wanted: ChangelogMode) -> ChangelogMode {
        let mode = changelog_mode(rel);
        ChangelogMode { update_before: mode.update_before && wanted.update_before, ..mode }
    }
}

/// Options of the session that go into the graph: what operators may read.
fn is_for_operators(key: &str) -> bool {
    key.starts_with("table.") || key.starts_with("tidemill.") || key == options::BUFFER_TIMEOUT.key
}
