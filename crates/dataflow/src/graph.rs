//! The job graph: what every API compiles to and every checkpoint stores. A versioned protobuf message.
//!
//! Operators have opaque ids that are assigned once; a node's `config` is a message of its own, known to its kind alone.

use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::{Failure, OperatorId, Result};

/// The version of the graph's format that this build writes. 2: since nodes have `may_block` and `parallelism`.
pub const GRAPH_FORMAT: u32 = 2;

/// A job: nodes in topological order (inputs before those that read them) and edges between them.
#[derive(Clone, PartialEq, Message)]
pub struct JobGraph {
    /// [`GRAPH_FORMAT`] of the writer.
    #[prost(uint32, tag = "1")]
    pub format: u32,
    /// The job's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Number of key groups, a power of two; 0: chosen when the job starts for the first time.
    #[prost(uint32, tag = "3")]
    pub key_groups: u32,
    /// Sources, operators and sinks.
    #[prost(message, repeated, tag = "4")]
    pub nodes: Vec<Node>,
    /// What flows where.
    #[prost(message, repeated, tag = "5")]
    pub edges: Vec<Edge>,
    /// The options that operators may read.
    #[prost(btree_map = "string, string", tag = "6")]
    pub options: BTreeMap<String, String>,
}

/// A source, an operator or a sink.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// The operator id, 16 bytes big-endian.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// For plans and messages.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What it is.
    #[prost(enumeration = "Role", tag = "3")]
    pub role: i32,
    /// Which code runs it; a key of the registry.
    #[prost(string, tag = "4")]
    pub kind: String,
    /// The kind's own message.
    #[prost(bytes = "vec", tag = "5")]
    pub config: Vec<u8>,
    /// Sources only: what is done with the rows as they are read.
    #[prost(message, optional, tag = "6")]
    pub read: Option<ReadStage>,
    /// Sinks only: what is counted and hashed.
    #[prost(message, optional, tag = "7")]
    pub write: Option<WriteStage>,
    /// True: its calls may wait for something outside, so it gets a thread of its own instead of a place in a chain.
    #[prost(bool, tag = "8")]
    pub may_block: bool,
    /// Sources and sinks only, whose instances keep no tables: how many there are; 0: as many as the job has slots.
    #[prost(uint32, tag = "9")]
    pub parallelism: u32,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Role {
    /// Reads from outside.
    Source = 0,
    /// Works on rows.
    Operator = 1,
    /// Writes to the outside.
    Sink = 2,
}

/// What a source subtask does with the rows of its reader, in this order: project, then watermarks.
#[derive(Clone, PartialEq, Message)]
pub struct ReadStage {
    /// Encoded expressions over the reader's columns; empty: the reader's columns as they are.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub project: Vec<Vec<u8>>,
    /// Encoded SQL types of the reader's columns.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub types: Vec<Vec<u8>>,
    /// How watermarks are made; none: the source has none until it ends.
    #[prost(message, optional, tag = "3")]
    pub watermark: Option<WatermarkSpec>,
}

/// How watermarks are made: the running maximum, over all preceding rows of a split, of an expression.
#[derive(Clone, PartialEq, Message)]
pub struct WatermarkSpec {
    /// Position of the event-time column after the projection; milliseconds.
    #[prost(uint32, tag = "1")]
    pub column: u32,
    /// Subtracted from the event time, in milliseconds; used where `expression` is empty.
    #[prost(int64, tag = "2")]
    pub delay_ms: i64,
    /// An encoded expression over the projected columns that gives the watermark in milliseconds; empty for `delay_ms`.
    #[prost(bytes = "vec", tag = "3")]
    pub expression: Vec<u8>,
    /// A source that was polled and empty for this long is idle; 0: never.
    #[prost(uint64, tag = "4")]
    pub idle_timeout_ms: u64,
    /// Encoded SQL types of the projected columns, for `expression`.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub types: Vec<Vec<u8>>,
}

/// What a sink subtask does beside writing.
#[derive(Clone, PartialEq, Message)]
pub struct WriteStage {
    /// The sink's name: part of the result hash.
    #[prost(string, tag = "1")]
    pub sink: String,
    /// True: rows are hashed (`tidemill.sink.result-hash`).
    #[prost(bool, tag = "2")]
    pub result_hash: bool,
    /// Positions of columns that must not be NULL.
    #[prost(uint32, repeated, tag = "3")]
    pub not_null: Vec<u32>,
    /// Names of all columns, for messages.
    #[prost(string, repeated, tag = "4")]
    pub columns: Vec<String>,
}

/// Rows flow from a node to an input of another.
#[derive(Clone, PartialEq, Message)]
pub struct Edge {
    /// Position of the upstream node.
    #[prost(uint32, tag = "1")]
    pub from: u32,
    /// Position of the downstream node.
    #[prost(uint32, tag = "2")]
    pub to: u32,
    /// Which input of the downstream node; several edges may share one (a union).
    #[prost(uint32, tag = "3")]
    pub input: u32,
    /// How rows find their subtask.
    #[prost(enumeration = "Partitioning", tag = "4")]
    pub partitioning: i32,
    /// Hash only: positions of the key columns in the upstream node's output. Empty: all rows to one subtask.
    #[prost(uint32, repeated, tag = "5")]
    pub key: Vec<u32>,
}

/// How rows find their subtask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Partitioning {
    /// To the subtask of the same number; the two nodes are chained where possible.
    Forward = 0,
    /// By key group.
    Hash = 1,
    /// Batches in turn.
    Rebalance = 2,
    /// Every row to every subtask.
    Broadcast = 3,
}

impl Node {
    /// The operator id.
    pub fn operator_id(&self) -> OperatorId {
        let mut bytes = [0; 16];
        let taken = self.id.len().min(16);
        bytes[16 - taken..].copy_from_slice(&self.id[..taken]);
        OperatorId(u128::from_be_bytes(bytes))
    }

    /// A node with the given id.
    pub fn new(id: OperatorId, name: impl Into<String>, role: Role, kind: &str, config: Vec<u8>) -> Node {
        Node {
            id: id.0.to_be_bytes().to_vec(),
            name: name.into(),
            role: role as i32,
            kind: kind.to_string(),
            config,
            read: None,
            write: None,
            may_block: false,
            parallelism: 0,
        }
    }

    /// How many instances of the node a job with that many slots has.
    pub fn instances(&self, slots: u32) -> u32 {
        if self.parallelism == 0 { slots } else { self.parallelism }
    }
}

impl Edge {
    /// An edge to input 0.
    pub fn new(from: usize, to: usize, partitioning: Partitioning, key: &[usize]) -> Edge {
        let key = key.iter().map(|column| *column as u32).collect();
        Edge { from: from as u32, to: to as u32, input: 0, partitioning: partitioning as i32, key }
    }
}

impl JobGraph {
    /// The graph as bytes.
    pub fn encode_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads a graph and checks it.
    pub fn decode_bytes(bytes: &[u8]) -> Result<JobGraph> {
        let graph = JobGraph::decode(bytes).map_err(|error| {
            Failure::fatal("graph.malformed", format!("the stored job graph cannot be read: {error}"))
        })?;
        if graph.format > GRAPH_FORMAT {
            let text = format!(
                "the job graph has format {}, this build reads up to {GRAPH_FORMAT}; use a newer build",
                graph.format
            );
            return Err(Failure::refused("graph.format", text));
        }
        graph.check()?;
        Ok(graph)
    }

    /// Checks that edges lead forward between existing nodes, that those that go straight on join as many instances as they
    /// leave, and that ids are unique.
    pub fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(Failure::fatal("graph.malformed", text));
        for edge in &self.edges {
            if edge.from >= edge.to || edge.to as usize >= self.nodes.len() {
                return wrong(format!("the job graph has an edge from node {} to {}", edge.from, edge.to));
            }
            let (from, to) = (&self.nodes[edge.from as usize], &self.nodes[edge.to as usize]);
            if edge.partitioning() == Partitioning::Forward && from.parallelism != to.parallelism {
                return wrong(format!("a forward edge joins '{}' and '{}' of another parallelism", from.name, to.name));
            }
        }
        if let Some(node) = self.nodes.iter().find(|node| node.parallelism != 0 && node.role() == Role::Operator) {
            return wrong(format!("operator '{}' has a parallelism of its own; only sources and sinks may", node.name));
        }
        let mut ids: Vec<&[u8]> = self.nodes.iter().map(|node| node.id.as_slice()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < self.nodes.len() {
            return wrong("two nodes of the job graph have the same operator id".to_string());
        }
        Ok(())
    }
}
