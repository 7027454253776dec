//! Owns the job graph, the traits of operators, sources and sinks with their registry, and how elements move: chains,
//! subtasks, slots, alignment, channels and local exchanges.
//! Does not own: threads and the coordinator (`runtime`), what operators compute (`operators`), connectors.

mod budget;
pub mod catalog;
mod chain;
pub mod channel;
pub mod counters;
pub mod deployment;
mod exchange;
pub mod faults;
mod fill;
mod gate;
mod gather;
pub mod graph;
pub mod job_options;
pub mod offload;
pub mod operator;
mod pace;
pub mod plan;
pub mod registry;
mod rewriting;
pub mod sink;
mod sink_operator;
pub mod slot;
pub mod snapshot;
pub mod source;
mod source_task;
pub mod subtask;
pub mod watch;
mod watermarks;

pub use catalog::{Connector, Connectors, ReadRequest, SinkChanges, SinkPlan, SourcePlan, TableSpec};
pub use counters::{CounterValues, Counters};
pub use fill::{Fetch, Wanted};
pub use graph::{Edge, JobGraph, Node, Partitioning, ReadStage, Role, WatermarkSpec, WriteStage};
pub use offload::{Offload, Pending, Pool};
pub use operator::{Inputs, Mail, NeedsAllRows, OpenContext, Operator, Output, Pins, Timers};
pub use pace::Pace;
pub use registry::Registry;
pub use sink::{Committer, Sink, Writer, WriterContext, output_id};
pub use sink_operator::{RowHasher, check_not_null};
pub use source::{Discovery, Enumerator, Poll, Reader, ReaderContext, Source, Split};
