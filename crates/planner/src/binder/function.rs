//! Calls by name: scalar functions, and aggregate functions where they may stand.

use tidemill_expr::Expr;
use tidemill_sql_parser::ast::{ArgValue, FunctionArg, FunctionCall, SetQuantifier};

use super::Binder;
use super::aggregate::BoundCall;
use super::expr::ExprCx;
use crate::error::{PlanError, PlanResult, neighbours};

/// Functions of FROM's TABLE(…).
const WINDOW_FUNCTIONS: [&str; 4] = ["TUMBLE", "HOP", "CUMULATE", "SESSION"];

/// Functions of Flink that are not there yet.
const NOT_YET: [&str; 46] = [
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "COLLECT",
    "CUME_DIST",
    "DECODE",
    "DENSE_RANK",
    "ENCODE",
    "GROUPING",
    "GROUPING_ID",
    "GROUP_ID",
    "HASH_CODE",
    "JSON_ARRAY",
    "JSON_ARRAYAGG",
    "JSON_EXISTS",
    "JSON_LENGTH",
    "JSON_OBJECT",
    "JSON_OBJECTAGG",
    "JSON_QUERY",
    "JSON_QUOTE",
    "JSON_STRING",
    "JSON_UNQUOTE",
    "JSON_VALUE",
    "LAG",
    "LEAD",
    "MAP_ENTRIES",
    "MAP_UNION",
    "MD5",
    "NTILE",
    "OBJECT_OF",
    "PARSE_JSON",
    "PARSE_URL",
    "PERCENTILE",
    "PERCENT_RANK",
    "PRINTF",
    "RANK",
    "ROW_NUMBER",
    "SHA1",
    "SHA2",
    "SHA224",
    "SHA256",
    "SHA384",
    "SHA512",
    "SOURCE_WATERMARK",
    "TRY_PARSE_JSON",
    "URL_DECODE",
    "URL_ENCODE",
];

impl Binder<'_> {
    pub(super) fn function(&mut self, call: &FunctionCall, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let unsupported = |text: &str| Err(PlanError::unsupported(call.span, text));
        if call.name.parts.len() > 1 {
            let text = format!("function '{}' does not exist", call.name);
            return Err(PlanError::new("sql.function", call.name.span, text).help("there are only built-in functions"));
        }
        let name = call.name.last();
        if call.over.is_some() {
            return unsupported("OVER is not supported yet");
        }
        if !call.order_by.is_empty() || !call.within_group.is_empty() {
            return unsupported("an order within an aggregate function is not supported yet");
        }
        if call.null_treatment.is_some() {
            return unsupported("IGNORE NULLS and RESPECT NULLS are not supported yet");
        }
        if self.functions.aggregate(name).is_some() {
            return self.aggregate_call(call, cx);
        }
        if call.quantifier.is_some() || call.filter.is_some() {
            let text =
                format!("{} is no aggregate function, so it takes neither DISTINCT nor FILTER", name.to_uppercase());
            return Err(PlanError::new("sql.call", call.span, text));
        }
        if self.functions.scalar(name).is_none() {
            return Err(self.unknown_function(call));
        }
        let args: Vec<Expr> = call.args.iter().map(|arg| self.argument(arg, cx)).collect::<PlanResult<_>>()?;
        self.call(name, args, call.span)
    }

    fn argument(&mut self, arg: &FunctionArg, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        if let Some(name) = &arg.name {
            let text = "this function takes its arguments by position";
            return Err(PlanError::new("sql.call", name.span, text).help("leave out the name and =>"));
        }
        match &arg.value {
            ArgValue::Expr(expr) => self.expr(expr, cx),
            ArgValue::Wildcard => Err(PlanError::new("sql.call", arg.span, "'*' can stand in COUNT(*) only")),
            ArgValue::Table(_) | ArgValue::Descriptor(_) | ArgValue::Default => {
                Err(PlanError::new("sql.call", arg.span, "this can be passed to table functions only"))
            }
        }
    }

    fn unknown_function(&self, call: &FunctionCall) -> PlanError {
        let name = call.name.last();
        let error = PlanError::new(
            "sql.function",
            call.name.span,
            format!("function '{}' does not exist", name.to_uppercase()),
        );
        if WINDOW_FUNCTIONS.iter().any(|window| call.is(window)) {
            return error.help(format!(
                "windows stand in FROM: FROM TABLE({}(TABLE t, DESCRIPTOR(time), INTERVAL '1' HOUR))",
                name.to_uppercase()
            ));
        }
        if NOT_YET.iter().any(|known| call.is(known)) {
            let text = format!("the function {} is not supported yet", name.to_uppercase());
            return PlanError::unsupported(call.name.span, text).help("SHOW FUNCTIONS lists those that are");
        }
        let names = self.functions.function_names();
        // All of them would be a page: the nearest will do.
        let lower = name.to_lowercase();
        let mut near: Vec<&String> = names.iter().collect();
        near.sort_by_key(|known| (tidemill_core::options::edit_distance(&lower, known), known.to_string()));
        near.truncate(8);
        let near = near.into_iter().map(String::as_str);
        error.help(format!("{}; SHOW FUNCTIONS lists all", neighbours(name, near, "nearest functions")))
    }

    fn aggregate_call(&mut self, call: &FunctionCall, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let name = call.name.last();
        let Some(aggregates) = cx.aggregates.take() else {
            let text = format!("{} is an aggregate function, which cannot stand in {}", name.to_uppercase(), cx.clause);
            return Err(PlanError::new("sql.aggregate", call.span, text));
        };
        // Arguments and filter see the rows, not the groups: no aggregates there, and their columns need no GROUP BY.
        let mut inner = ExprCx { scope: cx.scope, aggregates: None, clause: "an aggregate function", uses: Vec::new() };
        let result = self.aggregate_parts(call, &mut inner);
        let result = result.map(|bound| aggregates.add(bound, &mut self.registry));
        cx.aggregates = Some(aggregates);
        result.map(Expr::Column)
    }

    fn aggregate_parts(&mut self, call: &FunctionCall, cx: &mut ExprCx<'_>) -> PlanResult<BoundCall> {
        let name = call.name.last();
        let mut args = Vec::new();
        let mut distinct = call.quantifier == Some(SetQuantifier::Distinct);
        match call.args.as_slice() {
            [FunctionArg { value: ArgValue::Wildcard, .. }] if name.eq_ignore_ascii_case("COUNT") && !distinct => {}
            given => {
                for arg in given {
                    let bound = self.argument(arg, cx)?;
                    let ty = self.ty(&bound);
                    args.push((bound, ty));
                }
                if args.is_empty() {
                    let text = format!("{} needs an argument", name.to_uppercase());
                    return Err(PlanError::new("sql.call", call.span, text));
                }
            }
        }
        let mut bound =
            self.functions.aggregate_call(name, args).map_err(|text| PlanError::new("sql.call", call.span, text))?;
        if let Some(function) = self.functions.aggregate(name) {
            distinct &= !function.ignores_distinct();
        }
        // A value that cannot be NULL is counted like a row.
        if bound.function == "COUNT" && !distinct && bound.arg_types.iter().all(|ty| !ty.nullable) {
            bound.args.clear();
        }
        let filter = call
            .filter
            .as_ref()
            .map(|filter| {
                cx.clause = "FILTER";
                self.boolean(filter, cx)
            })
            .transpose()?;
        Ok(BoundCall { function: bound.function, args: bound.args, filter, distinct, ty: bound.ty, span: call.span })
    }
}
