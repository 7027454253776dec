//! Builds the slots of a job in this process: subtasks with their operators, channels between them, state restored.

use std::sync::Arc;

use tidemill_core::map::Map;
use tidemill_core::memory::MemoryPool;
use tidemill_core::metrics::Metrics;
use tidemill_core::options::Configuration;
use tidemill_core::{Env, EventTime, Failure, JobId, KeyGroups, OperatorId, Result, Routing, SubtaskIndex};
use tidemill_expr::evaluator::Program;
use tidemill_expr::{EvalContext, Expr, Field, RowType, SqlType, TimeZone};
use tidemill_state::{Rewrite, Scope};

use crate::chain::{Chain, Link, Target};
use crate::channel::{Receiver, Sender, Wake, channel};
use crate::counters::Counters;
use crate::exchange::EdgeOut;
use crate::faults::{Fault, Faults};
use crate::fill::Fill;
use crate::gate::Gate;
use crate::graph::{Edge, JobGraph, Node, Partitioning, Role};
use crate::job_options::{BATCH_ROWS_MAX, BUFFER_TIMEOUT, LOCAL_TIME_ZONE, REWRITE_ROWS};
use crate::offload::{Offload, Pool};
use crate::operator::{OpenContext, Operator};
use crate::pace::Pace;
use crate::plan::Plan;
use crate::registry::Registry;
use crate::rewriting::Rewriting;
use crate::sink_operator::SinkOperator;
use crate::slot::Slot;
use crate::snapshot::{RestoredOperator, RestoredWatermarks};
use crate::source::ReaderContext;
use crate::source_task::{SourceState, SourceTask};
use crate::subtask::{Head, Subtask};
use crate::watermarks::Watermarks;

/// All that is needed to run a job in this process.
pub struct Deployment<'a> {
    /// The job.
    pub graph: &'a JobGraph,
    /// The code of its nodes.
    pub registry: &'a Registry,
    /// Which job it is.
    pub job: JobId,
    /// The graph, cut for that many slots as `parallelism` says.
    pub plan: &'a Plan,
    /// Slots, and subtasks of every task that has no parallelism of its own.
    pub parallelism: u32,
    /// The division of keys.
    pub key_groups: KeyGroups,
    /// How often the job has been started.
    pub generation: u64,
    /// What operators left in the checkpoint that the job goes on from.
    pub restored: &'a Map<OperatorId, RestoredOperator>,
    /// One for each thread of the plan.
    pub wakers: &'a [Arc<dyn Wake>],
    /// Where readers have blocking work done.
    pub pool: Arc<dyn Pool>,
    /// The clock.
    pub env: &'a dyn Env,
    /// What tables may hold.
    pub memory: &'a Arc<MemoryPool>,
    /// Where operators register metrics.
    pub metrics: &'a Metrics,
    /// Deliberate defects; none in production.
    pub faults: Faults,
}

/// What [`Deployment::build`] made.
pub struct Deployed {
    /// One for each thread.
    pub slots: Vec<Slot>,
    /// Counters of every operator instance.
    pub counters: Vec<(OperatorId, Arc<Counters>)>,
}

/// Channel ends that wait for their subtasks, by graph edge and subtask.
#[derive(Default)]
struct Ends {
    senders: Map<(usize, SubtaskIndex), Vec<Sender>>,
    receivers: Map<(usize, SubtaskIndex), Vec<Receiver>>,
}

struct Builder<'a> {
    deployment: &'a Deployment<'a>,
    plan: &'a Plan,
    routing: Routing,
    options: Configuration,
    rows_max: usize,
    rewrite_rows: usize,
    buffer_timeout_ns: u64,
    ends: Ends,
    paces: Map<usize, Arc<Pace>>,
    counters: Vec<(OperatorId, Arc<Counters>)>,
}

impl Deployment<'_> {
    /// Builds all slots.
    pub fn build(&self) -> Result<Deployed> {
        self.graph.check()?;
        let options: Configuration = self.graph.options.clone().into_iter().collect();
        let rows_max = options.integer(&BATCH_ROWS_MAX)?.unwrap_or(4096).clamp(1, 1 << 20) as usize;
        let mut builder = Builder {
            deployment: self,
            plan: self.plan,
            routing: Routing::contiguous(self.key_groups, self.parallelism)?,
            rewrite_rows: options.integer(&REWRITE_ROWS)?.unwrap_or(131_072).max(1) as usize,
            buffer_timeout_ns: buffer_timeout_ns(&options)?,
            options,
            rows_max,
            ends: Ends::default(),
            paces: Map::default(),
            counters: Vec::new(),
        };
        let threads = self.plan.threads();
        let wakers: Map<(usize, SubtaskIndex), &Arc<dyn Wake>> = threads
            .iter()
            .zip(self.wakers)
            .flat_map(|(thread, waker)| thread.tasks.iter().map(move |task| ((*task, thread.index), waker)))
            .collect();
        builder.connect(&wakers)?;
        let mut slots = Vec::new();
        for (thread, waker) in threads.into_iter().zip(self.wakers) {
            let tasks = thread.tasks.iter();
            let subtasks = tasks.map(|task| builder.subtask(*task, thread.index, waker)).collect::<Result<Vec<_>>>()?;
            slots.push(Slot::new(thread, subtasks));
        }
        Ok(Deployed { slots, counters: builder.counters })
    }
}

impl Builder<'_> {
    fn graph(&self) -> &JobGraph {
        self.deployment.graph
    }

    /// Makes the channels of all edges between tasks. `wakers`: of the thread that runs an instance of a task.
    fn connect(&mut self, wakers: &Map<(usize, SubtaskIndex), &Arc<dyn Wake>>) -> Result<()> {
        let no_thread = || Failure::fatal("defect", "the plan has a subtask without a thread");
        let waker =
            |task: usize, index| wakers.get(&(task, index)).map(|waker| Arc::clone(waker)).ok_or_else(no_thread);
        let graph = self.deployment.graph;
        for (position, edge) in graph.edges.iter().enumerate() {
            if self.plan.is_inside(graph, edge) {
                continue;
            }
            let (from_task, to_task) = (self.plan.task_of[edge.from as usize], self.plan.task_of[edge.to as usize]);
            for from in 0..self.plan.tasks[from_task].parallelism {
                for to in 0..self.plan.tasks[to_task].parallelism {
                    if edge.partitioning() == Partitioning::Forward && from != to {
                        continue;
                    }
                    let (sender, receiver) = channel(waker(from_task, from)?, waker(to_task, to)?);
                    self.ends.senders.entry((position, from)).or_default().push(sender);
                    self.ends.receivers.entry((position, to)).or_default().push(receiver);
                }
            }
        }
        Ok(())
    }

    fn subtask(&mut self, task: usize, index: SubtaskIndex, waker: &Arc<dyn Wake>) -> Result<Subtask> {
        let nodes = self.plan.tasks[task].nodes.clone();
        let is_source = self.graph().nodes[nodes[0]].role() == Role::Source;
        let linked = if is_source { &nodes[1..] } else { &nodes[..] };
        let mut edges = Vec::new();
        let head_targets = if is_source { self.targets(nodes[0], linked, index, &mut edges)? } else { Vec::new() };
        let mut links = Vec::new();
        for node in linked {
            let targets = self.targets(*node, linked, index, &mut edges)?;
            links.push(self.link(*node, targets, index)?);
        }
        let head = if is_source {
            Head::Source(Box::new(self.source(nodes[0], index, waker)?), head_targets.into())
        } else {
            Head::Gate(self.gate(nodes[0], index))
        };
        let chain = Chain::new(links, edges, self.rows_max, self.deployment.faults.clone());
        let snapshots = Default::default();
        let name = self.graph().nodes[nodes[0]].name.clone();
        Ok(Subtask {
            task,
            index,
            name,
            watched: 0,
            reserve_at_ns: 0,
            head,
            chain,
            snapshots,
            reported_end: false,
            reported_closed: false,
        })
    }

    /// Where the rows of a node go: to links of the same chain and to new edges out.
    fn targets(
        &mut self,
        node: usize,
        linked: &[usize],
        index: SubtaskIndex,
        edges: &mut Vec<EdgeOut>,
    ) -> Result<Vec<Target>> {
        let graph = self.deployment.graph;
        let mut targets = Vec::new();
        for (position, edge) in graph.edges.iter().enumerate().filter(|(_, edge)| edge.from as usize == node) {
            match linked.iter().position(|other| *other == edge.to as usize && self.plan.is_inside(graph, edge)) {
                Some(link) => targets.push(Target::Link(link, edge.input)),
                None => {
                    let senders = self.ends.senders.remove(&(position, index)).unwrap_or_default();
                    let routing = self.routing_to(senders.len() as u32)?;
                    edges.push(EdgeOut::new(edge.partitioning(), &edge.key, &routing, senders, self.buffer_timeout_ns));
                    targets.push(Target::Edge(edges.len() - 1));
                }
            }
        }
        Ok(targets)
    }

    /// How keys are shared out among the instances of a task.
    fn routing_to(&self, instances: u32) -> Result<Routing> {
        if instances == self.deployment.parallelism {
            return Ok(self.routing.clone());
        }
        Routing::contiguous(self.deployment.key_groups, instances.min(self.deployment.key_groups.count()))
    }

    fn gate(&mut self, node: usize, index: SubtaskIndex) -> Gate {
        let graph = self.deployment.graph;
        let mut channels = Vec::new();
        for (position, edge) in graph.edges.iter().enumerate().filter(|(_, edge)| edge.to as usize == node) {
            let receivers = self.ends.receivers.remove(&(position, index)).unwrap_or_default();
            channels.extend(receivers.into_iter().map(|receiver| (edge.input, receiver)));
        }
        let mut gate = Gate::new(channels, self.rows_max, self.deployment.faults.fresh());
        if let Some(watermarks) = self.restored_watermarks(&graph.nodes[node]) {
            let catches_up = arriving(graph, node).all(|edge| edge.partitioning() != Partitioning::Forward);
            gate.restore_watermarks(watermarks, catches_up);
        }
        gate
    }

    fn restored_watermarks(&self, node: &Node) -> Option<RestoredWatermarks> {
        let restored = self.deployment.restored.get(&node.operator_id())?;
        restored.watermarks.filter(|_| !self.deployment.faults.has(Fault::ForgetWatermark))
    }

    fn link(&mut self, node: usize, targets: Vec<Target>, index: SubtaskIndex) -> Result<Link> {
        let graph = self.deployment.graph;
        let described = &graph.nodes[node];
        let mut operator: Box<dyn Operator> = match described.role() {
            Role::Sink => {
                let sink = self.deployment.registry.sink(&described.kind, &described.config)?;
                let stage = described.write.clone().unwrap_or_default();
                Box::new(SinkOperator::new(sink, stage))
            }
            _ => self.deployment.registry.operator(&described.kind, &described.config)?,
        };
        let counters = Arc::new(Counters::default());
        self.counters.push((described.operator_id(), Arc::clone(&counters)));
        let opened = self.open(operator.as_mut(), described, &counters, index);
        let (watermark, fill) = opened.map_err(|failure| failure.at_operator(described.name.clone()))?;
        let mut inputs: Vec<u32> = arriving(graph, node).map(|edge| edge.input).collect();
        inputs.sort_unstable();
        inputs.dedup();
        let id = described.operator_id();
        let memory = self.deployment.memory.reservation();
        let mut link = Link::new(id, described.name.clone(), operator, counters, targets.into(), inputs.len(), memory);
        link.rewriting = self.rewriting(link.operator.as_mut(), id, index);
        link.restore(watermark, fill);
        Ok(link)
    }

    /// When the tables of an instance are rewritten: by how many rows they have in runs, of which this instance has its share.
    fn rewriting(&self, operator: &mut dyn Operator, id: OperatorId, index: SubtaskIndex) -> Vec<Rewriting> {
        let key_groups = self.deployment.key_groups;
        let parts = Rewrite::parts_of(key_groups, &self.routing.owned_by(index));
        let restored = self.deployment.restored.get(&id);
        let of_table = |name: &str| {
            let rows = restored.and_then(|restored| restored.rows.get(name)).copied().unwrap_or(0);
            let share = rows as usize / self.deployment.parallelism.max(1) as usize;
            Rewriting::new(parts.clone(), Rewrite::parts_per_group(key_groups), self.rewrite_rows, share)
        };
        operator.tables().iter().map(|table| of_table(&table.descriptor().name)).collect()
    }

    /// Opens an operator and gives it back what it left in the checkpoint, but for the rows of its tables; returns its
    /// watermark, and how its tables are filled.
    fn open(
        &self,
        operator: &mut dyn Operator,
        node: &Node,
        counters: &Arc<Counters>,
        index: SubtaskIndex,
    ) -> Result<(Option<EventTime>, Option<Fill>)> {
        let owned = self.routing.owned_by(index);
        let scope = format!("{index}.{}", node.name);
        let metric = |name: &str| self.deployment.metrics.metric(&format!("{scope}.{name}"));
        operator.open(&mut OpenContext {
            job: self.deployment.job,
            operator: node.operator_id(),
            name: &node.name,
            subtask: index,
            parallelism: node.instances(self.deployment.parallelism),
            key_groups: self.deployment.key_groups,
            owned: &owned,
            generation: self.deployment.generation,
            options: &self.options,
            counters,
            metric: &metric,
            now: self.deployment.env.now(),
        })?;
        let Some(restored) = self.deployment.restored.get(&node.operator_id()) else {
            operator.start()?;
            return Ok((None, None));
        };
        operator.restore_blobs(&restored.blobs)?;
        let scope = Scope::of(&self.routing, index);
        let fill = restored.has_rows.then(|| Fill::new(operator, scope));
        if fill.is_none() {
            operator.start()?;
        }
        let watermark = self.restored_watermarks(node).map(|watermarks| watermarks.lowest);
        if let Some(watermark) = watermark.filter(|_| !fill.as_ref().is_some_and(Fill::is_first)) {
            operator.on_watermark(watermark)?;
        }
        Ok((watermark, fill))
    }

    fn source(&mut self, node: usize, index: SubtaskIndex, waker: &Arc<dyn Wake>) -> Result<SourceTask> {
        let deployment = self.deployment;
        let described = &deployment.graph.nodes[node];
        let source = deployment.registry.source(&described.kind, &described.config)?;
        let pace = source.rows_per_second().map(|rows_per_second| {
            let new = || Arc::new(Pace::new(rows_per_second, deployment.env.now()));
            Arc::clone(self.paces.entry(node).or_insert_with(new))
        });
        let stage = described.read.clone().unwrap_or_default();
        let compile = |expressions: &[Expr], types: &[SqlType]| self.compile(expressions, types);
        let program = match stage.project.is_empty() {
            true => None,
            false => {
                let expressions: Result<Vec<Expr>> =
                    stage.project.iter().map(|bytes| Expr::from_bytes(bytes)).collect();
                let types: Result<Vec<SqlType>> = stage.types.iter().map(|bytes| SqlType::from_bytes(bytes)).collect();
                Some(compile(&expressions?, &types?)?)
            }
        };
        let watermarks = stage.watermark.as_ref().map(|spec| Watermarks::new(spec, compile)).transpose()?;
        let idle_timeout_ms = stage.watermark.as_ref().map_or(0, |spec| spec.idle_timeout_ms);
        let reader = source.reader(&ReaderContext {
            subtask: index,
            parallelism: described.instances(deployment.parallelism),
            rows_max: self.rows_max,
            offload: Offload::new(Arc::clone(&deployment.pool), Arc::clone(waker)),
        })?;
        let counters = Arc::new(Counters::default());
        self.counters.push((described.operator_id(), Arc::clone(&counters)));
        Ok(SourceTask {
            id: described.operator_id(),
            reader,
            program,
            watermarks,
            idle_timeout_ns: (idle_timeout_ms > 0).then_some(idle_timeout_ms * 1_000_000),
            pace,
            counters,
            rows_max: self.rows_max,
            faults: deployment.faults.clone(),
            cx: self.eval_context(index)?,
            state: SourceState::default(),
        })
    }

    fn compile(&self, expressions: &[Expr], types: &[SqlType]) -> Result<Program> {
        let fields = types.iter().enumerate().map(|(position, ty)| Field::new(format!("f{position}"), ty.clone()));
        Program::compile(expressions, &RowType::new(fields.collect()), self.deployment.registry.functions()?)
    }

    fn eval_context(&self, index: SubtaskIndex) -> Result<EvalContext> {
        let zone = self.options.text(&LOCAL_TIME_ZONE).unwrap_or("UTC");
        let random_seed = (self.deployment.generation << 32 | u64::from(index)) << 24;
        Ok(EvalContext { time_zone: TimeZone::parse(zone)?, random_seed, ..EvalContext::utc() })
    }
}

fn buffer_timeout_ns(options: &Configuration) -> Result<u64> {
    Ok(options.duration(&BUFFER_TIMEOUT)?.map_or(100_000_000, |timeout| timeout.as_nanos() as u64))
}

fn arriving(graph: &JobGraph, node: usize) -> impl Iterator<Item = &Edge> {
    graph.edges.iter().filter(move |edge| edge.to as usize == node)
}

/// A slot count that a user asked for, checked.
pub fn check_parallelism(parallelism: i64) -> Result<u32> {
    u32::try_from(parallelism)
        .ok()
        .filter(|parallelism| *parallelism > 0)
        .ok_or_else(|| Failure::user("parallelism", format!("the parallelism must be at least 1, not {parallelism}")))
}
