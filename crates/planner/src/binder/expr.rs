//! Expressions: operators, CASE, casts, fields. Calls by name are in `function`.

use tidemill_expr::{Expr, Scalar, SqlType, TypeKind};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{self, BinaryOp, ExprKind, IsTest, LikeKind, TrimSide, UnaryOp, WhenThen};

use super::Binder;
use super::aggregate::Aggregates;
use super::data_type::bind_type;
use super::literal::bind_literal;
use super::scope::{Scope, field_of};
use crate::error::{PlanError, PlanResult};
use crate::rel::ColId;

/// The clause of a table's computed column.
pub(super) const COMPUTED_COLUMN: &str = "a computed column";

/// The place an expression stands at.
pub(super) struct ExprCx<'c> {
    /// What its names mean.
    pub(super) scope: &'c Scope<'c>,
    /// Where calls of aggregate functions are collected; none where there may be none.
    pub(super) aggregates: Option<&'c mut Aggregates>,
    /// The clause, for messages: `WHERE`, `a computed column`.
    pub(super) clause: &'static str,
    /// Every column that was named, with its place.
    pub(super) uses: Vec<(ColId, Span)>,
}

impl Binder<'_> {
    /// An expression without aggregates.
    pub(super) fn scalar(&mut self, expr: &ast::Expr, scope: &Scope<'_>, clause: &'static str) -> PlanResult<Expr> {
        let mut cx = ExprCx { scope, aggregates: None, clause, uses: Vec::new() };
        self.expr(expr, &mut cx)
    }

    /// A condition without aggregates.
    pub(super) fn condition(&mut self, expr: &ast::Expr, scope: &Scope<'_>, clause: &'static str) -> PlanResult<Expr> {
        let mut cx = ExprCx { scope, aggregates: None, clause, uses: Vec::new() };
        self.boolean(expr, &mut cx)
    }

    /// An expression that must be a truth value.
    pub(super) fn boolean(&mut self, expr: &ast::Expr, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let bound = self.expr(expr, cx)?;
        match self.ty(&bound).kind {
            TypeKind::Boolean => Ok(bound),
            TypeKind::Null => Ok(Expr::null(SqlType::BOOLEAN)),
            kind => {
                let text = format!("{} needs a condition (BOOLEAN), but this is of type {kind}", cx.clause);
                Err(PlanError::new("sql.type", expr.span, text))
            }
        }
    }

    /// Any expression.
    pub(super) fn expr(&mut self, expr: &ast::Expr, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let bound = self.unplaced(expr, cx)?;
        self.registry.place(&bound, expr.span);
        Ok(bound)
    }

    fn unplaced(&mut self, expr: &ast::Expr, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Literal(literal) => bind_literal(literal, span, self.time_zone),
            ExprKind::Column(parts) => {
                let (expr, id) = cx.scope.resolve(parts, span, &self.registry)?;
                cx.uses.push((id, span));
                Ok(expr)
            }
            ExprKind::Field { base, field } => {
                let base = self.expr(base, cx)?;
                field_of(base, field, &self.registry)
            }
            ExprKind::Item { base, index } => {
                let args = vec![self.expr(base, cx)?, self.expr(index, cx)?];
                self.call("ITEM", args, span)
            }
            ExprKind::Unary { op, operand } => self.signed(*op, operand, span, cx),
            ExprKind::Binary { left, op, right } => {
                let mut args = vec![self.expr(left, cx)?, self.expr(right, cx)?];
                // Hours make a TIMESTAMP of a DATE, however many they are: the unit decides.
                for (moved, step) in [(0, right), (1, left)] {
                    if matches!(op, BinaryOp::Plus | BinaryOp::Minus)
                        && is_shorter_than_a_day(step)
                        && self.ty(&args[moved]).kind == TypeKind::Date
                    {
                        let nullable = self.ty(&args[moved]).nullable;
                        let to = TypeKind::Timestamp(3).with_null(nullable);
                        args[moved] = self.cast(args[moved].clone(), &to, span)?;
                    }
                }
                self.call(binary_name(*op, span)?, args, span)
            }
            ExprKind::And(parts) => self.connect("AND", parts, span, cx),
            ExprKind::Or(parts) => self.connect("OR", parts, span, cx),
            ExprKind::Not(operand) => {
                let operand = self.boolean(operand, cx)?;
                self.call("NOT", vec![operand], span)
            }
            ExprKind::Is { operand, test, negated } => {
                let operand = self.expr(operand, cx)?;
                self.call(is_name(*test, *negated), vec![operand], span)
            }
            ExprKind::IsDistinctFrom { left, right, negated } => {
                let args = vec![self.expr(left, cx)?, self.expr(right, cx)?];
                self.call(if *negated { "IS NOT DISTINCT FROM" } else { "IS DISTINCT FROM" }, args, span)
            }
            ExprKind::Between { operand, low, high, negated, symmetric } => {
                let operand = self.expr(operand, cx)?;
                let (low, high) = (self.expr(low, cx)?, self.expr(high, cx)?);
                self.between(operand, low, high, *negated, *symmetric, span)
            }
            ExprKind::Like { operand, pattern, escape, kind, negated } => {
                let mut args = vec![self.expr(operand, cx)?, self.expr(pattern, cx)?];
                if let Some(escape) = escape {
                    args.push(self.expr(escape, cx)?);
                }
                let name = if *kind == LikeKind::Like { "LIKE" } else { "SIMILAR TO" };
                let like = self.call(name, args, span)?;
                self.maybe_not(like, *negated, span)
            }
            ExprKind::InList { operand, list, negated } => {
                let operand = self.expr(operand, cx)?;
                let list: Vec<Expr> = list.iter().map(|item| self.expr(item, cx)).collect::<PlanResult<_>>()?;
                let test = self.in_list(operand, list, span)?;
                self.maybe_not(test, *negated, span)
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), span, cx)
            }
            ExprKind::Cast { operand, data_type, safe } => {
                let bound = self.expr(operand, cx)?;
                let to = bind_type(data_type)?;
                let from = self.ty(&bound);
                let cast = self.functions.written_cast(bound, &from, &to, *safe);
                cast.map_err(|text| PlanError::new("sql.cast", span, text))
            }
            ExprKind::Extract { unit, operand } => {
                let operand = self.expr(operand, cx)?;
                self.call("EXTRACT", vec![Expr::string(&unit.to_string()), operand], span)
            }
            ExprKind::FloorTo { operand, unit } => {
                let operand = self.expr(operand, cx)?;
                self.call("FLOOR", vec![operand, Expr::string(&unit.to_string())], span)
            }
            ExprKind::CeilTo { operand, unit } => {
                let operand = self.expr(operand, cx)?;
                self.call("CEIL", vec![operand, Expr::string(&unit.to_string())], span)
            }
            ExprKind::Trim { side, characters, operand } => {
                let operand = self.expr(operand, cx)?;
                let name = match side {
                    TrimSide::Both => "TRIM",
                    TrimSide::Leading => "LTRIM",
                    TrimSide::Trailing => "RTRIM",
                };
                let mut args = vec![operand];
                if let Some(characters) = characters {
                    args.push(self.expr(characters, cx)?);
                }
                self.call(name, args, span)
            }
            ExprKind::Function(call) => self.function(call, cx),
            ExprKind::Array(items) => {
                let items: Vec<Expr> = items.iter().map(|item| self.expr(item, cx)).collect::<PlanResult<_>>()?;
                self.call("ARRAY", items, span)
            }
            ExprKind::Map(entries) => {
                let mut args = Vec::with_capacity(entries.len() * 2);
                for (key, value) in entries {
                    args.push(self.expr(key, cx)?);
                    args.push(self.expr(value, cx)?);
                }
                self.call("MAP", args, span)
            }
            ExprKind::Row(items) => {
                let items: Vec<Expr> = items.iter().map(|item| self.expr(item, cx)).collect::<PlanResult<_>>()?;
                self.call("ROW", items, span)
            }
            ExprKind::TimeUnit(unit) => Ok(Expr::string(&unit.to_string())),
            ExprKind::InSubquery { .. }
            | ExprKind::QuantifiedComparison { .. }
            | ExprKind::Exists(_)
            | ExprKind::Subquery(_) => {
                if cx.clause == COMPUTED_COLUMN {
                    let text = "a subquery can never stand in a computed column: it is computed from the row alone";
                    return Err(PlanError::new("sql.create", span, text).help("make a view over the table for it"));
                }
                Err(PlanError::unsupported(span, "a subquery cannot stand here yet").help("write the query as a join"))
            }
        }
    }

    fn signed(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let operand = self.expr(operand, cx)?;
        match (op, operand) {
            (UnaryOp::Minus, Expr::Literal(value, ty)) => Ok(match value {
                // The one INT whose digits alone are a BIGINT.
                Scalar::Int(2_147_483_648) => Expr::int(i32::MIN),
                // The smallest number of a type has no opposite: NEGATE wraps it as any other value.
                Scalar::Int(number) if number != i64::MIN && number != i64::from(i32::MIN) => {
                    Expr::literal(Scalar::Int(-number), ty)
                }
                Scalar::Double(number) => Expr::literal(Scalar::Double(-number), ty),
                Scalar::Decimal { value, scale } if scale == 0 && value == -i128::from(i64::MIN) => {
                    Expr::bigint(i64::MIN)
                }
                Scalar::Decimal { value, scale } => Expr::literal(Scalar::Decimal { value: -value, scale }, ty),
                Scalar::Millis(millis) => Expr::literal(Scalar::Millis(millis.wrapping_neg()), ty),
                Scalar::Months(months) => Expr::literal(Scalar::Months(months.wrapping_neg()), ty),
                other => return self.call("NEGATE", vec![Expr::Literal(other, ty)], span),
            }),
            (UnaryOp::Minus, operand) => self.call("NEGATE", vec![operand], span),
            (UnaryOp::Plus, operand) => match self.ty(&operand).kind {
                kind if kind.is_numeric() || kind.is_interval() => Ok(operand),
                kind => {
                    Err(PlanError::new("sql.type", span, format!("'+' needs a number, but this is of type {kind}")))
                }
            },
        }
    }

    fn connect(&mut self, name: &str, parts: &[ast::Expr], span: Span, cx: &mut ExprCx<'_>) -> PlanResult<Expr> {
        let clause = std::mem::replace(&mut cx.clause, if name == "AND" { "AND" } else { "OR" });
        let parts: PlanResult<Vec<Expr>> = parts.iter().map(|part| self.boolean(part, cx)).collect();
        cx.clause = clause;
        self.call(name, parts?, span)
    }

    fn maybe_not(&self, test: Expr, negated: bool, span: Span) -> PlanResult<Expr> {
        if negated { self.call("NOT", vec![test], span) } else { Ok(test) }
    }

    fn between(
        &self,
        operand: Expr,
        low: Expr,
        high: Expr,
        negated: bool,
        symmetric: bool,
        span: Span,
    ) -> PlanResult<Expr> {
        let within = |low: &Expr, high: &Expr| {
            let above = self.call(">=", vec![operand.clone(), low.clone()], span)?;
            let below = self.call("<=", vec![operand.clone(), high.clone()], span)?;
            self.call("AND", vec![above, below], span)
        };
        let mut test = within(&low, &high)?;
        if symmetric {
            test = self.call("OR", vec![test, within(&high, &low)?], span)?;
        }
        self.maybe_not(test, negated, span)
    }

    fn in_list(&self, operand: Expr, list: Vec<Expr>, span: Span) -> PlanResult<Expr> {
        if self.functions.scalar("IN").is_some() {
            return self.call("IN", std::iter::once(operand).chain(list).collect(), span);
        }
        let mut tests: Vec<Expr> = list
            .into_iter()
            .map(|item| self.call("=", vec![operand.clone(), item], span))
            .collect::<PlanResult<_>>()?;
        if tests.len() == 1 { Ok(tests.remove(0)) } else { self.call("OR", tests, span) }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[WhenThen],
        otherwise: Option<&ast::Expr>,
        span: Span,
        cx: &mut ExprCx<'_>,
    ) -> PlanResult<Expr> {
        let operand = operand.map(|operand| self.expr(operand, cx)).transpose()?;
        let mut bound: Vec<(Expr, Expr)> = Vec::with_capacity(branches.len());
        for branch in branches {
            let condition = match &operand {
                Some(operand) => {
                    let value = self.expr(&branch.when, cx)?;
                    self.call("=", vec![operand.clone(), value], branch.when.span)?
                }
                None => {
                    let clause = std::mem::replace(&mut cx.clause, "WHEN");
                    let condition = self.boolean(&branch.when, cx);
                    cx.clause = clause;
                    condition?
                }
            };
            bound.push((condition, self.expr(&branch.then, cx)?));
        }
        let otherwise = otherwise.map(|value| self.expr(value, cx)).transpose()?;
        let types: Vec<SqlType> =
            bound.iter().map(|(_, value)| value).chain(otherwise.as_ref()).map(|value| self.ty(value)).collect();
        let ty = SqlType::common_of(&types).ok_or_else(|| {
            let types: Vec<String> = types.iter().map(|ty| ty.kind.to_string()).collect();
            PlanError::new("sql.type", span, format!("the values of CASE have no common type: {}", types.join(", ")))
                .help("add a CAST to the values that differ")
        })?;
        let ty = if otherwise.is_none() { ty.with_null(true) } else { ty };
        let branches: PlanResult<Vec<(Expr, Expr)>> =
            bound.into_iter().map(|(when, then)| Ok((when, self.cast(then, &ty, span)?))).collect();
        let otherwise = otherwise.map(|value| self.cast(value, &ty, span)).transpose()?.map(Box::new);
        Ok(Expr::Case { branches: branches?, otherwise, ty })
    }
}

/// Whether it is an interval literal whose leading unit is one of the time of the day.
fn is_shorter_than_a_day(expr: &ast::Expr) -> bool {
    let ExprKind::Literal(ast::Literal::Interval { qualifier, .. }) = &expr.kind else { return false };
    matches!(qualifier.start, ast::TimeUnit::Hour | ast::TimeUnit::Minute | ast::TimeUnit::Second)
}

fn binary_name(op: BinaryOp, span: Span) -> PlanResult<&'static str> {
    Ok(match op {
        BinaryOp::Plus => "+",
        BinaryOp::Minus => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::Concat => "||",
        BinaryOp::Eq => "=",
        BinaryOp::NotEq => "<>",
        BinaryOp::Lt => "<",
        BinaryOp::LtEq => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::GtEq => ">=",
        BinaryOp::Overlaps => {
            return Err(
                PlanError::unsupported(span, "OVERLAPS is not supported yet").help("compare the bounds instead")
            );
        }
    })
}

fn is_name(test: IsTest, negated: bool) -> &'static str {
    match (test, negated) {
        (IsTest::Null | IsTest::Unknown, false) => "IS NULL",
        (IsTest::Null | IsTest::Unknown, true) => "IS NOT NULL",
        (IsTest::True, false) => "IS TRUE",
        (IsTest::True, true) => "IS NOT TRUE",
        (IsTest::False, false) => "IS FALSE",
        (IsTest::False, true) => "IS NOT FALSE",
        (IsTest::Json, false) => "IS JSON VALUE",
        (IsTest::Json, true) => "IS NOT JSON VALUE",
        (IsTest::JsonObject, false) => "IS JSON OBJECT",
        (IsTest::JsonObject, true) => "IS NOT JSON OBJECT",
        (IsTest::JsonArray, false) => "IS JSON ARRAY",
        (IsTest::JsonArray, true) => "IS NOT JSON ARRAY",
        (IsTest::JsonScalar, false) => "IS JSON SCALAR",
        (IsTest::JsonScalar, true) => "IS NOT JSON SCALAR",
    }
}
