//! Expressions: a tree with names becomes a closure over a row.
//!
//! Everything is decided anew here: which column a name means, which type a result has, which value is wrapped, cut or
//! NULL. A value that cannot be computed is a [`Value::Error`], handed on by whatever needs it.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_sql_parser::ast::{
    ArgValue, BinaryOp, Expr, ExprKind, FunctionArg, Ident, IsTest, LikeKind, Literal, TimeUnit, TrimSide, UnaryOp,
    WhenThen,
};

use crate::aggregate::{self, Call};
use crate::arithmetic;
use crate::cast;
use crate::error::{Error, Result};
use crate::functions;
use crate::literal;
use crate::types::Type;
use crate::value::Value;

/// A computation over a row.
pub(crate) type Eval = Rc<dyn Fn(&[Value]) -> Value>;

/// An expression whose names and types are known.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(crate) ty: Type,
    /// What it computes; equal texts compute the same.
    pub(crate) text: String,
    pub(crate) eval: Eval,
}

/// A column that can be named.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The table's name or alias; empty if it has none.
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// What expressions over groups see: the keys, then the aggregates in the order they were met.
pub(crate) struct Groups {
    pub(crate) keys: Vec<Bound>,
    pub(crate) calls: RefCell<Vec<Call>>,
}

/// Binds the expressions of one place.
#[derive(Clone, Copy)]
pub(crate) struct Binder<'a> {
    /// The columns of a row, in order.
    pub(crate) columns: &'a [Column],
    /// Set where expressions are over groups of such rows.
    pub(crate) groups: Option<&'a Groups>,
    /// What local time is ahead of UTC, in nanoseconds.
    pub(crate) zone: i128,
}

/// Whether it is an interval of hours, minutes or seconds: a DATE that it moves becomes a TIMESTAMP.
fn has_hours(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Literal(Literal::Interval { qualifier, .. }) if qualifier.start > TimeUnit::Day)
}

impl Binder<'_> {
    /// Any expression.
    pub(crate) fn bind(self, expr: &Expr) -> Result<Bound> {
        if let Some(groups) = self.groups
            && let Ok(over_rows) = (Binder { groups: None, ..self }).bind(expr)
            && let Some(key) = groups.keys.iter().position(|key| key.text == over_rows.text)
        {
            return Ok(column(key, over_rows.ty, "key"));
        }
        let zone = self.zone;
        match &expr.kind {
            ExprKind::Literal(written) => literal::literal(written, zone).map(constant),
            ExprKind::Column(parts) => self.name(parts),
            ExprKind::Field { base, field } => of_row(self.bind(base)?, &field.value),
            ExprKind::Item { base, index } => functions::item(self.bind(base)?, self.bind(index)?),
            ExprKind::Unary { op: UnaryOp::Plus, operand } => self.bind(operand),
            ExprKind::Unary { op: UnaryOp::Minus, operand } => match &operand.kind {
                ExprKind::Literal(tidemill_sql_parser::ast::Literal::Number(digits)) => {
                    literal::number(digits, true).map(constant)
                }
                _ => arithmetic::negate(self.bind(operand)?),
            },
            ExprKind::Binary { left, op, right } => {
                let moved = |bound: Bound, by: &Expr| match bound.ty {
                    Type::Date if has_hours(by) => self.coerce(bound, &Type::Timestamp(3)),
                    _ => bound,
                };
                let (bound_left, bound_right) = (self.bind(left)?, self.bind(right)?);
                self.binary(*op, moved(bound_left, right), moved(bound_right, left))
            }
            ExprKind::And(parts) => Ok(connect("AND", false, self.all(parts)?)),
            ExprKind::Or(parts) => Ok(connect("OR", true, self.all(parts)?)),
            ExprKind::Not(operand) => Ok(not(self.bind(operand)?)),
            ExprKind::Is { operand, test, negated } => is(self.bind(operand)?, *test, *negated),
            ExprKind::IsDistinctFrom { left, right, negated } => {
                let args = self.alike(vec![self.bind(left)?, self.bind(right)?])?;
                let negated = *negated;
                Ok(lenient("DISTINCT", Type::Boolean, args, move |v| Ok(Value::Boolean((v[0] != v[1]) != negated)))
                    .tagged(negated))
            }
            ExprKind::Between { operand, low, high, negated, symmetric } => {
                let (operand, low, high) = (self.bind(operand)?, self.bind(low)?, self.bind(high)?);
                let within = |low: &Bound, high: &Bound| {
                    let above = self.compare(BinaryOp::GtEq, operand.clone(), low.clone())?;
                    let below = self.compare(BinaryOp::LtEq, operand.clone(), high.clone())?;
                    Ok(connect("AND", false, vec![above, below]))
                };
                let mut test = within(&low, &high)?;
                if *symmetric {
                    test = connect("OR", true, vec![test, within(&high, &low)?]);
                }
                Ok(if *negated { not(test) } else { test })
            }
            ExprKind::Like { operand, pattern, escape, kind: LikeKind::Like, negated } => {
                let mut args = vec![self.bind(operand)?, self.bind(pattern)?];
                if let Some(escape) = escape {
                    args.push(self.bind(escape)?);
                }
                let test = functions::like(args)?;
                Ok(if *negated { not(test) } else { test })
            }
            ExprKind::InList { operand, list, negated } => {
                let operand = self.bind(operand)?;
                let equal = |item: &Expr| self.compare(BinaryOp::Eq, operand.clone(), self.bind(item)?);
                let test = connect("OR", true, list.iter().map(equal).collect::<Result<_>>()?);
                Ok(if *negated { not(test) } else { test })
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            ExprKind::Cast { operand, data_type, safe } => {
                let (operand, to) = (self.bind(operand)?, Type::of(data_type)?);
                if !cast::possible(&operand.ty, &to) {
                    return Err(Error::Mistake(format!("{} cannot be cast to {to}", operand.ty)));
                }
                Ok(if *safe { self.try_cast(operand, &to) } else { self.coerce(operand, &to) })
            }
            ExprKind::Extract { unit, operand } => functions::extract(*unit, self.bind(operand)?, zone),
            ExprKind::FloorTo { operand, unit } => functions::round_time(*unit, true, self.bind(operand)?, zone),
            ExprKind::CeilTo { operand, unit } => functions::round_time(*unit, false, self.bind(operand)?, zone),
            ExprKind::Trim { side, characters, operand } => {
                let mut args = vec![self.bind(operand)?];
                if let Some(characters) = characters {
                    args.push(self.bind(characters)?);
                }
                let name = match side {
                    TrimSide::Both => "BTRIM",
                    TrimSide::Leading => "LTRIM",
                    TrimSide::Trailing => "RTRIM",
                };
                functions::call(name, args, self)
            }
            ExprKind::Function(call) if aggregate::is_aggregate(call) => {
                let Some(groups) = self.groups else { return Err(Error::Aggregate(call.name.to_string())) };
                let bound = aggregate::bind(call, Binder { groups: None, ..self })?;
                let mut calls = groups.calls.borrow_mut();
                let ty = bound.ty.clone();
                calls.push(bound);
                Ok(column(groups.keys.len() + calls.len() - 1, ty, "call"))
            }
            ExprKind::Function(call) => {
                if call.quantifier.is_some() || call.filter.is_some() || call.over.is_some() || !call.parentheses {
                    return Err(Error::Unsupported(format!("{call:?}")));
                }
                if let (true, [unit, rest @ ..]) = (call.is("TIMESTAMPADD") || call.is("TIMESTAMPDIFF"), &call.args[..])
                {
                    let ArgValue::Expr(Expr { kind: ExprKind::TimeUnit(unit), .. }) = &unit.value else {
                        return Err(Error::Mistake(format!("{} begins with a unit of time", call.name)));
                    };
                    return functions::timestamp_arithmetic(call.is("TIMESTAMPADD"), *unit, self.args(rest)?, zone);
                }
                functions::call(&call.name.last().to_uppercase(), self.args(&call.args)?, self)
            }
            ExprKind::Array(items) => {
                let items = self.alike(self.all(items)?)?;
                let ty = items.first().map_or(Type::Null, |item| item.ty.clone());
                Ok(lenient("ARRAY", Type::Array(Box::new(ty)), items, |v| Ok(Value::Array(v.to_vec()))))
            }
            ExprKind::Map(entries) => {
                let keys = self.alike(entries.iter().map(|(k, _)| self.bind(k)).collect::<Result<_>>()?)?;
                let values = self.alike(entries.iter().map(|(_, v)| self.bind(v)).collect::<Result<_>>()?)?;
                let ty = |list: &[Bound]| Box::new(list.first().map_or(Type::Null, |b| b.ty.clone()));
                let map = Type::Map(ty(&keys), ty(&values));
                let args = keys.into_iter().zip(values).flat_map(|(k, v)| [k, v]).collect();
                let pairs = |v: &[Value]| v.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                Ok(lenient("MAP", map, args, move |v| Ok(Value::Map(pairs(v)))))
            }
            ExprKind::Row(items) => {
                let items = self.all(items)?;
                let fields = items.iter().enumerate().map(|(i, b)| (format!("EXPR${i}"), b.ty.clone())).collect();
                Ok(lenient("ROW", Type::Row(fields), items, |v| Ok(Value::Row(v.to_vec()))))
            }
            other => Err(Error::Unsupported(format!("{other:?}"))),
        }
    }

    /// An expression that is a condition.
    pub(crate) fn condition(self, expr: &Expr) -> Result<Bound> {
        let bound = self.bind(expr)?;
        match bound.ty {
            Type::Boolean | Type::Null => Ok(bound),
            other => Err(Error::Mistake(format!("a condition is BOOLEAN, not {other}"))),
        }
    }

    fn all(self, exprs: &[Expr]) -> Result<Vec<Bound>> {
        exprs.iter().map(|expr| self.bind(expr)).collect()
    }

    /// The arguments of a call that takes values by position.
    pub(crate) fn args(self, args: &[FunctionArg]) -> Result<Vec<Bound>> {
        args.iter()
            .map(|arg| match (&arg.value, &arg.name) {
                (ArgValue::Expr(expr), None) => self.bind(expr),
                _ => Err(Error::Unsupported(format!("the argument {arg:?}"))),
            })
            .collect()
    }

    /// The values as the type they have in common.
    pub(crate) fn alike(self, items: Vec<Bound>) -> Result<Vec<Bound>> {
        let ty = Type::common_of(items.iter().map(|item| &item.ty))?;
        Ok(items.into_iter().map(|item| self.coerce(item, &ty)).collect())
    }

    /// The value as another type.
    pub(crate) fn coerce(self, bound: Bound, to: &Type) -> Bound {
        if bound.ty == *to {
            return bound;
        }
        let (from, target, zone) = (bound.ty.clone(), to.clone(), self.zone);
        strict("CAST", to.clone(), vec![bound], move |v| cast::cast(&v[0], &from, &target, zone))
    }

    fn try_cast(self, bound: Bound, to: &Type) -> Bound {
        let (from, target, zone) = (bound.ty.clone(), to.clone(), self.zone);
        let convert = move |v: &[Value]| Ok(cast::cast(&v[0], &from, &target, zone).unwrap_or(Value::Null));
        strict("TRY_CAST", to.clone(), vec![bound], convert)
    }

    /// A dotted name: a column, perhaps of a table, perhaps with fields of a row behind it.
    fn name(self, parts: &[Ident]) -> Result<Bound> {
        let names: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        let unknown = || Error::Mistake(format!("there is no column '{}'", names.join(".")));
        let of_table = match names.as_slice() {
            [table, name, ..] => self.columns.iter().position(|c| c.table == *table && c.name == *name),
            _ => None,
        };
        let (at, used) = match of_table {
            Some(at) => (at, 2),
            None => {
                let mut alone =
                    self.columns.iter().enumerate().filter(|(_, c)| Some(&c.name.as_str()) == names.first());
                let (at, _) = alone.next().ok_or_else(unknown)?;
                if alone.next().is_some() {
                    return Err(Error::Mistake(format!("'{}' is ambiguous", names.join("."))));
                }
                (at, 1)
            }
        };
        if self.groups.is_some() {
            return Err(Error::Mistake(format!("'{}' is neither a key nor within an aggregate", names.join("."))));
        }
        let found = column(at, self.columns[at].ty.clone(), "");
        names[used..].iter().try_fold(found, |base, field| of_row(base, field))
    }

    fn binary(self, op: BinaryOp, left: Bound, right: Bound) -> Result<Bound> {
        match op {
            BinaryOp::Concat => functions::call("||", vec![left, right], self),
            op if op.is_comparison() => self.compare(op, left, right),
            op => arithmetic::bind(op, left, right, self),
        }
    }

    /// A comparison; NULL on either side gives NULL, and NaN is neither equal to anything nor before or behind it.
    pub(crate) fn compare(self, op: BinaryOp, left: Bound, right: Bound) -> Result<Bound> {
        let args = self.alike(vec![left, right])?;
        Ok(strict(&format!("{op:?}"), Type::Boolean, args, move |v| {
            if v.iter().any(Value::is_nan) {
                return Ok(Value::Boolean(op == BinaryOp::NotEq));
            }
            Ok(Value::Boolean(match op {
                BinaryOp::Eq => v[0] == v[1],
                BinaryOp::NotEq => v[0] != v[1],
                BinaryOp::Lt => v[0] < v[1],
                BinaryOp::LtEq => v[0] <= v[1],
                BinaryOp::Gt => v[0] > v[1],
                _ => v[0] >= v[1],
            }))
        }))
    }

    fn case(self, operand: Option<&Expr>, branches: &[WhenThen], otherwise: Option<&Expr>) -> Result<Bound> {
        let operand = operand.map(|operand| self.bind(operand)).transpose()?;
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for branch in branches {
            conditions.push(match &operand {
                Some(operand) => self.compare(BinaryOp::Eq, operand.clone(), self.bind(&branch.when)?)?,
                None => self.condition(&branch.when)?,
            });
            results.push(self.bind(&branch.then)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.bind(otherwise)?,
            None => constant((Value::Null, Type::Null)),
        });
        Ok(choose("CASE", conditions, self.alike(results)?))
    }
}

/// The first result whose condition is TRUE, else the last; what is not chosen is not computed.
pub(crate) fn choose(name: &str, conditions: Vec<Bound>, results: Vec<Bound>) -> Bound {
    let ty = results.last().map_or(Type::Null, |result| result.ty.clone());
    let text = text_of(name, &ty, conditions.iter().chain(&results));
    let eval = move |row: &[Value]| {
        for (condition, result) in conditions.iter().zip(&results) {
            match (condition.eval)(row) {
                Value::Boolean(true) => return (result.eval)(row),
                error @ Value::Error(_) => return error,
                _ => {}
            }
        }
        results.last().map_or(Value::Null, |result| (result.eval)(row))
    };
    Bound { ty, text, eval: Rc::new(eval) }
}

fn text_of<'b>(name: &str, ty: &Type, args: impl Iterator<Item = &'b Bound>) -> String {
    let args: Vec<&str> = args.map(|arg| arg.text.as_str()).collect();
    format!("{name}:{ty}({})", args.join(","))
}

/// A function of values, NULL among them; only errors pass it by.
pub(crate) fn lenient(
    name: &str,
    ty: Type,
    args: Vec<Bound>,
    f: impl Fn(&[Value]) -> Result<Value> + 'static,
) -> Bound {
    let text = text_of(name, &ty, args.iter());
    let eval = move |row: &[Value]| {
        let values: Vec<Value> = args.iter().map(|arg| (arg.eval)(row)).collect();
        if let Some(error) = values.iter().find(|value| matches!(value, Value::Error(_))) {
            return error.clone();
        }
        f(&values).unwrap_or_else(|error| match error {
            Error::Value(what) => Value::Error(what),
            other => Value::Error(other.to_string()),
        })
    };
    Bound { ty, text, eval: Rc::new(eval) }
}

/// A function that is NULL where an argument is.
pub(crate) fn strict(name: &str, ty: Type, args: Vec<Bound>, f: impl Fn(&[Value]) -> Result<Value> + 'static) -> Bound {
    lenient(name, ty, args, move |v| if v.iter().any(Value::is_null) { Ok(Value::Null) } else { f(v) })
}

/// A constant.
pub(crate) fn constant((value, ty): (Value, Type)) -> Bound {
    Bound { text: format!("{value}:{ty}"), ty, eval: Rc::new(move |_| value.clone()) }
}

/// The value at a position of the row.
pub(crate) fn column(at: usize, ty: Type, kind: &str) -> Bound {
    Bound { ty, text: format!("${kind}{at}"), eval: Rc::new(move |row| row[at].clone()) }
}

fn of_row(base: Bound, field: &str) -> Result<Bound> {
    let found = match &base.ty {
        Type::Row(fields) => fields.iter().position(|(name, _)| name == field).map(|at| (at, fields[at].1.clone())),
        _ => None,
    };
    let (at, ty) = found.ok_or_else(|| Error::Mistake(format!("{} has no field '{field}'", base.ty)))?;
    Ok(strict(&format!("field{at}"), ty, vec![base], move |v| match &v[0] {
        Value::Row(values) => Ok(values[at].clone()),
        _ => Ok(Value::Null),
    }))
}

/// AND and OR: `decisive` wins over errors, errors over NULL, in whatever order they stand.
fn connect(name: &str, decisive: bool, parts: Vec<Bound>) -> Bound {
    let text = text_of(name, &Type::Boolean, parts.iter());
    let eval = move |row: &[Value]| {
        let values: Vec<Value> = parts.iter().map(|part| (part.eval)(row)).collect();
        if values.contains(&Value::Boolean(decisive)) {
            return Value::Boolean(decisive);
        }
        let error = values.iter().find(|value| matches!(value, Value::Error(_)));
        match error {
            Some(error) => error.clone(),
            None if values.contains(&Value::Null) => Value::Null,
            None => Value::Boolean(!decisive),
        }
    };
    Bound { ty: Type::Boolean, text, eval: Rc::new(eval) }
}

fn not(operand: Bound) -> Bound {
    strict("NOT", Type::Boolean, vec![operand], |v| Ok(Value::Boolean(v[0] == Value::Boolean(false))))
}

fn is(operand: Bound, test: IsTest, negated: bool) -> Result<Bound> {
    let wanted = match test {
        IsTest::Null | IsTest::Unknown => Value::Null,
        IsTest::True => Value::Boolean(true),
        IsTest::False => Value::Boolean(false),
        other => return Err(Error::Unsupported(format!("IS {other:?}"))),
    };
    let name = format!("IS {wanted} {negated}");
    Ok(lenient(&name, Type::Boolean, vec![operand], move |v| Ok(Value::Boolean((v[0] == wanted) != negated))))
}

impl Bound {
    fn tagged(mut self, tag: bool) -> Bound {
        self.text = format!("{}!{tag}", self.text);
        self
    }
}
