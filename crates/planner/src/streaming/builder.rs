//! Collects nodes and edges; makes equal nodes once; numbers and names them at the end.

use tidemill_core::OperatorId;
use tidemill_core::map::Map;
use tidemill_core::options::Configuration;
use tidemill_dataflow::graph::GRAPH_FORMAT;
use tidemill_dataflow::{Edge, JobGraph, Node, Partitioning, ReadStage, Role, WriteStage};

use super::{NodeText, is_for_operators};
use crate::error::PlanResult;
use crate::session_options as options;

/// A node before it has an id.
#[derive(Clone)]
pub(super) struct Draft {
    /// Its name without its number: `Calc`, `Source: flights`.
    pub(super) name: String,
    pub(super) role: Role,
    /// False where another node of the same config over the same inputs would give other rows: sources, sinks, and what
    /// gives another value each time.
    pub(super) shareable: bool,
    pub(super) kind: String,
    pub(super) config: Vec<u8>,
    pub(super) read: Option<ReadStage>,
    pub(super) write: Option<WriteStage>,
    pub(super) place: Place,
    pub(super) text: NodeText,
}

/// Where a node runs: usually with the others, once a slot.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// True: on a thread of its own, because it may wait for something outside.
    pub(super) may_block: bool,
    /// How many instances it has; 0: as many as there are slots.
    pub(super) parallelism: u32,
}

/// How rows come to a node: from where, over which kind of edge, by which key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Input {
    pub(super) from: usize,
    pub(super) partitioning: i32,
    pub(super) key: Vec<usize>,
}

/// What makes two nodes the same.
type Identity = (String, Vec<u8>, Vec<Input>);

/// The nodes of a graph, inputs before readers.
#[derive(Default)]
pub(super) struct GraphBuilder {
    nodes: Vec<Draft>,
    inputs: Vec<Vec<Input>>,
    known: Map<Identity, usize>,
}

impl GraphBuilder {
    /// The node of that kind and config over those inputs, made at the first call.
    pub(super) fn add(&mut self, draft: Draft, inputs: Vec<Input>) -> usize {
        let identity = (draft.kind.clone(), draft.config.clone(), inputs.clone());
        let shared = draft.shareable;
        if let Some(node) = self.known.get(&identity).filter(|_| shared) {
            return *node;
        }
        let node = self.nodes.len();
        self.nodes.push(draft);
        self.inputs.push(inputs);
        if shared {
            self.known.insert(identity, node);
        }
        node
    }

    /// The graph, and the text of each node.
    pub(super) fn finish(
        self,
        name: &str,
        definition: &str,
        config: &Configuration,
    ) -> PlanResult<(JobGraph, Vec<NodeText>)> {
        let mut graph = JobGraph {
            format: GRAPH_FORMAT,
            name: name.to_string(),
            key_groups: key_groups(config)?,
            nodes: Vec::with_capacity(self.nodes.len()),
            edges: Vec::new(),
            options: config
                .iter()
                .filter(|(key, _)| is_for_operators(key))
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
        };
        let zone = options::time_zone(config).to_string();
        graph.options.insert(options::LOCAL_TIME_ZONE.key.to_string(), zone);
        // What is in the nodes below already: a job that goes on says where it is another.
        for option in [&options::IDLE_TIMEOUT, &options::AGG_PHASE] {
            let value = config.raw(option.key).or(option.default).unwrap_or_default();
            graph.options.insert(option.key.to_string(), value.to_string());
        }
        let mut texts = Vec::with_capacity(self.nodes.len());
        for (position, (draft, inputs)) in self.nodes.into_iter().zip(self.inputs).enumerate() {
            let id = OperatorId::from_name(&format!("{definition}\n{position}\n{}", draft.kind));
            let title = format!("{}[{}]", draft.name, position + 1);
            let mut node = Node::new(id, title, draft.role, &draft.kind, draft.config);
            node.read = draft.read;
            node.write = draft.write;
            node.may_block = draft.place.may_block;
            node.parallelism = draft.place.parallelism;
            texts.push(draft.text);
            for input in inputs {
                let partitioning = Partitioning::try_from(input.partitioning).unwrap_or(Partitioning::Forward);
                // Rows that would go straight on to another number of instances are dealt out in turn.
                let is_even = graph.nodes[input.from].parallelism == node.parallelism;
                let partitioning = match partitioning {
                    Partitioning::Forward if !is_even => Partitioning::Rebalance,
                    other => other,
                };
                graph.edges.push(Edge::new(input.from, position, partitioning, &input.key));
            }
            graph.nodes.push(node);
        }
        Ok((graph, texts))
    }
}

impl Input {
    /// To the subtask of the same number.
    pub(super) fn forward(nodes: &[usize]) -> Vec<Input> {
        nodes
            .iter()
            .map(|from| Input { from: *from, partitioning: Partitioning::Forward as i32, key: Vec::new() })
            .collect()
    }

    /// By key group; without a key all rows to one subtask.
    pub(super) fn hash(nodes: &[usize], key: &[usize]) -> Vec<Input> {
        nodes
            .iter()
            .map(|from| Input { from: *from, partitioning: Partitioning::Hash as i32, key: key.to_vec() })
            .collect()
    }
}

/// The key groups that were asked for; 0: as many as suit the parallelism. The session has seen that they are a power of two.
fn key_groups(config: &Configuration) -> PlanResult<u32> {
    let asked = config.integer(&options::MAX_PARALLELISM)?;
    Ok(asked.and_then(|groups| u32::try_from(groups).ok()).unwrap_or(0))
}
