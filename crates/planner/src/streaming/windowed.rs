//! Aggregation over windows, and windows attached to rows.
//!
//! Where nothing but keys, arguments and filters lies between the table function and the aggregation, rows get their window
//! in the aggregating operator (sliced, behind the exchange). Otherwise they carry it in columns.

use prost::Message;
use tidemill_expr::{Expr, TypeKind};
use tidemill_operators::config::{
    AggregatePhase, AttachedWindow, OutputColumn, OutputKind, SESSION_AGGREGATE, SessionAggregateConfig, TimeSource,
    WINDOW_AGGREGATE, WINDOW_TVF, WindowAggregateConfig, WindowKind, WindowSpec, WindowTvfConfig,
};

use super::builder::Input;
use super::{Planner, Stream};
use crate::error::{PlanError, PlanResult};
use crate::rel::{AggregateItem, ColId, Rel, Window, WindowTime, WindowTvf, call_text, names};
use crate::rules::{RuleContext, merge_projections};
use crate::session_options as options;
use crate::traits::{ChangelogMode, WindowAttribute};

/// An aggregation right above its table function.
struct Fused<'r> {
    tvf: &'r WindowTvf,
    /// What the aggregation reads, over the table function's input.
    items: Vec<(ColId, Expr)>,
    predicate: Option<&'r Expr>,
}

impl Planner<'_> {
    /// An aggregation whose keys include start and end of `window`.
    pub(super) fn window_aggregate(&mut self, rel: &Rel, window: &WindowAttribute) -> PlanResult<Stream> {
        let Rel::Aggregate { input, keys, calls, span } = rel else {
            return Err(PlanError::defect("a window aggregation that is none; please report it"));
        };
        let group: Vec<ColId> = keys.iter().copied().filter(|key| !window.owns(*key)).collect();
        match fused(input, window, calls) {
            Some(fused) => match fused.tvf.window {
                Window::Session { gap_ms } => self.session(rel, window, &fused, &group, gap_ms),
                shape => self.sliced(rel, window, &fused, &group, shape),
            },
            None if matches!(window.window, Window::Session { .. }) && window.is_fresh => Err(PlanError::unsupported(
                *span,
                "between SESSION and its GROUP BY there may be neither a filter nor a use of the window's columns yet",
            )
            .help("filter the table first: SESSION(TABLE (SELECT … WHERE …) PARTITION BY key, …)")),
            None => self.attached(rel, window, input, &group),
        }
    }

    fn session(
        &mut self,
        rel: &Rel,
        window: &WindowAttribute,
        fused: &Fused<'_>,
        group: &[ColId],
        gap_ms: i64,
    ) -> PlanResult<Stream> {
        let Rel::Aggregate { calls, span, .. } = rel else { return Err(PlanError::defect("no aggregation")) };
        // The partition's columns under the names that the aggregation has for them.
        let source = |key: &ColId| match fused.items.iter().find(|(id, _)| id == key) {
            Some((_, Expr::Column(below))) => Some(*below),
            _ => None,
        };
        let mut grouped: Vec<Option<ColId>> = group.iter().map(source).collect();
        let mut partition: Vec<Option<ColId>> = fused.tvf.partition_by.iter().copied().map(Some).collect();
        grouped.sort_unstable();
        partition.sort_unstable();
        if grouped != partition {
            let by = |columns: &[ColId]| {
                if columns.is_empty() { "nothing".to_string() } else { names(&self.registry, columns) }
            };
            let text =
                format!("sessions are partitioned by {}, but grouped by {}", by(&fused.tvf.partition_by), by(group));
            return Err(PlanError::unsupported(*span, text).help("use the same columns in PARTITION BY and GROUP BY"));
        }
        let stream = self.window_input(fused)?;
        let key = self.places(group, &stream)?;
        let config = SessionAggregateConfig {
            input_types: stream.types.clone(),
            keys: key.iter().map(|place| *place as u32).collect(),
            aggregates: self.aggregate_calls(calls, &stream)?,
            gap_ms,
            time: Some(self.time_source(fused.tvf, &stream)?),
            outputs: outputs(rel, window, group),
            input_retracts: !stream.changes.is_insert_only(),
        };
        let shown = self.shown(rel, window, group);
        let draft = self.operator(
            "SessionAggregate",
            SESSION_AGGREGATE,
            config.encode_to_vec(),
            &shown,
            Some(ChangelogMode::INSERT_ONLY),
        );
        let node = self.graph.add(draft, Input::hash(&stream.nodes, &key));
        Ok(self.final_stream(rel, node))
    }

    fn sliced(
        &mut self,
        rel: &Rel,
        window: &WindowAttribute,
        fused: &Fused<'_>,
        group: &[ColId],
        shape: Window,
    ) -> PlanResult<Stream> {
        let Rel::Aggregate { calls, .. } = rel else { return Err(PlanError::defect("no aggregation")) };
        let stream = self.window_input(fused)?;
        let key = self.places(group, &stream)?;
        let mut config = WindowAggregateConfig {
            input_types: stream.types.clone(),
            keys: key.iter().map(|place| *place as u32).collect(),
            aggregates: self.aggregate_calls(calls, &stream)?,
            window: window_spec(shape),
            time: Some(self.time_source(fused.tvf, &stream)?),
            attached: None,
            phase: AggregatePhase::Single as i32,
            outputs: outputs(rel, window, group),
            input_retracts: !stream.changes.is_insert_only(),
        };
        let shown = self.shown(rel, window, group);
        let (mut nodes, mut key, mut word) = (stream.nodes.clone(), key, "");
        if !window.processing_time && self.two_phases(calls, &stream)? {
            config.phase = AggregatePhase::Local as i32;
            let local = self.operator("LocalWindowAggregate", WINDOW_AGGREGATE, config.encode_to_vec(), &shown, None);
            nodes = vec![self.graph.add(local, Input::forward(&nodes))];
            key = (0..group.len()).collect();
            config.phase = AggregatePhase::Global as i32;
            word = "Global";
        }
        let name = format!("{word}WindowAggregate");
        let draft =
            self.operator(&name, WINDOW_AGGREGATE, config.encode_to_vec(), &shown, Some(ChangelogMode::INSERT_ONLY));
        let node = self.graph.add(draft, Input::hash(&nodes, &key));
        Ok(self.final_stream(rel, node))
    }

    /// Rows carry their window in columns.
    fn attached(&mut self, rel: &Rel, window: &WindowAttribute, input: &Rel, group: &[ColId]) -> PlanResult<Stream> {
        let Rel::Aggregate { calls, .. } = rel else { return Err(PlanError::defect("no aggregation")) };
        let stream = self.rel(input, ChangelogMode::ALL)?;
        let key = self.places(group, &stream)?;
        let place_of = |columns: &[ColId]| {
            columns.iter().find_map(|column| self.place(*column, &stream).ok()).map(|place| place as u32)
        };
        let (Some(start), Some(end)) = (place_of(&window.start), place_of(&window.end)) else {
            return Err(PlanError::defect("the planner has lost the window's bounds; please report it"));
        };
        let time_zone = if window.processing_time || self.is_local(&window.time) { self.zone() } else { String::new() };
        let config = WindowAggregateConfig {
            input_types: stream.types.clone(),
            keys: key.iter().map(|place| *place as u32).collect(),
            aggregates: self.aggregate_calls(calls, &stream)?,
            window: window_spec(window.window),
            time: Some(TimeSource { column: 0, processing_time: window.processing_time, time_zone }),
            attached: Some(AttachedWindow { start, end }),
            phase: AggregatePhase::Single as i32,
            outputs: outputs(rel, window, group),
            input_retracts: !stream.changes.is_insert_only(),
        };
        let shown = self.shown(rel, window, group);
        let draft = self.operator(
            "WindowAggregate",
            WINDOW_AGGREGATE,
            config.encode_to_vec(),
            &shown,
            Some(ChangelogMode::INSERT_ONLY),
        );
        let node = self.graph.add(draft, Input::hash(&stream.nodes, &key));
        Ok(self.final_stream(rel, node))
    }

    /// Windows attached to rows that are not aggregated right away.
    pub(super) fn window_tvf(&mut self, tvf: &WindowTvf) -> PlanResult<Stream> {
        let Some(window) = window_spec(tvf.window).filter(|_| !matches!(tvf.window, Window::Session { .. })) else {
            return Err(PlanError::unsupported(
                tvf.span,
                "SESSION without GROUP BY is not supported in streaming mode yet",
            )
            .help("group by window_start, window_end and the partition's columns"));
        };
        let stream = self.rel(&tvf.input, ChangelogMode::ALL)?;
        let config = WindowTvfConfig {
            input_types: stream.types.clone(),
            window: Some(window),
            time: Some(self.time_source(tvf, &stream)?),
            window_time_is_event_time: tvf.time != WindowTime::Processing,
        };
        let shown = format!("window=[{}]", tvf.window);
        let draft =
            self.operator("WindowTableFunction", WINDOW_TVF, config.encode_to_vec(), &shown, Some(stream.changes));
        let node = self.graph.add(draft, Input::forward(&stream.nodes));
        let own = [tvf.start, tvf.end, tvf.window_time];
        let mut columns = stream.columns.clone();
        columns.extend(own.map(Some));
        let mut types = stream.types;
        types.extend(self.types_of(&own));
        Ok(Stream { nodes: vec![node], columns, types, changes: stream.changes })
    }

    /// What a fused aggregation reads: its keys, arguments and filters, and the time.
    fn window_input(&mut self, fused: &Fused<'_>) -> PlanResult<Stream> {
        let mut items = fused.items.clone();
        if let WindowTime::Column(time) = fused.tvf.time
            && !items.iter().any(|(id, _)| *id == time)
        {
            items.push((time, Expr::Column(time)));
        }
        let mut input = fused.tvf.input.clone();
        if let Some(predicate) = fused.predicate {
            input = Box::new(Rel::Filter { input, predicate: predicate.clone() });
        }
        let rules = RuleContext {
            functions: self.cx.functions,
            connectors: self.cx.connectors,
            time_zone: self.cx.time_zone,
            time_zone_name: options::time_zone(self.cx.config),
            batch: false,
        };
        let rel = merge_projections(Rel::Project { input, items }, &self.registry, rules);
        self.rel(&rel, ChangelogMode::ALL)
    }

    fn time_source(&self, tvf: &WindowTvf, stream: &Stream) -> PlanResult<TimeSource> {
        Ok(match tvf.time {
            WindowTime::Column(time) => TimeSource {
                column: self.place(time, stream)? as u32,
                processing_time: false,
                time_zone: if self.is_local(&[time]) { self.zone() } else { String::new() },
            },
            WindowTime::Processing => TimeSource { column: 0, processing_time: true, time_zone: self.zone() },
        })
    }

    fn is_local(&self, columns: &[ColId]) -> bool {
        columns.iter().any(|column| matches!(self.registry.ty(*column).kind, TypeKind::TimestampLtz(_)))
    }

    fn zone(&self) -> String {
        options::time_zone(self.cx.config).to_string()
    }

    fn shown(&self, rel: &Rel, window: &WindowAttribute, group: &[ColId]) -> String {
        let Rel::Aggregate { calls, .. } = rel else { return String::new() };
        let calls: Vec<String> = calls.iter().map(|call| call_text(call, &self.registry)).collect();
        format!("groupBy=[{}], window=[{}], select=[{}]", names(&self.registry, group), window.window, calls.join(", "))
    }

    fn final_stream(&self, rel: &Rel, node: usize) -> Stream {
        let columns = rel.columns();
        Stream {
            nodes: vec![node],
            types: self.types_of(&columns),
            columns: columns.into_iter().map(Some).collect(),
            changes: ChangelogMode::INSERT_ONLY,
        }
    }
}

/// The aggregation's input seen through to the table function, where nothing in between uses the window's columns.
fn fused<'r>(input: &'r Rel, window: &WindowAttribute, calls: &[AggregateItem]) -> Option<Fused<'r>> {
    let (below, items) = match input {
        Rel::Project { input, items } => (input.as_ref(), Some(items)),
        other => (other, None),
    };
    let (below, predicate) = match below {
        Rel::Filter { input, predicate } => (input.as_ref(), Some(predicate)),
        other => (other, None),
    };
    let Rel::WindowTvf(tvf) = below else { return None };
    let own = [tvf.start, tvf.end, tvf.window_time];
    let uses_window = |expr: &Expr| expr.columns().iter().any(|column| own.contains(column));
    let is_session = matches!(tvf.window, Window::Session { .. });
    if predicate.is_some_and(|predicate| is_session || uses_window(predicate)) {
        return None;
    }
    if calls.iter().flat_map(|call| call.args.iter().copied().chain(call.filter)).any(|column| window.owns(column)) {
        return None;
    }
    let items: Vec<(ColId, Expr)> = match items {
        Some(items) => items.clone(),
        None => below.columns().into_iter().map(|id| (id, Expr::Column(id))).collect(),
    };
    let items: Vec<(ColId, Expr)> = items.into_iter().filter(|(id, _)| !window.owns(*id)).collect();
    // The window must be this one's, not one that came with the input.
    let is_own = window.is_fresh && window.window == tvf.window;
    (is_own && !items.iter().any(|(_, expr)| uses_window(expr))).then_some(Fused { tvf, items, predicate })
}

fn window_spec(window: Window) -> Option<WindowSpec> {
    let (kind, size_ms, step_ms, offset_ms) = match window {
        Window::Tumble { size_ms, offset_ms } => (WindowKind::Tumble, size_ms, size_ms, offset_ms),
        Window::Hop { size_ms, slide_ms, offset_ms } => (WindowKind::Hop, size_ms, slide_ms, offset_ms),
        Window::Cumulate { size_ms, step_ms, offset_ms } => (WindowKind::Cumulate, size_ms, step_ms, offset_ms),
        Window::Session { .. } => return None,
    };
    Some(WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms })
}

/// The aggregation's columns in order, as the operator emits them.
fn outputs(rel: &Rel, window: &WindowAttribute, group: &[ColId]) -> Vec<OutputColumn> {
    let Rel::Aggregate { keys, calls, .. } = rel else { return Vec::new() };
    let key = |key: &ColId| {
        if window.start.contains(key) {
            OutputColumn::new(OutputKind::WindowStart, 0)
        } else if window.end.contains(key) {
            OutputColumn::new(OutputKind::WindowEnd, 0)
        } else if window.time.contains(key) {
            OutputColumn::new(OutputKind::WindowTime, 0)
        } else {
            OutputColumn::new(OutputKind::Key, group.iter().position(|known| known == key).unwrap_or(0))
        }
    };
    let calls = (0..calls.len()).map(|index| OutputColumn::new(OutputKind::Aggregate, index));
    keys.iter().map(key).chain(calls).collect()
}
