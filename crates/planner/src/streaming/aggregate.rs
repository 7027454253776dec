//! Grouped aggregates without windows, DISTINCT among them.

use prost::Message;
use tidemill_dataflow::Role;
use tidemill_operators::config::{AggregateCall, AggregatePhase, GROUP_AGGREGATE, GroupAggregateConfig};

use super::builder::{Draft, Input, Place};
use super::{NodeText, Planner, Stream};
use crate::error::PlanResult;
use crate::rel::{AggregateItem, ColId, Rel, call_text, names};
use crate::session_options as options;
use crate::traits::{ChangelogMode, grouped_window};

impl Planner<'_> {
    /// An aggregation: over windows where it groups by a window's start and end.
    pub(super) fn aggregate(
        &mut self,
        rel: &Rel,
        input: &Rel,
        keys: &[ColId],
        calls: &[AggregateItem],
        wanted: ChangelogMode,
    ) -> PlanResult<Stream> {
        if let Some(window) = grouped_window(input, keys) {
            return self.window_aggregate(rel, &window);
        }
        let stream = self.rel(input, ChangelogMode::ALL)?;
        let changes = Self::emitted(rel, wanted);
        let key = self.places(keys, &stream)?;
        let mut config = GroupAggregateConfig {
            input_types: stream.types.clone(),
            keys: key.iter().map(|place| *place as u32).collect(),
            aggregates: self.aggregate_calls(calls, &stream)?,
            emit_update_before: changes.update_before,
            input_retracts: !stream.changes.is_insert_only(),
            phase: AggregatePhase::Single as i32,
        };
        let shown = format!(
            "groupBy=[{}], select=[{}]",
            names(&self.registry, keys),
            calls.iter().map(|call| call_text(call, &self.registry)).collect::<Vec<_>>().join(", ")
        );
        let (mut nodes, mut key, mut word) = (stream.nodes.clone(), key, "");
        if self.two_phases(calls, &stream)? && !calls.is_empty() {
            config.phase = AggregatePhase::Local as i32;
            let local = self.operator("LocalGroupAggregate", GROUP_AGGREGATE, config.encode_to_vec(), &shown, None);
            nodes = vec![self.graph.add(local, Input::forward(&nodes))];
            key = (0..keys.len()).collect();
            config.phase = AggregatePhase::Global as i32;
            word = "Global";
        }
        let name = format!("{word}GroupAggregate");
        let draft = self.operator(&name, GROUP_AGGREGATE, config.encode_to_vec(), &shown, Some(changes));
        let node = self.graph.add(draft, Input::hash(&nodes, &key));
        let columns: Vec<ColId> = rel.columns();
        Ok(Stream {
            nodes: vec![node],
            types: self.types_of(&columns),
            columns: columns.into_iter().map(Some).collect(),
            changes,
        })
    }

    /// Calls with columns as positions.
    pub(super) fn aggregate_calls(&self, calls: &[AggregateItem], stream: &Stream) -> PlanResult<Vec<AggregateCall>> {
        calls
            .iter()
            .map(|call| {
                let args = self.places(&call.args, stream)?;
                let filter = call.filter.map(|filter| self.place(filter, stream)).transpose()?;
                Ok(AggregateCall {
                    filter: filter.map(|filter| filter as u32),
                    distinct: call.distinct,
                    ..AggregateCall::new(&call.function, &args)
                })
            })
            .collect()
    }

    /// Whether to fold rows before the exchange: asked for, and possible for all calls.
    pub(super) fn two_phases(&self, calls: &[AggregateItem], stream: &Stream) -> PlanResult<bool> {
        let strategy = self.cx.config.text(&options::AGG_PHASE).unwrap_or("AUTO");
        if !strategy.trim().eq_ignore_ascii_case("TWO_PHASE") || !stream.changes.is_insert_only() {
            return Ok(false);
        }
        for call in calls {
            let Some(function) = self.cx.functions.aggregate(&call.function) else { return Ok(false) };
            let args: Vec<_> = call.args.iter().map(|arg| self.registry.ty(*arg)).collect();
            if call.distinct || !function.bind(&args, &self.registry.ty(call.id), false)?.mergeable() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn operator(
        &self,
        name: &str,
        kind: &str,
        config: Vec<u8>,
        shown: &str,
        changelog: Option<ChangelogMode>,
    ) -> Draft {
        Draft {
            name: name.to_string(),
            role: Role::Operator,
            shareable: true,
            kind: kind.to_string(),
            config,
            read: None,
            write: None,
            place: Place::default(),
            text: NodeText { text: format!("{name}({shown})"), changelog },
        }
    }
}
