//! From a node's kind to the code that runs it.

use std::sync::Arc;

use tidemill_core::map::Map;
use tidemill_core::{Failure, Result};

use crate::operator::Operator;
use crate::sink::Sink;
use crate::source::Source;

type Make<T> = Arc<dyn Fn(&[u8]) -> Result<T> + Send + Sync>;

/// Makes operators, sources and sinks from their kind and the config bytes in the graph.
#[derive(Clone, Default)]
pub struct Registry {
    operators: Map<String, Make<Box<dyn Operator>>>,
    sources: Map<String, Make<Arc<dyn Source>>>,
    sinks: Map<String, Make<Arc<dyn Sink>>>,
    functions: Option<Arc<tidemill_expr::Registry>>,
}

impl Registry {
    /// Sets the functions that expressions may call.
    pub fn set_functions(&mut self, functions: Arc<tidemill_expr::Registry>) {
        self.functions = Some(functions);
    }

    /// The functions that expressions may call.
    pub fn functions(&self) -> Result<&Arc<tidemill_expr::Registry>> {
        let none = || Failure::fatal("graph.no-functions", "this process was started without functions");
        self.functions.as_ref().ok_or_else(none)
    }

    /// Adds an operator kind.
    pub fn add_operator(
        &mut self,
        kind: &str,
        make: impl Fn(&[u8]) -> Result<Box<dyn Operator>> + Send + Sync + 'static,
    ) {
        self.operators.insert(kind.to_string(), Arc::new(make));
    }

    /// Adds a source kind.
    pub fn add_source(&mut self, kind: &str, make: impl Fn(&[u8]) -> Result<Arc<dyn Source>> + Send + Sync + 'static) {
        self.sources.insert(kind.to_string(), Arc::new(make));
    }

    /// Adds a sink kind.
    pub fn add_sink(&mut self, kind: &str, make: impl Fn(&[u8]) -> Result<Arc<dyn Sink>> + Send + Sync + 'static) {
        self.sinks.insert(kind.to_string(), Arc::new(make));
    }

    /// Makes an operator.
    pub fn operator(&self, kind: &str, config: &[u8]) -> Result<Box<dyn Operator>> {
        make(&self.operators, "operator", kind)?(config)
    }

    /// Makes a source.
    pub fn source(&self, kind: &str, config: &[u8]) -> Result<Arc<dyn Source>> {
        make(&self.sources, "source", kind)?(config)
    }

    /// Makes a sink.
    pub fn sink(&self, kind: &str, config: &[u8]) -> Result<Arc<dyn Sink>> {
        make(&self.sinks, "sink", kind)?(config)
    }
}

fn make<'a, T>(makers: &'a Map<String, Make<T>>, what: &str, kind: &str) -> Result<&'a Make<T>> {
    makers.get(kind).ok_or_else(|| {
        let text = format!("this build has no {what} of kind '{kind}'; run the job with the build that made its graph");
        Failure::refused("graph.unknown-kind", text)
    })
}
