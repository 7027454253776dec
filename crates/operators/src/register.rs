//! All operator kinds of this crate.

use std::sync::Arc;

use prost::Message;
use tidemill_core::Result;
use tidemill_dataflow::{Operator, Registry};

use crate::calc::CalcOperator;
use crate::config::{
    AggregatePhase, CALC, GROUP_AGGREGATE, GroupAggregateConfig, LIMIT, SESSION_AGGREGATE, WINDOW_AGGREGATE,
    WINDOW_TVF, WindowAggregateConfig, decode,
};
use crate::group::GroupAggregate;
use crate::limit::LimitOperator;
use crate::local::LocalAggregate;
use crate::session::SessionAggregate;
use crate::window::aggregate::WindowAggregate;
use crate::window::tvf::WindowTvf;

type Functions = Arc<tidemill_expr::Registry>;

/// Adds all operator kinds. `functions`: what their expressions and aggregates may call.
pub fn register(registry: &mut Registry, functions: &Functions) {
    add(registry, CALC, functions, |config, functions| Ok(Box::new(CalcOperator::new(config, functions)?)));
    add(registry, LIMIT, functions, |config, _| Ok(Box::new(LimitOperator::new(config)?)));
    add(registry, WINDOW_TVF, functions, |config, _| Ok(Box::new(WindowTvf::new(config)?)));
    add(registry, SESSION_AGGREGATE, functions, |config, functions| {
        Ok(Box::new(SessionAggregate::new(config, functions)?))
    });
    add(registry, WINDOW_AGGREGATE, functions, |config, functions| {
        if is_local::<WindowAggregateConfig>(WINDOW_AGGREGATE, config, |config| config.phase)? {
            return Ok(Box::new(LocalAggregate::of_windows(config, functions)?));
        }
        Ok(Box::new(WindowAggregate::new(config, functions)?))
    });
    add(registry, GROUP_AGGREGATE, functions, |config, functions| {
        if is_local::<GroupAggregateConfig>(GROUP_AGGREGATE, config, |config| config.phase)? {
            return Ok(Box::new(LocalAggregate::of_groups(config, functions)?));
        }
        Ok(Box::new(GroupAggregate::new(config, functions)?))
    });
}

type Make = fn(&[u8], &tidemill_expr::Registry) -> Result<Box<dyn Operator>>;

fn add(registry: &mut Registry, kind: &str, functions: &Functions, make: Make) {
    let functions = Arc::clone(functions);
    registry.add_operator(kind, move |config| make(config, &functions));
}

fn is_local<M: Message + Default>(kind: &str, config: &[u8], phase: fn(&M) -> i32) -> Result<bool> {
    Ok(phase(&decode::<M>(kind, config)?) == AggregatePhase::Local as i32)
}
