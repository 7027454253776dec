//! Owns connectors and formats: what stands behind `'connector' = '…'` and `'format' = '…'`.
//! Does not own: when sources are polled and sinks prepare or commit (`dataflow`, `runtime`), or how tables are declared
//! (`planner`).

pub mod blackhole;
pub mod datagen;
pub mod filesystem;
pub mod format;
pub mod nexmark;
mod options;
pub mod outside;
pub mod print;
pub mod random;
mod strides;
pub mod table;
pub mod text;
pub mod values;

use std::sync::Arc;

use tidemill_dataflow::{Connectors, Registry};

pub use outside::Outside;

/// All connectors, for the planner.
pub fn connectors() -> Connectors {
    let mut all = Connectors::default();
    all.add(Arc::new(blackhole::BlackholeConnector));
    all.add(Arc::new(datagen::DatagenConnector));
    all.add(Arc::new(filesystem::FilesystemConnector));
    all.add(Arc::new(nexmark::NexmarkConnector));
    all.add(Arc::new(print::PrintConnector));
    all
}

/// Adds the sources and sinks of all connectors, for the workers and the coordinator.
pub fn register(registry: &mut Registry, outside: &Outside) {
    registry.add_source(datagen::KIND, |config| Ok(Arc::new(datagen::DatagenSource::decode(config)?)));
    registry.add_source(filesystem::KIND, |config| Ok(Arc::new(filesystem::FilesystemSource::decode(config)?)));
    registry.add_source(nexmark::KIND, nexmark::cached());
    registry.add_source(values::KIND, |config| Ok(Arc::new(values::ValuesSource::decode(config)?)));

    let process = outside.process;
    registry.add_sink(blackhole::KIND, |_| Ok(Arc::new(blackhole::BlackholeSink)));
    registry
        .add_sink(filesystem::KIND, move |config| Ok(Arc::new(filesystem::FilesystemSink::decode(config, process)?)));
    let print = print::PrintSinks::new(outside.clone());
    registry.add_sink(print::KIND, move |config| Ok(Arc::new(print.sink(config)?)));
}
