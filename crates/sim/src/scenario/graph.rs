//! The job graphs of the scenarios.

use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::OperatorId;
use tidemill_dataflow::{Edge, JobGraph, Node, Partitioning, ReadStage, Role, WatermarkSpec};
use tidemill_expr::SqlType;
use tidemill_operators::config::{
    AggregateCall, AggregatePhase, GROUP_AGGREGATE, GroupAggregateConfig, OutputColumn, OutputKind, SESSION_AGGREGATE,
    SessionAggregateConfig, TimeSource, WINDOW_AGGREGATE, WindowAggregateConfig, WindowKind, WindowSpec,
};

use super::{GAP_MS, Scenario, WINDOW_MS, rules};
use crate::source::Rows;

impl Scenario {
    /// The job.
    pub fn graph(self, rows: &Rows, batch_rows_max: u64) -> JobGraph {
        let (nodes, edges) = match self {
            Scenario::Rules => self.with_rules(rows),
            Scenario::Straight => (
                vec![self.source(rows), node("sink", Role::Sink, "sim")],
                vec![Edge::new(0, 1, Partitioning::Hash, &[0])],
            ),
            Scenario::TwoPhases | Scenario::TwoPhaseGroups => self.in_two_phases(rows),
            _ => self.in_one_phase(rows),
        };
        let rewrite_rows = if batch_rows_max == 7 { 4 } else { 131_072 };
        JobGraph {
            format: tidemill_dataflow::graph::GRAPH_FORMAT,
            name: self.name().to_string(),
            nodes,
            edges,
            // Tables are small here; in one seed of four they are still rewritten in parts.
            options: BTreeMap::from([
                ("tidemill.batch.rows-max".to_string(), batch_rows_max.to_string()),
                ("tidemill.state.rewrite-rows".to_string(), rewrite_rows.to_string()),
            ]),
            ..JobGraph::default()
        }
    }

    fn source(self, rows: &Rows) -> Node {
        let mut source = node("source", Role::Source, "sim");
        let (delay_ms, idle_timeout_ms) = (self.delay_ms(rows), self.idle_timeout_ms());
        let watermark = WatermarkSpec { column: 1, delay_ms, idle_timeout_ms, ..WatermarkSpec::default() };
        source.read = Some(ReadStage { types: types(), watermark: Some(watermark), ..ReadStage::default() });
        if self == Scenario::LateRows {
            // One reader decides what is late: with several it is a race, in Flink too.
            source.parallelism = 1;
        }
        source
    }

    fn in_one_phase(self, rows: &Rows) -> (Vec<Node>, Vec<Edge>) {
        let middle = match self {
            Scenario::Timers => node("remind", Role::Operator, "sim-remind"),
            _ => self.aggregate("aggregate", AggregatePhase::Single),
        };
        let edges = vec![Edge::new(0, 1, Partitioning::Hash, &[0]), Edge::new(1, 2, Partitioning::Forward, &[])];
        (vec![self.source(rows), middle, node("sink", Role::Sink, "sim")], edges)
    }

    fn in_two_phases(self, rows: &Rows) -> (Vec<Node>, Vec<Edge>) {
        let local = self.aggregate("local", AggregatePhase::Local);
        let global = self.aggregate("global", AggregatePhase::Global);
        let edges = vec![
            Edge::new(0, 1, Partitioning::Forward, &[]),
            Edge::new(1, 2, Partitioning::Hash, &[0]),
            Edge::new(2, 3, Partitioning::Forward, &[]),
        ];
        (vec![self.source(rows), local, global, node("sink", Role::Sink, "sim")], edges)
    }

    /// Rows are dealt out in turn and rules go to everyone; the source of rules has two instances, and so has the sink, which
    /// may block and runs on threads of its own.
    fn with_rules(self, rows: &Rows) -> (Vec<Node>, Vec<Edge>) {
        let mut rules = node("rules", Role::Source, "sim-rules");
        rules.read = Some(ReadStage { types: types(), ..ReadStage::default() });
        rules.parallelism = 2;
        let multiply = node("multiply", Role::Operator, "sim-multiply");
        let mut sink = node("sink", Role::Sink, "sim");
        sink.parallelism = 2;
        sink.may_block = true;
        let mut broadcast = Edge::new(1, 2, Partitioning::Broadcast, &[]);
        broadcast.input = rules::RULES;
        let edges = vec![
            Edge::new(0, 2, Partitioning::Rebalance, &[]),
            broadcast,
            Edge::new(2, 3, Partitioning::Hash, &[0]),
            Edge::new(3, 4, Partitioning::Hash, &[0]),
        ];
        let aggregate = self.aggregate("aggregate", AggregatePhase::Single);
        (vec![self.source(rows), rules, multiply, aggregate, sink], edges)
    }

    fn aggregate(self, name: &str, phase: AggregatePhase) -> Node {
        let (kind, config) = match self {
            Scenario::Groups | Scenario::TwoPhaseGroups | Scenario::FoundLater | Scenario::Rules => {
                (GROUP_AGGREGATE, groups(phase))
            }
            Scenario::Sessions => (SESSION_AGGREGATE, sessions()),
            Scenario::Hop | Scenario::TwoPhases | Scenario::IdleHop => {
                (WINDOW_AGGREGATE, windows(WindowKind::Hop, self.slide_ms(), phase))
            }
            Scenario::Cumulate | Scenario::IdleCumulate => {
                (WINDOW_AGGREGATE, windows(WindowKind::Cumulate, self.slide_ms(), phase))
            }
            _ => (WINDOW_AGGREGATE, windows(WindowKind::Tumble, WINDOW_MS, phase)),
        };
        Node::new(OperatorId::from_name(name), name, Role::Operator, kind, config)
    }
}

fn node(name: &str, role: Role, kind: &str) -> Node {
    Node::new(OperatorId::from_name(name), name, role, kind, Vec::new())
}

fn types() -> Vec<Vec<u8>> {
    [SqlType::BIGINT, SqlType::timestamp(3), SqlType::BIGINT].iter().map(SqlType::to_bytes).collect()
}

fn calls() -> Vec<AggregateCall> {
    vec![AggregateCall::new("COUNT", &[]), AggregateCall::new("SUM", &[2])]
}

/// Key, window's end, count, sum.
fn outputs() -> Vec<OutputColumn> {
    vec![
        OutputColumn::new(OutputKind::Key, 0),
        OutputColumn::new(OutputKind::WindowEnd, 0),
        OutputColumn::new(OutputKind::Aggregate, 0),
        OutputColumn::new(OutputKind::Aggregate, 1),
    ]
}

fn time() -> Option<TimeSource> {
    Some(TimeSource { column: 1, ..TimeSource::default() })
}

fn groups(phase: AggregatePhase) -> Vec<u8> {
    let config = GroupAggregateConfig {
        input_types: types(),
        keys: vec![0],
        aggregates: calls(),
        emit_update_before: true,
        phase: phase as i32,
        ..GroupAggregateConfig::default()
    };
    config.encode_to_vec()
}

fn windows(kind: WindowKind, step_ms: i64, phase: AggregatePhase) -> Vec<u8> {
    let config = WindowAggregateConfig {
        input_types: types(),
        keys: vec![0],
        aggregates: calls(),
        window: Some(WindowSpec { kind: kind as i32, size_ms: WINDOW_MS, step_ms, offset_ms: 0 }),
        time: time(),
        phase: phase as i32,
        outputs: outputs(),
        ..WindowAggregateConfig::default()
    };
    config.encode_to_vec()
}

fn sessions() -> Vec<u8> {
    let config = SessionAggregateConfig {
        input_types: types(),
        keys: vec![0],
        aggregates: calls(),
        gap_ms: GAP_MS,
        time: time(),
        outputs: outputs(),
        ..SessionAggregateConfig::default()
    };
    config.encode_to_vec()
}
