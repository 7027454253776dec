//! The code of the simulated jobs: the engine's operators, watched, the simulated source and sink, and operators of our own.

use std::sync::Arc;

use tidemill_core::Result;
use tidemill_dataflow::Registry;
use tidemill_operators::config::{GROUP_AGGREGATE, SESSION_AGGREGATE, WINDOW_AGGREGATE};

use super::Scenario;
use super::rules::Multiply;
use super::timers::Remind;
use super::watched::{Watched, Watermarks};
use crate::sink::SimSink;
use crate::source::{Rows, SimSource};

/// The code that a process runs.
pub fn registry(rows: Rows, sink: &SimSink, watermarks: &Watermarks) -> Result<Registry> {
    let mut registry = Registry::default();
    let functions = Arc::new(tidemill_functions::registry());
    tidemill_operators::register(&mut registry, &functions);
    registry.set_functions(functions);
    registry.add_operator("sim-remind", |_| Ok(Box::new(Remind::new()?)));
    let (source, rules) = (Arc::new(SimSource::new(rows)), Arc::new(SimSource::new(Scenario::rules(&rows))));
    let inner = registry.clone();
    for kind in [GROUP_AGGREGATE, SESSION_AGGREGATE, WINDOW_AGGREGATE, "sim-remind"] {
        let (inner, watermarks, source) = (inner.clone(), watermarks.clone(), Arc::clone(&source));
        registry.add_operator(kind, move |config| {
            Ok(Box::new(Watched::new(inner.operator(kind, config)?, &watermarks, source.epochs())))
        });
    }
    registry.add_operator("sim-multiply", |_| Ok(Box::new(Multiply::new())));
    registry.add_source("sim", move |_| Ok(Arc::clone(&source) as _));
    registry.add_source("sim-rules", move |_| Ok(Arc::clone(&rules) as _));
    let sink = sink.clone();
    registry.add_sink("sim", move |_| Ok(Arc::new(sink.clone())));
    Ok(registry)
}
