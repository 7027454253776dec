//! Sinks: what they accept decides what their queries emit, or refuses the query.

use tidemill_dataflow::{Role, SinkChanges};

use super::builder::{Draft, Input, Place};
use super::{NodeText, Planner, Stream};
use crate::error::{PlanError, PlanResult};
use crate::plan::PlannedInsert;
use crate::rel::{ColId, Rel};
use crate::traits::{ChangelogMode, changelog_mode, upsert_key};

/// Which kinds of rows an INSERT's query has to emit for its sink.
///
/// # Errors
/// The sink cannot take what the query gives; the operator that makes the changes is named.
pub(super) fn wanted_changes(insert: &PlannedInsert) -> PlanResult<ChangelogMode> {
    let query = &insert.optimized;
    let mode = changelog_mode(&query.rel);
    if mode.is_insert_only() {
        return Ok(ChangelogMode::INSERT_ONLY);
    }
    let name = &insert.table.name.object;
    let refuse = |text: String, help: String| {
        let error = PlanError::from(tidemill_core::Failure::user("plan.sink-changes", text)).help(help);
        match updating(&query.rel).and_then(span_of) {
            Some(span) => error.at(span),
            None => error,
        }
    };
    let maker = updating(&query.rel)
        .map(|rel| crate::rel::explain(rel, &query.registry).lines().next().unwrap_or_default().to_string())
        .unwrap_or_default();
    match insert.plan.accepts {
        SinkChanges::All => Ok(ChangelogMode::ALL),
        SinkChanges::InsertOnly => {
            let changes = if mode.delete { "updates and deletions" } else { "updates" };
            let text =
                format!("sink '{name}' accepts only inserts, but the query produces {changes}; produced by {maker}");
            let help = "aggregate over windows (GROUP BY …, window_start, window_end), whose results are final, or write \
                        to a sink that takes updates, such as 'print'";
            Err(refuse(text, help.to_string()))
        }
        SinkChanges::Upsert => {
            let primary = insert.table.primary_key.as_ref();
            let Some(primary) = primary else {
                let text = format!(
                    "sink '{name}' takes updates by primary key, but the table has none; they are produced by {maker}"
                );
                return Err(refuse(text, "add PRIMARY KEY (…) NOT ENFORCED to the table".to_string()));
            };
            let key: Vec<Option<ColId>> = primary
                .columns
                .iter()
                .map(|column| query.schema.position(column).and_then(|at| query.columns.get(at)).copied())
                .collect();
            let updates = upsert_key(&query.rel);
            let same = updates.as_ref().is_some_and(|updates| {
                key.iter().flatten().all(|column| updates.contains(column))
                    && updates.iter().all(|column| key.contains(&Some(*column)))
            });
            if same {
                return Ok(ChangelogMode { update_before: false, ..ChangelogMode::ALL });
            }
            let by = match &updates {
                Some(updates) if updates.is_empty() => "as a single row".to_string(),
                Some(updates) => format!("by ({})", crate::rel::names(&query.registry, updates)),
                None => "without a key".to_string(),
            };
            let text = format!(
                "sink '{name}' takes updates by its primary key ({}), but the query updates {by}; produced by {maker}",
                primary.columns.join(", ")
            );
            Err(refuse(text, "make the key of GROUP BY the sink's primary key".to_string()))
        }
    }
}

/// The topmost node that makes updates.
fn updating(rel: &Rel) -> Option<&Rel> {
    let makes = matches!(rel, Rel::Aggregate { .. }) && !changelog_mode(rel).is_insert_only();
    if makes { Some(rel) } else { rel.inputs().into_iter().find_map(updating) }
}

fn span_of(rel: &Rel) -> Option<tidemill_sql_parser::Span> {
    match rel {
        Rel::Aggregate { span, .. } => Some(*span),
        _ => None,
    }
}

impl Planner<'_> {
    /// The node that writes an INSERT's rows.
    pub(super) fn sink(&mut self, insert: &PlannedInsert, stream: &Stream) -> PlanResult<()> {
        let fields = insert.schema.names().join(", ");
        let text = format!("Sink(table=[{}], fields=[{fields}])", insert.sink);
        let inputs = match insert.plan.parallelism {
            0 => Input::forward(&stream.nodes),
            _ if stream.changes.is_insert_only() => Input::forward(&stream.nodes),
            _ => Input::hash(&stream.nodes, &primary_key_places(insert)?),
        };
        let draft = Draft {
            name: format!("Sink: {}", insert.table.name.object),
            role: Role::Sink,
            shareable: false,
            kind: insert.plan.kind.clone(),
            config: insert.plan.config.clone(),
            read: None,
            write: Some(insert.write.clone()),
            place: Place { may_block: insert.plan.may_block, parallelism: insert.plan.parallelism },
            text: NodeText { text, changelog: None },
        };
        self.end(draft, inputs, stream)
    }

    /// The node that hands a SELECT's rows to whoever runs it.
    pub(super) fn collect(&mut self, stream: &Stream) -> PlanResult<()> {
        let columns: Vec<ColId> = stream.columns.iter().copied().flatten().collect();
        let text = format!("Collect(fields=[{}])", crate::rel::names(&self.registry, &columns));
        let draft = Draft {
            name: "Collect".to_string(),
            role: Role::Sink,
            shareable: false,
            kind: crate::COLLECT.to_string(),
            config: Vec::new(),
            read: None,
            write: None,
            // Whoever takes the rows may be slow.
            place: Place { may_block: true, parallelism: 0 },
            text: NodeText { text, changelog: None },
        };
        self.end(draft, Input::forward(&stream.nodes), stream)
    }

    fn end(&mut self, draft: Draft, inputs: Vec<Input>, stream: &Stream) -> PlanResult<()> {
        if stream.columns.iter().any(Option::is_none) {
            return Err(PlanError::defect("a sink would get columns that nobody asked for; please report it"));
        }
        self.graph.add(draft, inputs);
        Ok(())
    }
}

/// Positions of the sink's primary key among its columns: by it, changes of a row stay in order on their way to other instances.
fn primary_key_places(insert: &PlannedInsert) -> PlanResult<Vec<usize>> {
    let key = insert.table.primary_key.as_ref();
    let places = key.map(|key| key.columns.iter().filter_map(|column| insert.schema.position(column)).collect());
    places.ok_or_else(|| {
        let text = format!(
            "sink '{}' has 'sink.parallelism', but the query updates rows and the table has no primary key by which they could \
             stay in order",
            insert.table.name.object
        );
        let help = "add PRIMARY KEY (…) NOT ENFORCED to the table, or leave 'sink.parallelism' out";
        PlanError::from(tidemill_core::Failure::user("plan.sink-parallelism", text)).help(help)
    })
}
