//! A plan as an indented tree, in the manner of Flink's EXPLAIN.

use std::fmt::{self, Write};

use super::{ColId, ColumnRegistry, Rel, Window, WindowTime};

/// The tree of a plan, a node a line.
pub fn explain(rel: &Rel, registry: &ColumnRegistry) -> String {
    let mut out = String::new();
    write_tree(rel, registry, "", "", &mut out);
    out
}

fn write_tree(rel: &Rel, registry: &ColumnRegistry, lead: &str, below: &str, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{lead}{}", line(rel, registry));
    let inputs = rel.inputs();
    for (i, input) in inputs.iter().enumerate() {
        let last = i + 1 == inputs.len();
        let (lead, next) = if last { ("+- ", "   ") } else { (":- ", ":  ") };
        write_tree(input, registry, &format!("{below}{lead}"), &format!("{below}{next}"), out);
    }
}

/// Columns as `a, b`.
pub(crate) fn names(registry: &ColumnRegistry, columns: &[ColId]) -> String {
    columns.iter().map(|column| registry.name(*column)).collect::<Vec<_>>().join(", ")
}

fn line(rel: &Rel, registry: &ColumnRegistry) -> String {
    match rel {
        Rel::Scan(scan) => {
            let columns: Vec<String> = scan.reads.iter().map(|read| scan.table.path_name(&read.path)).collect();
            let mut text = format!("TableScan(table=[[{}]], fields=[{}]", scan.table.name, columns.join(", "));
            if !scan.equals.is_empty() {
                let equals: Vec<String> = scan
                    .equals
                    .iter()
                    .map(|(path, value)| format!("{} = {value}", scan.table.path_name(path)))
                    .collect();
                let _ = write!(text, ", filter=[{}]", equals.join(", "));
            }
            if let Some(limit) = scan.limit {
                let _ = write!(text, ", limit=[{limit}]");
            }
            text.push(')');
            text
        }
        Rel::Values { rows, columns } => {
            let rows: Vec<String> = rows
                .iter()
                .map(|row| {
                    format!("{{ {} }}", row.iter().map(|cell| registry.show(cell)).collect::<Vec<_>>().join(", "))
                })
                .collect();
            format!("Values(fields=[{}], tuples=[[{}]])", names(registry, columns), rows.join(", "))
        }
        Rel::Watermark { time, watermark, .. } => {
            format!("WatermarkAssigner(rowtime=[{}], watermark=[{}])", registry.name(*time), registry.show(watermark))
        }
        Rel::Filter { predicate, .. } => format!("Filter(condition=[{}])", registry.show(predicate)),
        Rel::Project { items, .. } => {
            let items: Vec<String> = items
                .iter()
                .map(|(id, expr)| {
                    let (name, text) = (registry.name(*id), registry.show(expr));
                    if name == text { text } else { format!("{text} AS {name}") }
                })
                .collect();
            format!("Project(select=[{}])", items.join(", "))
        }
        Rel::WindowTvf(tvf) => {
            let mut text = format!("WindowTableFunction(window=[{}", tvf.window);
            match tvf.time {
                WindowTime::Column(time) => {
                    let _ = write!(text, "], time_col=[{}]", registry.name(time));
                }
                WindowTime::Processing => text.push_str("], time_col=[PROCTIME()]"),
            }
            if !tvf.partition_by.is_empty() {
                let _ = write!(text, ", partition keys=[{}]", names(registry, &tvf.partition_by));
            }
            text.push(')');
            text
        }
        Rel::Aggregate { keys, calls, .. } => {
            let calls: Vec<String> = calls.iter().map(|call| call_text(call, registry)).collect();
            format!("Aggregate(groupBy=[{}], select=[{}])", names(registry, keys), calls.join(", "))
        }
        Rel::Union { columns, .. } => format!("Union(all=[true], union=[{}])", names(registry, columns)),
        Rel::Join { kind, condition, .. } => {
            format!("Join(joinType=[{}], where=[{}])", kind.words(), registry.show(condition))
        }
        Rel::Sort { keys, .. } => {
            let keys: Vec<String> = keys
                .iter()
                .map(|key| format!("{} {}", registry.name(key.column), if key.descending { "DESC" } else { "ASC" }))
                .collect();
            format!("Sort(orderBy=[{}])", keys.join(", "))
        }
        Rel::Limit { offset, fetch, .. } => {
            let fetch = fetch.map_or("unlimited".to_string(), |rows| rows.to_string());
            format!("Limit(offset=[{offset}], fetch=[{fetch}])")
        }
    }
}

/// A call as `COUNT(DISTINCT a) FILTER b AS c`.
pub(crate) fn call_text(call: &super::AggregateItem, registry: &ColumnRegistry) -> String {
    let args = if call.args.is_empty() { "*".to_string() } else { names(registry, &call.args) };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let filter = call.filter.map(|filter| format!(" FILTER {}", registry.name(filter))).unwrap_or_default();
    format!("{}({distinct}{args}){filter} AS {}", call.function, registry.name(call.id))
}

/// As in Flink's plans: `TUMBLE(size=[1 h])`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = match self {
            Window::Tumble { size_ms, offset_ms } => {
                write!(f, "TUMBLE(size=[{}]", duration(*size_ms))?;
                *offset_ms
            }
            Window::Hop { size_ms, slide_ms, offset_ms } => {
                write!(f, "HOP(size=[{}], slide=[{}]", duration(*size_ms), duration(*slide_ms))?;
                *offset_ms
            }
            Window::Cumulate { size_ms, step_ms, offset_ms } => {
                write!(f, "CUMULATE(max_size=[{}], step=[{}]", duration(*size_ms), duration(*step_ms))?;
                *offset_ms
            }
            Window::Session { gap_ms } => {
                write!(f, "SESSION(gap=[{}]", duration(*gap_ms))?;
                0
            }
        };
        if offset != 0 {
            write!(f, ", offset=[{}]", duration(offset))?;
        }
        f.write_str(")")
    }
}

/// Milliseconds in the largest unit that divides them: `10 s`.
fn duration(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let unit = UNITS.iter().find(|(length, _)| ms % length == 0);
    unit.map_or_else(|| format!("{ms} ms"), |(length, name)| format!("{} {name}", ms / length))
}
