//! The jobs that are simulated, and what their output must be.
//!
//! The expected output is computed row by row from the definition, by code that shares nothing with the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use tidemill_core::{OperatorId, Result};
use tidemill_dataflow::{Edge, JobGraph, Node, Partitioning, ReadStage, Registry, Role, WatermarkSpec};
use tidemill_expr::SqlType;
use tidemill_operators::config::{
    AggregateCall, AggregatePhase, GROUP_AGGREGATE, GroupAggregateConfig, OutputColumn, OutputKind, TimeSource,
    WINDOW_AGGREGATE, WindowAggregateConfig, WindowKind, WindowSpec,
};

use crate::random::Random;
use crate::rules::{self, Multiply};
use crate::sink::SimSink;
use crate::source::Rows;
use crate::timers::{self, Remind};

/// Length of the windows.
const WINDOW_MS: i64 = 200;

/// A kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One split with late rows, tumbling windows: which rows are late must not depend on failures.
    LateRows,
    /// Several splits, hopping windows, nothing late.
    Windows,
    /// Several splits, sums that are updated: a changelog.
    Groups,
    /// Two inputs, one of them broadcast; sources and sinks of other parallelisms than the rest. See [`rules`].
    Rules,
    /// Timers in event time and by the clock. See [`timers`].
    Timers,
}

/// What a group comes to: count and sum.
type Sums = BTreeMap<Vec<Option<i64>>, (i64, i64)>;

impl Scenario {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Scenario); 5] = [
        ("late-rows", Scenario::LateRows),
        ("windows", Scenario::Windows),
        ("groups", Scenario::Groups),
        ("rules", Scenario::Rules),
        ("timers", Scenario::Timers),
    ];

    /// The scenario of a name.
    pub fn parse(name: &str) -> Option<Scenario> {
        Scenario::ALL.iter().find(|(other, _)| *other == name).map(|(_, scenario)| *scenario)
    }

    /// The scenario's name.
    pub fn name(self) -> &'static str {
        Scenario::ALL.iter().find(|(_, other)| *other == self).map_or("", |(name, _)| name)
    }

    /// The input of a seed.
    pub fn rows(self, random: &mut Random) -> Rows {
        let (seed, keys) = (random.next(), random.between(1, 12));
        let (splits, rows, jitter_ms) = match self {
            Scenario::LateRows => (1, random.between(60, 200), random.between(200, 600)),
            Scenario::Windows | Scenario::Timers => (random.between(2, 5), random.between(30, 80), 100),
            Scenario::Groups | Scenario::Rules => (random.between(2, 5), random.between(30, 80), 0),
        };
        let (step_ms, batches_per_pause) = (random.between(5, 40), random.between(2, 6));
        Rows { seed, splits, rows, keys, step_ms, jitter_ms, batches_per_pause }
    }

    /// How far the watermark stays behind.
    fn delay_ms(self, rows: &Rows) -> i64 {
        match self {
            Scenario::LateRows => (rows.jitter_ms / 4) as i64,
            _ => rows.jitter_ms as i64,
        }
    }

    /// The job.
    pub fn graph(self, rows: &Rows, batch_rows_max: u64) -> JobGraph {
        let id = |name: &str| OperatorId::from_name(name);
        let types: Vec<Vec<u8>> =
            [SqlType::BIGINT, SqlType::timestamp(3), SqlType::BIGINT].iter().map(SqlType::to_bytes).collect();
        let mut source = Node::new(id("source"), "source", Role::Source, "sim", Vec::new());
        source.read = Some(ReadStage {
            types: types.clone(),
            watermark: Some(WatermarkSpec { column: 1, delay_ms: self.delay_ms(rows), ..WatermarkSpec::default() }),
            ..ReadStage::default()
        });
        if self == Scenario::Rules {
            return self.with_rules(source, types, batch_rows_max);
        }
        let middle = match self {
            Scenario::Timers => Node::new(id("remind"), "remind", Role::Operator, "sim-remind", Vec::new()),
            _ => self.aggregate(types),
        };
        let sink = Node::new(id("sink"), "sink", Role::Sink, "sim", Vec::new());
        let edges = vec![Edge::new(0, 1, Partitioning::Hash, &[0]), Edge::new(1, 2, Partitioning::Forward, &[])];
        self.job(vec![source, middle, sink], edges, batch_rows_max)
    }

    /// Rows are dealt out in turn and rules go to everyone; the source of rules has two instances, and so has the sink, which
    /// may block and runs on threads of its own.
    fn with_rules(self, source: Node, types: Vec<Vec<u8>>, batch_rows_max: u64) -> JobGraph {
        let id = |name: &str| OperatorId::from_name(name);
        let mut rules = Node::new(id("rules"), "rules", Role::Source, "sim-rules", Vec::new());
        rules.read = Some(ReadStage { types: types.clone(), ..ReadStage::default() });
        rules.parallelism = 2;
        let multiply = Node::new(id("multiply"), "multiply", Role::Operator, "sim-multiply", Vec::new());
        let mut sink = Node::new(id("sink"), "sink", Role::Sink, "sim", Vec::new());
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
        self.job(vec![source, rules, multiply, self.aggregate(types), sink], edges, batch_rows_max)
    }

    fn job(self, nodes: Vec<Node>, edges: Vec<Edge>, batch_rows_max: u64) -> JobGraph {
        JobGraph {
            format: tidemill_dataflow::graph::GRAPH_FORMAT,
            name: self.name().to_string(),
            nodes,
            edges,
            // Tables are small here; in one seed of four they are still rewritten in parts.
            options: BTreeMap::from([
                ("tidemill.batch.rows-max".to_string(), batch_rows_max.to_string()),
                (
                    "tidemill.state.rewrite-rows".to_string(),
                    if batch_rows_max == 7 { "4" } else { "131072" }.to_string(),
                ),
            ]),
            ..JobGraph::default()
        }
    }

    fn aggregate(self, types: Vec<Vec<u8>>) -> Node {
        let id = OperatorId::from_name("aggregate");
        let aggregates = vec![AggregateCall::new("COUNT", &[]), AggregateCall::new("SUM", &[2])];
        match self {
            Scenario::Groups | Scenario::Rules => {
                let config = GroupAggregateConfig {
                    input_types: types,
                    keys: vec![0],
                    aggregates,
                    emit_update_before: true,
                    ..GroupAggregateConfig::default()
                };
                Node::new(id, "aggregate", Role::Operator, GROUP_AGGREGATE, config.encode_to_vec())
            }
            _ => {
                let (kind, step_ms) = match self {
                    Scenario::Windows => (WindowKind::Hop, WINDOW_MS / 2),
                    _ => (WindowKind::Tumble, WINDOW_MS),
                };
                let outputs = [OutputKind::Key, OutputKind::WindowEnd, OutputKind::Aggregate];
                let mut outputs: Vec<OutputColumn> = outputs.iter().map(|kind| OutputColumn::new(*kind, 0)).collect();
                outputs.push(OutputColumn::new(OutputKind::Aggregate, 1));
                let config = WindowAggregateConfig {
                    input_types: types,
                    keys: vec![0],
                    aggregates,
                    window: Some(WindowSpec { kind: kind as i32, size_ms: WINDOW_MS, step_ms, offset_ms: 0 }),
                    time: Some(TimeSource { column: 1, ..TimeSource::default() }),
                    phase: AggregatePhase::Single as i32,
                    outputs,
                    ..WindowAggregateConfig::default()
                };
                Node::new(id, "aggregate", Role::Operator, WINDOW_AGGREGATE, config.encode_to_vec())
            }
        }
    }

    /// The rules of a job of rows.
    fn rules(rows: &Rows) -> Rows {
        Rows { seed: !rows.seed, splits: 2, rows: 60, batches_per_pause: 2, ..*rows }
    }

    /// What must be visible in the end.
    pub fn expected(self, rows: &Rows) -> BTreeMap<Vec<Option<i64>>, i64> {
        if self == Scenario::Rules {
            return rules::expected(rows, &Scenario::rules(rows));
        }
        if self == Scenario::Timers {
            return timers::expected(rows);
        }
        let mut sums = Sums::new();
        for split in 0..rows.splits {
            let mut watermark = i64::MIN;
            for number in 0..rows.rows {
                let (key, time, value) = rows.row(split, number);
                for group in self.groups_of(key, time, watermark) {
                    let sum = sums.entry(group).or_default();
                    *sum = (sum.0 + 1, sum.1 + value);
                }
                watermark = watermark.max(time - self.delay_ms(rows));
            }
        }
        let row = |(mut group, (count, sum)): (Vec<Option<i64>>, (i64, i64))| {
            group.extend([Some(count), Some(sum)]);
            (group, 1)
        };
        sums.into_iter().map(row).collect()
    }

    /// The groups that a row counts in, given the watermark of the rows before it.
    fn groups_of(self, key: i64, time: i64, watermark: i64) -> Vec<Vec<Option<i64>>> {
        let window = |end: i64| vec![Some(key), Some(end)];
        match self {
            Scenario::Groups | Scenario::Rules => vec![vec![Some(key)]],
            Scenario::LateRows => {
                let end = time - time.rem_euclid(WINDOW_MS) + WINDOW_MS;
                if end - 1 <= watermark { Vec::new() } else { vec![window(end)] }
            }
            Scenario::Windows | Scenario::Timers => {
                let slide = WINDOW_MS / 2;
                let first_end = time - time.rem_euclid(slide) + slide;
                vec![window(first_end), window(first_end + slide)]
            }
        }
    }
}

/// The code of the simulated jobs: the engine's operators, the simulated source and sink.
pub fn registry(rows: Rows, sink: &SimSink) -> Result<Registry> {
    let mut registry = Registry::default();
    let functions = Arc::new(tidemill_functions::registry());
    tidemill_operators::register(&mut registry, &functions);
    registry.set_functions(functions);
    registry.add_source("sim", move |_| Ok(Arc::new(rows)));
    registry.add_source("sim-rules", move |_| Ok(Arc::new(Scenario::rules(&rows))));
    registry.add_operator("sim-multiply", |_| Ok(Box::new(Multiply::new())));
    registry.add_operator("sim-remind", |_| Ok(Box::new(Remind::new()?)));
    let sink = sink.clone();
    registry.add_sink("sim", move |_| Ok(Arc::new(sink.clone())));
    Ok(registry)
}
