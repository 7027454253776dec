//! Window table functions: TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), INTERVAL …)) and HOP, CUMULATE, SESSION.

use tidemill_expr::TypeKind;
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{ArgValue, ExprKind, FunctionArg, FunctionCall, Ident, TableArg, TableArgSource};

use super::query::interval_ms;
use super::scope::Scope;
use super::select::table_arg;
use super::{Binder, Bound, Env, OutputColumn};
use crate::error::{PlanError, PlanResult, neighbours};
use crate::rel::{Rel, Window, WindowTime, WindowTvf};
use crate::traits::{TimeKind, time_attributes};

/// Parameters in order, with the names they can be passed by. `OFFSET` may be left out.
const TUMBLE: [&str; 4] = ["DATA", "TIMECOL", "SIZE", "OFFSET"];
const HOP: [&str; 5] = ["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"];
const CUMULATE: [&str; 5] = ["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"];
const SESSION: [&str; 3] = ["DATA", "TIMECOL", "GAP"];

/// The arguments of a call by parameter.
struct Args<'q> {
    call: &'q FunctionCall,
    by_parameter: Vec<(&'static str, &'q FunctionArg)>,
}

impl Binder<'_> {
    /// A table function of FROM.
    pub(super) fn window_function<'q>(&mut self, call: &'q FunctionCall, env: &Env<'q>) -> PlanResult<Bound> {
        let parameters: &[&'static str] = match call.name.last().to_uppercase().as_str() {
            "TUMBLE" => &TUMBLE,
            "HOP" => &HOP,
            "CUMULATE" => &CUMULATE,
            "SESSION" => &SESSION,
            name => {
                let text = format!("there is no table function '{name}'");
                return Err(PlanError::new("sql.function", call.name.span, text)
                    .help("the table functions are TUMBLE, HOP, CUMULATE, SESSION"));
            }
        };
        let args = Args::new(call, parameters)?;
        let data = args.required("DATA")?;
        let Some(data) = table_arg(data) else {
            return Err(
                PlanError::new("sql.call", data.span, "the first argument must be a table").help("write TABLE t")
            );
        };
        let input = match &data.source {
            TableArgSource::Name(name) => self.named(name, &[], env)?,
            TableArgSource::Query(query) => self.query(query, env)?,
        };
        if !data.order_by.is_empty() {
            return Err(
                PlanError::unsupported(data.span, "ORDER BY is not possible here").help("windows are ordered by time")
            );
        }
        let window = self.window(call, &args)?;
        let partition_by = self.partition_by(data, &input, window)?;
        let time = self.window_time(args.required("TIMECOL")?, &input)?;
        Ok(self.attach(input, window, time, partition_by, call.span))
    }

    fn attach(
        &mut self,
        input: Bound,
        window: Window,
        time: WindowTime,
        partition_by: Vec<usize>,
        span: Span,
    ) -> Bound {
        let time_ty = match time {
            WindowTime::Column(column) => self.registry.ty(column).not_null(),
            WindowTime::Processing => TypeKind::TimestampLtz(3).not_null(),
        };
        let bound_ty = TypeKind::Timestamp(3).not_null();
        let start = self.registry.computed("window_start", bound_ty.clone(), Some(span));
        let end = self.registry.computed("window_end", bound_ty, Some(span));
        let window_time = self.registry.computed("window_time", time_ty, Some(span));
        let mut outputs = input.outputs;
        for id in [start, end, window_time] {
            outputs.push(OutputColumn { name: self.registry.name(id).to_string(), id, span });
        }
        let input = Box::new(input.rel);
        let rel = Rel::WindowTvf(WindowTvf { input, window, time, partition_by, start, end, window_time, span });
        Bound { rel, outputs }
    }

    fn window(&mut self, call: &FunctionCall, args: &Args<'_>) -> PlanResult<Window> {
        let positive = |ms: i64, arg: &FunctionArg| {
            if ms > 0 {
                Ok(ms)
            } else {
                Err(PlanError::new("sql.window", arg.span, "the interval must be longer than nothing"))
            }
        };
        let mut length = |name: &'static str| {
            let arg = args.required(name)?;
            positive(self.interval(arg)?, arg)
        };
        let first = if call.is("SESSION") { length("GAP")? } else { length("SIZE")? };
        let step = match () {
            () if call.is("HOP") => length("SLIDE")?,
            () if call.is("CUMULATE") => length("STEP")?,
            () => 0,
        };
        let offset_ms = args.get("OFFSET").map(|arg| self.interval(arg)).transpose()?.unwrap_or(0);
        if step > 0 && first % step != 0 {
            let (word, param) = if call.is("HOP") { ("slide", "SLIDE") } else { ("step", "STEP") };
            let text = format!("the size ({first} ms) must be a multiple of the {word} ({step} ms)");
            return Err(PlanError::new("sql.window", args.required(param)?.span, text));
        }
        Ok(match () {
            () if call.is("TUMBLE") => Window::Tumble { size_ms: first, offset_ms },
            () if call.is("HOP") => Window::Hop { size_ms: first, slide_ms: step, offset_ms },
            () if call.is("CUMULATE") => Window::Cumulate { size_ms: first, step_ms: step, offset_ms },
            () => Window::Session { gap_ms: first },
        })
    }

    fn interval(&mut self, arg: &FunctionArg) -> PlanResult<i64> {
        let wrong = || {
            PlanError::new("sql.window", arg.span, "this must be an interval of days to seconds")
                .help("write INTERVAL '10' MINUTE")
        };
        let ArgValue::Expr(expr) = &arg.value else { return Err(wrong()) };
        let bound = self.scalar(expr, &Scope::default(), "a window's interval")?;
        interval_ms(&bound).ok_or_else(wrong)
    }

    fn partition_by(&mut self, data: &TableArg, input: &Bound, window: Window) -> PlanResult<Vec<usize>> {
        if !data.partition_by.is_empty() && !matches!(window, Window::Session { .. }) {
            return Err(PlanError::new("sql.window", data.span, "PARTITION BY is possible with SESSION only")
                .help("group by the column instead"));
        }
        let mut columns = Vec::with_capacity(data.partition_by.len());
        for expr in &data.partition_by {
            let ExprKind::Column(parts) = &expr.kind else {
                return Err(PlanError::new("sql.window", expr.span, "PARTITION BY takes columns")
                    .help("compute it in a view or a subquery first"));
            };
            let [name] = parts.as_slice() else {
                return Err(PlanError::new("sql.window", expr.span, "PARTITION BY takes columns of the table alone"));
            };
            columns.push(output_named(input, name)?.id);
        }
        Ok(columns)
    }

    fn window_time(&mut self, arg: &FunctionArg, input: &Bound) -> PlanResult<WindowTime> {
        let wrong =
            || PlanError::new("sql.window", arg.span, "this must name the time column").help("write DESCRIPTOR(time)");
        let ArgValue::Descriptor(names) = &arg.value else { return Err(wrong()) };
        let [name] = names.as_slice() else { return Err(wrong()) };
        let output = output_named(input, name)?;
        let ty = self.registry.ty(output.id);
        let attributes = time_attributes(&input.rel);
        if attributes.get(&output.id) == Some(&TimeKind::Processing) {
            return Ok(WindowTime::Processing);
        }
        if !matches!(ty.kind, TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3)) {
            let text = format!(
                "windows need a time column of type TIMESTAMP(3) or TIMESTAMP_LTZ(3), but '{}' is {}",
                name.value, ty.kind
            );
            return Err(PlanError::new("sql.window", name.span, text).help("CAST it where the table is read"));
        }
        if !self.batch && attributes.get(&output.id) != Some(&TimeKind::Event) {
            let text = format!("'{}' is no event time here", name.value);
            let known: Vec<&str> = input
                .outputs
                .iter()
                .filter(|output| attributes.contains_key(&output.id))
                .map(|output| output.name.as_str())
                .collect();
            let help = if known.is_empty() {
                format!(
                    "declare WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND in the table, and hand the column on unchanged",
                    name.value
                )
            } else {
                neighbours(&name.value, known, "time columns")
            };
            return Err(PlanError::new("sql.window", name.span, text).help(help));
        }
        Ok(WindowTime::Column(output.id))
    }
}

fn output_named<'b>(input: &'b Bound, name: &Ident) -> PlanResult<&'b OutputColumn> {
    input.outputs.iter().find(|output| output.name == name.value).ok_or_else(|| {
        let names = input.outputs.iter().map(|output| output.name.as_str());
        PlanError::new("sql.column", name.span, format!("column '{}' does not exist", name.value)).help(neighbours(
            &name.value,
            names,
            "columns",
        ))
    })
}

impl<'q> Args<'q> {
    fn new(call: &'q FunctionCall, parameters: &[&'static str]) -> PlanResult<Args<'q>> {
        let mut by_parameter: Vec<(&'static str, &FunctionArg)> = Vec::new();
        for (position, arg) in call.args.iter().enumerate() {
            let parameter = match &arg.name {
                Some(name) => parameters.iter().find(|parameter| name.value.eq_ignore_ascii_case(parameter)),
                None => parameters.get(position),
            };
            let Some(parameter) = parameter else {
                let text = format!("{} has the parameters {}", call.name.last().to_uppercase(), parameters.join(", "));
                return Err(PlanError::new("sql.call", arg.span, text));
            };
            if by_parameter.iter().any(|(known, _)| known == parameter) {
                return Err(PlanError::new("sql.call", arg.span, format!("{parameter} is passed twice")));
            }
            by_parameter.push((parameter, arg));
        }
        Ok(Args { call, by_parameter })
    }

    fn get(&self, parameter: &str) -> Option<&'q FunctionArg> {
        self.by_parameter.iter().find(|(known, _)| *known == parameter).map(|(_, arg)| *arg)
    }

    fn required(&self, parameter: &str) -> PlanResult<&'q FunctionArg> {
        self.get(parameter).ok_or_else(|| {
            let name = self.call.name.last().to_uppercase();
            let example = match name.as_str() {
                "TUMBLE" => "TUMBLE(TABLE t, DESCRIPTOR(time), INTERVAL '1' HOUR)",
                "HOP" => "HOP(TABLE t, DESCRIPTOR(time), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)",
                "CUMULATE" => "CUMULATE(TABLE t, DESCRIPTOR(time), INTERVAL '1' HOUR, INTERVAL '1' DAY)",
                _ => "SESSION(TABLE t PARTITION BY key, DESCRIPTOR(time), INTERVAL '10' MINUTE)",
            };
            PlanError::new("sql.call", self.call.span, format!("{name} needs {parameter}"))
                .help(format!("write {example}"))
        })
    }
}
