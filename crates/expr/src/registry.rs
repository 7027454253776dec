//! Functions by name. Names are not case-sensitive; aliases lead to canonical names, which is what expressions hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::aggregate::AggregateFunction;
use crate::expr::Expr;
use crate::function::{CastRules, Operand, ScalarFunction, Signature, Volatility};
use crate::scalar::Scalar;
use crate::types::{LENGTH_MAX, SqlType, TypeKind};

/// All functions of a session.
#[derive(Clone)]
pub struct Registry {
    scalars: BTreeMap<String, Arc<dyn ScalarFunction>>,
    aggregates: BTreeMap<String, Arc<dyn AggregateFunction>>,
    aliases: BTreeMap<String, String>,
    casts: Arc<dyn CastRules>,
}

/// A bound call of an aggregate function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AggregateCall {
    /// Canonical name.
    pub function: String,
    /// Arguments, cast to the types the function wants.
    pub args: Vec<Expr>,
    /// Their types.
    pub arg_types: Vec<SqlType>,
    /// Type of the result.
    pub ty: SqlType,
}

impl Registry {
    /// A registry with these casts and the forms that the evaluator knows itself: AND, OR, COALESCE, IF.
    pub fn new(casts: Arc<dyn CastRules>) -> Registry {
        let mut registry =
            Registry { scalars: BTreeMap::new(), aggregates: BTreeMap::new(), aliases: BTreeMap::new(), casts };
        crate::forms::register(&mut registry);
        registry
    }

    /// Adds a scalar function.
    pub fn add_scalar(&mut self, function: impl ScalarFunction + 'static) {
        self.scalars.insert(function.name().to_owned(), Arc::new(function));
    }

    /// Adds an aggregate function.
    pub fn add_aggregate(&mut self, function: impl AggregateFunction + 'static) {
        self.aggregates.insert(function.name().to_owned(), Arc::new(function));
    }

    /// Makes `alias` another name of `name`.
    pub fn add_alias(&mut self, alias: &str, name: &str) {
        self.aliases.insert(alias.to_owned(), name.to_owned());
    }

    fn canonical(&self, name: &str) -> String {
        let upper = name.to_uppercase();
        self.aliases.get(&upper).cloned().unwrap_or(upper)
    }

    /// The scalar function of a name.
    pub fn scalar(&self, name: &str) -> Option<&Arc<dyn ScalarFunction>> {
        self.scalars.get(name).or_else(|| self.scalars.get(&self.canonical(name)))
    }

    /// The aggregate function of a name.
    pub fn aggregate(&self, name: &str) -> Option<&Arc<dyn AggregateFunction>> {
        self.aggregates.get(name).or_else(|| self.aggregates.get(&self.canonical(name)))
    }

    /// The casts.
    pub fn casts(&self) -> &dyn CastRules {
        self.casts.as_ref()
    }

    /// All names, aliases included, in lower case and sorted, as `SHOW FUNCTIONS` lists them.
    pub fn function_names(&self) -> Vec<String> {
        let names = self.scalars.keys().chain(self.aggregates.keys()).chain(self.aliases.keys());
        let mut names: Vec<String> = names.map(|name| name.to_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A call of a scalar function, its arguments (with their types) cast to what the function wants.
    pub fn call(&self, name: &str, args: Vec<(Expr, SqlType)>) -> Result<Expr, String> {
        let function = self.scalar(name).ok_or_else(|| format!("there is no function {}", name.to_uppercase()))?;
        let signature =
            function.infer(&operands(&args)).map_err(|reason| complaint(function.name(), &args, &reason))?;
        let Signature { args: wanted, ty } = signature;
        Ok(Expr::call(function.name(), self.cast_all(args, &wanted)?, ty))
    }

    /// A call of an aggregate function, likewise.
    pub fn aggregate_call(&self, name: &str, args: Vec<(Expr, SqlType)>) -> Result<AggregateCall, String> {
        let function =
            self.aggregate(name).ok_or_else(|| format!("there is no aggregate function {}", name.to_uppercase()))?;
        let signature =
            function.infer(&operands(&args)).map_err(|reason| complaint(function.name(), &args, &reason))?;
        let args = self.cast_all(args, &signature.args)?;
        let function = function.name().to_owned();
        Ok(AggregateCall { function, args, arg_types: signature.args, ty: signature.ty })
    }

    fn cast_all(&self, args: Vec<(Expr, SqlType)>, wanted: &[SqlType]) -> Result<Vec<Expr>, String> {
        args.into_iter().zip(wanted).map(|((arg, from), to)| self.cast(arg, &from, to, false)).collect()
    }

    /// `expr` as type `to`: itself if only nullability differs, else a cast.
    pub fn cast(&self, expr: Expr, from: &SqlType, to: &SqlType, try_: bool) -> Result<Expr, String> {
        if from.kind == to.kind {
            return Ok(expr);
        }
        if let Expr::Literal(Scalar::Null, _) = expr {
            return Ok(Expr::null(to.clone()));
        }
        if let Some(value) = converted_literal(&expr, from, to) {
            return Ok(Expr::Literal(value, to.clone().with_null(from.nullable)));
        }
        if !self.casts.supports(from, to) {
            return Err(format!("a value of type {} cannot be cast to {}", from.kind, to.kind));
        }
        let ty = to.clone().with_null(from.nullable || try_);
        Ok(Expr::Cast { expr: Box::new(expr), ty, try_ })
    }

    /// A CAST as it is written: text and bytes are fitted to a length even where they are said to have it, which nobody has
    /// checked.
    pub fn written_cast(&self, expr: Expr, from: &SqlType, to: &SqlType, try_: bool) -> Result<Expr, String> {
        let has_length = match to.kind {
            TypeKind::Char(_) | TypeKind::Binary(_) => true,
            TypeKind::Varchar(length) | TypeKind::Varbinary(length) => length < LENGTH_MAX,
            _ => false,
        };
        if from.kind != to.kind || !has_length || matches!(expr, Expr::Literal(..)) {
            return self.cast(expr, from, to, try_);
        }
        let ty = to.clone().with_null(from.nullable || try_);
        Ok(Expr::Cast { expr: Box::new(expr), ty, try_ })
    }

    /// The greatest volatility of the functions within an expression.
    pub fn volatility(&self, expr: &Expr) -> Volatility {
        let mut volatility = Volatility::Deterministic;
        expr.visit(&mut |part| {
            if let Expr::Call { function, .. } = part
                && let Some(function) = self.scalar(function)
            {
                volatility = volatility.max(function.volatility());
            }
        });
        volatility
    }

    /// Whether a row may have an error instead of a value (types of columns as given).
    pub fn is_fallible(&self, expr: &Expr, columns: &dyn Fn(usize) -> SqlType) -> bool {
        expr.any(&|part| match part {
            Expr::Call { function, args, .. } => self.scalar(function).is_some_and(|function| {
                let args: Vec<(Expr, SqlType)> = args.iter().map(|arg| (arg.clone(), arg.ty(columns))).collect();
                function.fallible(&operands(&args))
            }),
            Expr::Cast { expr, ty, try_: false } => self.casts.fallible(&expr.ty(columns), ty),
            _ => false,
        })
    }
}

/// The value of a constant as another type, where the conversion loses nothing and needs no context.
fn converted_literal(expr: &Expr, from: &SqlType, to: &SqlType) -> Option<Scalar> {
    let Expr::Literal(value, _) = expr else { return None };
    match (value, &to.kind) {
        (Scalar::String(text), TypeKind::Varchar(length)) if from.kind.is_character() => {
            (text.chars().count() <= *length as usize).then(|| value.clone())
        }
        (Scalar::Int(_), kind) if kind.is_integer() && kind.exact_digits() >= from.kind.exact_digits() => {
            Some(value.clone())
        }
        (Scalar::Int(number), TypeKind::Double) if number.unsigned_abs() < 1 << 53 => {
            Some(Scalar::Double(*number as f64))
        }
        (Scalar::Int(number), TypeKind::Decimal { precision, scale }) => {
            let digits = number.unsigned_abs().checked_ilog10().map_or(1, |digits| digits + 1);
            let value = i128::from(*number).checked_mul(10i128.checked_pow(u32::from(*scale))?)?;
            (digits + u32::from(*scale) <= u32::from(*precision)).then_some(Scalar::Decimal { value, scale: *scale })
        }
        _ => None,
    }
}

fn operands(args: &[(Expr, SqlType)]) -> Vec<Operand<'_>> {
    args.iter()
        .map(|(arg, ty)| {
            let literal = if let Expr::Literal(value, _) = arg { Some(value) } else { None };
            Operand { ty, literal }
        })
        .collect()
}

fn complaint(name: &str, args: &[(Expr, SqlType)], reason: &str) -> String {
    let types: Vec<String> = args.iter().map(|(_, ty)| ty.kind.to_string()).collect();
    format!("{name}({}) is not possible: {reason}", types.join(", "))
}
