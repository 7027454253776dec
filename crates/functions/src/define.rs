//! How functions are written down here: a name, a rule for types, a way to bind. Everything else has a default.

use tidemill_core::Result;
use tidemill_expr::{Binding, Kernel, Operand, ScalarFunction, Signature, SqlType, TypeKind, Volatility};

/// A rule that types calls.
pub type Infer = fn(&[Operand<'_>]) -> Result<Signature, String>;
/// Makes the kernel of a call.
pub type Bind = fn(&Binding<'_>) -> Result<Kernel>;

/// A scalar function made of plain functions.
pub struct Function {
    name: &'static str,
    infer: Infer,
    bind: Bind,
    volatility: Volatility,
    fallible: fn(&[Operand<'_>]) -> bool,
}

impl Function {
    /// A deterministic function that has a value in every row.
    pub const fn new(name: &'static str, infer: Infer, bind: Bind) -> Function {
        Function { name, infer, bind, volatility: Volatility::Deterministic, fallible: |_| false }
    }

    /// One whose rows may have errors.
    pub const fn fallible(mut self) -> Function {
        self.fallible = |_| true;
        self
    }

    /// One whose rows may have errors with some arguments.
    pub const fn fallible_for(mut self, test: fn(&[Operand<'_>]) -> bool) -> Function {
        self.fallible = test;
        self
    }

    /// One that is not deterministic.
    pub const fn volatility(mut self, volatility: Volatility) -> Function {
        self.volatility = volatility;
        self
    }
}

impl ScalarFunction for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn infer(&self, args: &[Operand<'_>]) -> Result<Signature, String> {
        (self.infer)(args)
    }

    fn volatility(&self) -> Volatility {
        self.volatility
    }

    fn fallible(&self, args: &[Operand<'_>]) -> bool {
        (self.fallible)(args)
    }

    fn bind(&self, call: &Binding<'_>) -> Result<Kernel> {
        (self.bind)(call)
    }
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// Text.
    Text,
    /// An integer that fits into INT.
    Int,
    /// Any integer.
    Long,
    /// Any number, as DOUBLE.
    Double,
    /// A truth value.
    Bool,
    /// Bytes.
    Bytes,
    /// A TIMESTAMP of millisecond precision or finer, a DATE, as TIMESTAMP(3); a TIMESTAMP_LTZ as it is.
    Stamp,
    /// Anything, as it is.
    Any,
}

impl Param {
    fn accept(self, ty: &SqlType) -> Option<SqlType> {
        let null = ty.kind == TypeKind::Null;
        let kind = match self {
            Param::Text => (ty.kind.is_character() || null).then_some(TypeKind::STRING),
            Param::Int => {
                let fits = matches!(ty.kind, TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int | TypeKind::BigInt);
                (fits || null).then_some(TypeKind::Int)
            }
            Param::Long => (ty.kind.is_integer() || null).then_some(TypeKind::BigInt),
            Param::Double => (ty.kind.is_numeric() || null).then_some(TypeKind::Double),
            Param::Bool => (ty.kind == TypeKind::Boolean || null).then_some(TypeKind::Boolean),
            Param::Bytes => (ty.kind.is_binary() || null).then_some(TypeKind::BYTES),
            Param::Stamp => match &ty.kind {
                kind if kind.is_timestamp() => Some(kind.clone()),
                TypeKind::Date | TypeKind::Null => Some(TypeKind::Timestamp(3)),
                kind if kind.is_character() => Some(TypeKind::Timestamp(3)),
                _ => None,
            },
            Param::Any => Some(ty.kind.clone()),
        };
        kind.map(|kind| kind.with_null(ty.nullable))
    }

    fn text(self) -> &'static str {
        match self {
            Param::Text => "STRING",
            Param::Int => "INT",
            Param::Long => "BIGINT",
            Param::Double => "a number",
            Param::Bool => "BOOLEAN",
            Param::Bytes => "BYTES",
            Param::Stamp => "TIMESTAMP",
            Param::Any => "any type",
        }
    }
}

/// Checks arguments against parameters, of which the last `optional` may be missing, and returns their types.
pub fn accept(args: &[Operand<'_>], params: &[Param], optional: usize) -> Result<Vec<SqlType>, String> {
    if args.len() > params.len() || args.len() + optional < params.len() {
        let names: Vec<&str> = params.iter().map(|param| param.text()).collect();
        let last = if optional > 0 { format!(", of which the last {optional} may be left out") } else { String::new() };
        return Err(format!("it takes ({}){last}", names.join(", ")));
    }
    args.iter()
        .zip(params)
        .enumerate()
        .map(|(i, (arg, param))| {
            param
                .accept(arg.ty)
                .ok_or_else(|| format!("argument {} must be {}, not {}: add a CAST", i + 1, param.text(), arg.ty.kind))
        })
        .collect()
}

/// Whether any argument is nullable.
pub fn any_null(args: &[Operand<'_>]) -> bool {
    args.iter().any(|arg| arg.ty.nullable)
}

/// Whether the pattern of a call, its second argument, is not a constant: what cannot be used is then found row by row, a
/// constant one when the call is bound.
pub fn pattern_varies(args: &[Operand<'_>]) -> bool {
    args.get(1).is_some_and(|pattern| pattern.literal.is_none())
}

/// Types a call with fixed parameters; the result is nullable if an argument is, or always.
pub fn typed(
    args: &[Operand<'_>],
    params: &[Param],
    optional: usize,
    kind: TypeKind,
    always_null: bool,
) -> Result<Signature, String> {
    let types = accept(args, params, optional)?;
    Ok(Signature::new(types, kind.with_null(always_null || any_null(args))))
}
