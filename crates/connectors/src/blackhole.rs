//! `'connector' = 'blackhole'`: takes every row and forgets it.

use tidemill_core::options::ConfigOption;
use tidemill_core::{Batch, CheckpointId, Now, Progress, Result};
use tidemill_dataflow::{
    Connector, ReadRequest, Sink, SinkChanges, SinkPlan, SourcePlan, TableSpec, Writer, WriterContext,
};

use crate::table::{self, unsupported};

/// The kind of the sink in a job graph.
pub const KIND: &str = "blackhole";

/// The connector.
#[derive(Debug)]
pub struct BlackholeConnector;

impl Connector for BlackholeConnector {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn options(&self, _table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        Ok(Vec::new())
    }

    fn plan_source(&self, table: &TableSpec, _request: &ReadRequest) -> Result<SourcePlan> {
        Err(unsupported(table, "nothing comes back out of connector 'blackhole': it can only be written to"))
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        let config = table::encode_write(table);
        Ok(SinkPlan { kind: KIND.to_string(), config, accepts: SinkChanges::All, may_block: false, parallelism: 0 })
    }
}

/// The sink.
#[derive(Debug)]
pub struct BlackholeSink;

impl Sink for BlackholeSink {
    fn writer(&self, _cx: &WriterContext) -> Result<Box<dyn Writer>> {
        Ok(Box::new(BlackholeWriter))
    }
}

struct BlackholeWriter;

impl Writer for BlackholeWriter {
    fn write(&mut self, _batch: &Batch, _now: Now) -> Result<Progress> {
        Ok(Progress::Done)
    }

    fn prepare(&mut self, _checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
}
