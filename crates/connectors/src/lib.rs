//! Owns connectors and formats: what stands behind `'connector' = '…'` and `'format' = '…'`.
//! Does not own: when sources are polled and sinks prepare or commit (`dataflow`, `runtime`), or how tables are declared
//! (`planner`).

pub mod nexmark;
