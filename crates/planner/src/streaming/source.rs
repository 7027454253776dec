//! Sources: a table's scan with its computed columns and watermark is one node, shared by all who read the table alike.

use tidemill_core::options::Configuration;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{ReadStage, Role, WatermarkSpec};
use tidemill_expr::{Expr, Scalar, SqlType};

use super::builder::{Draft, Place};
use super::{NodeText, Planner, Stream};
use crate::error::{PlanError, PlanResult};
use crate::plan::BoundQuery;
use crate::rel::{ColId, ColumnRegistry, Rel, Scan, ScanColumn};
use crate::session_options as options;
use crate::traits::ChangelogMode;

/// Everything that is read of tables in a job.
#[derive(Default)]
pub(super) struct SourceGroups {
    groups: Vec<Group>,
}

/// Scans that one source node serves. Expressions are over `paths`.
struct Group {
    scan: Scan,
    /// What is read: the union over all scans.
    paths: Vec<Vec<usize>>,
    /// Types of `paths`.
    types: Vec<SqlType>,
    /// What the node gives out: the union over all scans.
    outputs: Vec<Expr>,
    /// Names of `outputs`, for plans.
    names: Vec<String>,
    /// The event time and a row's watermark.
    watermark: Option<(Expr, Expr)>,
    /// The node, once it is made.
    node: Option<usize>,
}

/// A scan with what belongs to it.
struct Block<'r> {
    scan: &'r Scan,
    items: Option<&'r [(ColId, Expr)]>,
    watermark: Option<(ColId, &'r Expr)>,
}

/// The scan that a plan's node is the top of, with the projection and the watermark that are made while reading.
fn block(rel: &Rel) -> Option<Block<'_>> {
    match rel {
        Rel::Scan(scan) => Some(Block { scan, items: None, watermark: None }),
        Rel::Watermark { input, time, watermark } => match input.as_ref() {
            Rel::Scan(scan) => Some(Block { scan, items: None, watermark: Some((*time, watermark)) }),
            Rel::Project { input, items } => match input.as_ref() {
                Rel::Scan(scan) => Some(Block { scan, items: Some(items), watermark: Some((*time, watermark)) }),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

impl Block<'_> {
    /// The columns that are given out, as expressions over the scan's columns.
    fn outputs(&self) -> Vec<(ColId, Expr)> {
        match self.items {
            Some(items) => items.to_vec(),
            None => self.scan.reads.iter().map(|read| (read.id, Expr::Column(read.id))).collect(),
        }
    }

    /// An expression over the outputs as one over the scan's columns.
    fn over_scan(&self, expr: &Expr) -> Expr {
        let outputs = self.outputs();
        expr.clone().replace_columns(&|column| {
            outputs.iter().find(|(id, _)| *id == column).map_or(Expr::Column(column), |(_, expr)| expr.clone())
        })
    }
}

impl SourceGroups {
    /// Notes what a plan reads.
    pub(super) fn collect(&mut self, query: &BoundQuery) {
        self.walk(&query.rel, &query.registry);
    }

    fn walk(&mut self, rel: &Rel, registry: &ColumnRegistry) {
        match block(rel) {
            Some(block) => self.note(&block, registry),
            None => rel.inputs().into_iter().for_each(|input| self.walk(input, registry)),
        }
    }

    fn note(&mut self, block: &Block<'_>, registry: &ColumnRegistry) {
        let index = match self.groups.iter().position(|group| group.serves(block)) {
            Some(index) => index,
            None => {
                self.groups.push(Group {
                    scan: block.scan.clone(),
                    paths: Vec::new(),
                    types: Vec::new(),
                    outputs: Vec::new(),
                    names: Vec::new(),
                    watermark: None,
                    node: None,
                });
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[index];
        for read in &block.scan.reads {
            if !group.paths.contains(&read.path) {
                group.paths.push(read.path.clone());
                group.types.push(registry.ty(read.id));
            }
        }
        for (id, expr) in block.outputs() {
            group.output(canonical(expr, block.scan, &group.paths), registry.name(id));
        }
        if let Some((time, watermark)) = block.watermark {
            let time_expr = canonical(block.over_scan(&Expr::Column(time)), block.scan, &group.paths);
            let watermark = canonical(block.over_scan(watermark), block.scan, &group.paths);
            group.output(time_expr.clone(), registry.name(time));
            group.watermark = Some((time_expr, watermark));
        }
    }
}

impl Group {
    fn serves(&self, block: &Block<'_>) -> bool {
        let (own, other) = (&self.scan, block.scan);
        own.table.name == other.table.name
            && own.table.options == other.table.options
            && own.equals == other.equals
            && own.limit == other.limit
            && self.watermark.is_some() == block.watermark.is_some()
    }

    fn output(&mut self, expr: Expr, name: &str) {
        if !self.outputs.contains(&expr) {
            self.outputs.push(expr);
            self.names.push(name.to_string());
        }
    }

    /// The watermark's specification. May add outputs that its expression needs.
    fn watermark_spec(&mut self, idle_timeout_ms: u64) -> Option<WatermarkSpec> {
        let (time, watermark) = self.watermark.clone()?;
        let column = self.outputs.iter().position(|output| *output == time)?;
        let mut spec = WatermarkSpec { column: column as u32, idle_timeout_ms, ..WatermarkSpec::default() };
        match delay_ms(&time, &watermark) {
            Some(delay_ms) => spec.delay_ms = delay_ms,
            None => {
                for path in watermark.columns() {
                    let name = self.scan.table.path_name(&self.paths[path]);
                    self.output(Expr::Column(path), &name);
                }
                let outputs = &self.outputs;
                let over_outputs = watermark.map_columns(&|path| {
                    outputs.iter().position(|output| *output == Expr::Column(path)).unwrap_or(path)
                });
                spec.expression = over_outputs.to_bytes();
                spec.types = self.output_types().iter().map(SqlType::to_bytes).collect();
            }
        }
        Some(spec)
    }

    fn output_types(&self) -> Vec<SqlType> {
        let ty = |path: usize| self.types.get(path).cloned().unwrap_or(SqlType::NULL);
        self.outputs.iter().map(|output| output.ty(&ty)).collect()
    }
}

/// An expression over a scan's columns as one over paths.
fn canonical(expr: Expr, scan: &Scan, paths: &[Vec<usize>]) -> Expr {
    expr.map_columns(&|column| {
        let path = scan.reads.iter().find(|read| read.id == column).map(|read| &read.path);
        path.and_then(|path| paths.iter().position(|known| known == path)).unwrap_or(column)
    })
}

/// The constant delay of `time - INTERVAL …` or `time`.
fn delay_ms(time: &Expr, watermark: &Expr) -> Option<i64> {
    if watermark == time {
        return Some(0);
    }
    match watermark {
        Expr::Call { function, args, .. } => match (function.as_str(), args.as_slice()) {
            ("-", [left, Expr::Literal(Scalar::Millis(millis), _)]) if left == time => Some(*millis),
            _ => None,
        },
        Expr::Cast { expr, .. } => delay_ms(time, expr),
        _ => None,
    }
}

impl Planner<'_> {
    /// The stream of a table, if the plan is a scan with what belongs to it.
    pub(super) fn source(&mut self, rel: &Rel) -> PlanResult<Option<Stream>> {
        let Some(block) = block(rel) else { return Ok(None) };
        let lost = || PlanError::defect("the planner has lost a table of the job; please report it");
        let index = self.sources.groups.iter().position(|group| group.serves(&block)).ok_or_else(lost)?;
        let node = match self.sources.groups[index].node {
            Some(node) => node,
            None => self.make_source(index)?,
        };
        let group = &self.sources.groups[index];
        let mut columns: Vec<Option<ColId>> = vec![None; group.outputs.len()];
        for (id, expr) in block.outputs() {
            let wanted = canonical(expr, block.scan, &group.paths);
            let place = group.outputs.iter().position(|output| *output == wanted).ok_or_else(lost)?;
            columns[place].get_or_insert(id);
        }
        let types = group.output_types().iter().map(SqlType::to_bytes).collect();
        let stream = Stream { nodes: vec![node], columns, types, changes: ChangelogMode::INSERT_ONLY };
        self.repeated_columns(stream, &block).map(Some)
    }

    /// Where two of a block's columns are the same value, the second is a copy of the first.
    fn repeated_columns(&mut self, stream: Stream, block: &Block<'_>) -> PlanResult<Stream> {
        let outputs = block.outputs();
        if outputs.iter().all(|(id, _)| stream.columns.contains(&Some(*id))) {
            return Ok(stream);
        }
        let items: Vec<(ColId, Expr)> = outputs
            .iter()
            .map(|(id, expr)| {
                let first = outputs.iter().find(|(_, other)| other == expr).map_or(*id, |(first, _)| *first);
                (*id, Expr::Column(first))
            })
            .collect();
        self.calc_over(stream, None, &items, block.watermark.map(|(time, _)| time))
    }

    fn make_source(&mut self, index: usize) -> PlanResult<usize> {
        let cx = self.cx;
        let group = &mut self.sources.groups[index];
        let table = group.scan.table.clone();
        let span = group.scan.span;
        let place = |failure: Failure| PlanError::of_table(failure, &table, span);
        let idle = idle_timeout_ms(&table.options, cx.config).map_err(place)?;
        let watermark = group.watermark_spec(idle);
        let reads: Vec<ScanColumn> = group.paths.iter().map(|path| ScanColumn { id: 0, path: path.clone() }).collect();
        let request = Scan { reads, ..group.scan.clone() }.request();
        let spec = table.read_spec(options::time_zone(cx.config));
        let plan =
            cx.connectors.of(&spec).and_then(|connector| connector.plan_source(&spec, &request)).map_err(place)?;
        let plain = group.outputs.len() == group.paths.len()
            && group.outputs.iter().enumerate().all(|(position, output)| *output == Expr::Column(position));
        let read = ReadStage {
            project: if plain { Vec::new() } else { group.outputs.iter().map(Expr::to_bytes).collect() },
            types: group.types.iter().map(SqlType::to_bytes).collect(),
            watermark,
        };
        let name = &table.name.object;
        let mut text = format!("TableSourceScan(table=[[{}]], fields=[{}]", table.name, group.names.join(", "));
        if let Some((time, expr)) = &group.watermark {
            let names: Vec<String> = group.paths.iter().map(|path| table.path_name(path)).collect();
            let show = |expr: &Expr| tidemill_expr::display::display_over(expr, &names, &group.types);
            let column = group.outputs.iter().position(|output| output == time).and_then(|at| group.names.get(at));
            let shown = match delay_ms(time, expr) {
                Some(ms) => format!("{} - {ms} ms", column.map_or("?", String::as_str)),
                None => show(expr),
            };
            text.push_str(&format!(", watermark=[{shown}]"));
        }
        if !group.scan.equals.is_empty() {
            let equals = group.scan.equals.iter().map(|(path, value)| format!("{} = {value}", table.path_name(path)));
            text.push_str(&format!(", filter=[{}]", equals.collect::<Vec<_>>().join(", ")));
        }
        if let Some(limit) = group.scan.limit {
            text.push_str(&format!(", limit=[{limit}]"));
        }
        text.push(')');
        let draft = Draft {
            name: format!("Source: {name}"),
            role: Role::Source,
            shareable: false,
            kind: plan.kind,
            config: plan.config,
            read: Some(read),
            write: None,
            place: Place { may_block: false, parallelism: plan.parallelism },
            text: NodeText { text, changelog: Some(ChangelogMode::INSERT_ONLY) },
        };
        let node = self.graph.add(draft, Vec::new());
        self.sources.groups[index].node = Some(node);
        Ok(node)
    }
}

/// The table's own timeout, else the session's.
fn idle_timeout_ms(table: &Configuration, session: &Configuration) -> Result<u64> {
    let own = table.raw(options::IDLE_TIMEOUT.key).is_some();
    let timeout =
        if own { table.duration(&options::IDLE_TIMEOUT)? } else { session.duration(&options::IDLE_TIMEOUT)? };
    Ok(timeout.map_or(0, |timeout| timeout.as_millis() as u64))
}
