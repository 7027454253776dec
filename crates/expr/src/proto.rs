//! The stored and sent form of types, values and expressions (protobuf; field numbers never change).
//!
//! An expression is a list of nodes in post-order, so that its depth is not limited by a decoder's recursion; types and
//! values nest as they are.

use std::sync::Arc;

use prost::Message;
use tidemill_core::{Failure, Result};

use crate::expr::Expr;
use crate::scalar::Scalar;
use crate::types::{Field, RowType, SqlType, TypeKind};

/// The version that [`ExprMessage::new`] writes; readers refuse newer ones.
pub const EXPR_VERSION: u32 = 1;

/// A type.
#[derive(Clone, PartialEq, Message)]
pub struct TypeMessage {
    /// Which type; see `kind_code`.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// Whether NULL belongs to it.
    #[prost(bool, tag = "2")]
    pub nullable: bool,
    /// Length or precision.
    #[prost(uint32, tag = "3")]
    pub length: u32,
    /// Scale.
    #[prost(uint32, tag = "4")]
    pub scale: u32,
    /// Types within.
    #[prost(message, repeated, tag = "5")]
    pub children: Vec<TypeMessage>,
    /// Names of a row's fields.
    #[prost(string, repeated, tag = "6")]
    pub names: Vec<String>,
}

/// A value.
#[derive(Clone, PartialEq, Message)]
pub struct ScalarMessage {
    /// What it is; nothing for NULL.
    #[prost(oneof = "ScalarValue", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14")]
    pub value: Option<ScalarValue>,
}

/// The forms of a value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ScalarValue {
    /// `BOOLEAN`.
    #[prost(bool, tag = "1")]
    Boolean(bool),
    /// Integers.
    #[prost(sint64, tag = "2")]
    Int(i64),
    /// `FLOAT`, `DOUBLE`.
    #[prost(double, tag = "3")]
    Double(f64),
    /// `DECIMAL`.
    #[prost(message, tag = "4")]
    Decimal(DecimalMessage),
    /// Characters.
    #[prost(string, tag = "5")]
    String(String),
    /// Bytes.
    #[prost(bytes = "vec", tag = "6")]
    Bytes(Vec<u8>),
    /// Days.
    #[prost(sint32, tag = "7")]
    Date(i32),
    /// Milliseconds of the day.
    #[prost(sint32, tag = "8")]
    Time(i32),
    /// A timestamp.
    #[prost(message, tag = "9")]
    Timestamp(TimestampMessage),
    /// Months.
    #[prost(sint32, tag = "10")]
    Months(i32),
    /// Milliseconds.
    #[prost(sint64, tag = "11")]
    Millis(i64),
    /// `ARRAY`.
    #[prost(message, tag = "12")]
    Array(ScalarList),
    /// `MAP`: key, value, key, value.
    #[prost(message, tag = "13")]
    Map(ScalarList),
    /// `ROW`.
    #[prost(message, tag = "14")]
    Row(ScalarList),
}

/// A decimal number.
#[derive(Clone, PartialEq, Message)]
pub struct DecimalMessage {
    /// 16 bytes, big-endian, two's complement.
    #[prost(bytes = "vec", tag = "1")]
    pub value: Vec<u8>,
    /// Digits after the point.
    #[prost(uint32, tag = "2")]
    pub scale: u32,
}

/// A timestamp.
#[derive(Clone, PartialEq, Message)]
pub struct TimestampMessage {
    /// Milliseconds.
    #[prost(sint64, tag = "1")]
    pub millis: i64,
    /// Nanoseconds within the millisecond.
    #[prost(uint32, tag = "2")]
    pub nanos: u32,
}

/// Values in order.
#[derive(Clone, PartialEq, Message)]
pub struct ScalarList {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<ScalarMessage>,
}

/// An expression.
#[derive(Clone, PartialEq, Message)]
pub struct ExprMessage {
    /// [`EXPR_VERSION`] of the writer.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// The parts in post-order.
    #[prost(message, repeated, tag = "2")]
    pub nodes: Vec<NodeMessage>,
}

/// A part of an expression.
#[derive(Clone, PartialEq, Message)]
pub struct NodeMessage {
    /// 1 column, 2 literal, 3 call, 4 cast, 5 case, 6 field.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// Column or field.
    #[prost(uint64, tag = "2")]
    pub index: u64,
    /// How many of the parts before it are its own.
    #[prost(uint32, tag = "3")]
    pub children: u32,
    /// Function.
    #[prost(string, tag = "4")]
    pub function: String,
    /// Type of the value.
    #[prost(message, optional, tag = "5")]
    pub ty: Option<TypeMessage>,
    /// Constant.
    #[prost(message, optional, tag = "6")]
    pub value: Option<ScalarMessage>,
    /// Of a cast: TRY_CAST.
    #[prost(bool, tag = "7")]
    pub try_: bool,
}

fn broken(what: &str) -> Failure {
    Failure::fatal("expr.decode", format!("a stored expression cannot be read: {what}"))
}

impl From<&SqlType> for TypeMessage {
    fn from(ty: &SqlType) -> TypeMessage {
        let mut message = TypeMessage { nullable: ty.nullable, ..TypeMessage::default() };
        message.kind = match &ty.kind {
            TypeKind::Null => 1,
            TypeKind::Boolean => 2,
            TypeKind::TinyInt => 3,
            TypeKind::SmallInt => 4,
            TypeKind::Int => 5,
            TypeKind::BigInt => 6,
            TypeKind::Float => 7,
            TypeKind::Double => 8,
            TypeKind::Decimal { precision, scale } => {
                (message.length, message.scale) = (u32::from(*precision), u32::from(*scale));
                9
            }
            TypeKind::Char(length) => message.with_length(*length, 10),
            TypeKind::Varchar(length) => message.with_length(*length, 11),
            TypeKind::Binary(length) => message.with_length(*length, 12),
            TypeKind::Varbinary(length) => message.with_length(*length, 13),
            TypeKind::Date => 14,
            TypeKind::Time(precision) => message.with_length(u32::from(*precision), 15),
            TypeKind::Timestamp(precision) => message.with_length(u32::from(*precision), 16),
            TypeKind::TimestampLtz(precision) => message.with_length(u32::from(*precision), 17),
            TypeKind::IntervalYearMonth => 18,
            TypeKind::IntervalDayTime => 19,
            TypeKind::Array(element) => message.with_children([&**element], 20),
            TypeKind::Map(key, value) => message.with_children([&**key, &**value], 21),
            TypeKind::Multiset(element) => message.with_children([&**element], 22),
            TypeKind::Row(row) => {
                message.names = row.names();
                message.with_children(row.fields.iter().map(|field| &field.ty), 23)
            }
        };
        message
    }
}

impl TypeMessage {
    fn with_length(&mut self, length: u32, kind: u32) -> u32 {
        self.length = length;
        kind
    }

    fn with_children<'a>(&mut self, children: impl IntoIterator<Item = &'a SqlType>, kind: u32) -> u32 {
        self.children = children.into_iter().map(TypeMessage::from).collect();
        kind
    }

    /// The type.
    pub fn decode_type(&self) -> Result<SqlType> {
        let precision = self.length as u8;
        let child = |index: usize| -> Result<Box<SqlType>> {
            Ok(Box::new(self.children.get(index).ok_or_else(|| broken("a type lacks its element"))?.decode_type()?))
        };
        let kind = match self.kind {
            1 => TypeKind::Null,
            2 => TypeKind::Boolean,
            3 => TypeKind::TinyInt,
            4 => TypeKind::SmallInt,
            5 => TypeKind::Int,
            6 => TypeKind::BigInt,
            7 => TypeKind::Float,
            8 => TypeKind::Double,
            9 => TypeKind::Decimal { precision, scale: self.scale as u8 },
            10 => TypeKind::Char(self.length),
            11 => TypeKind::Varchar(self.length),
            12 => TypeKind::Binary(self.length),
            13 => TypeKind::Varbinary(self.length),
            14 => TypeKind::Date,
            15 => TypeKind::Time(precision),
            16 => TypeKind::Timestamp(precision),
            17 => TypeKind::TimestampLtz(precision),
            18 => TypeKind::IntervalYearMonth,
            19 => TypeKind::IntervalDayTime,
            20 => TypeKind::Array(child(0)?),
            21 => TypeKind::Map(child(0)?, child(1)?),
            22 => TypeKind::Multiset(child(0)?),
            23 => {
                let types: Result<Vec<SqlType>> = self.children.iter().map(TypeMessage::decode_type).collect();
                let fields = self.names.iter().zip(types?).map(|(name, ty)| Field::new(name, ty)).collect();
                TypeKind::Row(RowType { fields })
            }
            other => return Err(broken(&format!("type {other} is unknown"))),
        };
        Ok(kind.with_null(self.nullable))
    }
}

impl From<&Scalar> for ScalarMessage {
    fn from(scalar: &Scalar) -> ScalarMessage {
        let list = |values: &[Scalar]| ScalarList { values: values.iter().map(ScalarMessage::from).collect() };
        let value = match scalar {
            Scalar::Null => None,
            Scalar::Boolean(value) => Some(ScalarValue::Boolean(*value)),
            Scalar::Int(value) => Some(ScalarValue::Int(*value)),
            Scalar::Double(value) => Some(ScalarValue::Double(*value)),
            Scalar::Decimal { value, scale } => {
                let value = value.to_be_bytes().to_vec();
                Some(ScalarValue::Decimal(DecimalMessage { value, scale: u32::from(*scale) }))
            }
            Scalar::String(text) => Some(ScalarValue::String(text.to_string())),
            Scalar::Bytes(bytes) => Some(ScalarValue::Bytes(bytes.to_vec())),
            Scalar::Date(days) => Some(ScalarValue::Date(*days)),
            Scalar::Time(millis) => Some(ScalarValue::Time(*millis)),
            Scalar::Timestamp { millis, nanos } => {
                Some(ScalarValue::Timestamp(TimestampMessage { millis: *millis, nanos: *nanos }))
            }
            Scalar::Months(months) => Some(ScalarValue::Months(*months)),
            Scalar::Millis(millis) => Some(ScalarValue::Millis(*millis)),
            Scalar::Array(values) => Some(ScalarValue::Array(list(values))),
            Scalar::Row(values) => Some(ScalarValue::Row(list(values))),
            Scalar::Map(entries) => {
                let values = entries.iter().flat_map(|(key, value)| [key, value]).map(ScalarMessage::from).collect();
                Some(ScalarValue::Map(ScalarList { values }))
            }
        };
        ScalarMessage { value }
    }
}

impl ScalarMessage {
    /// The value.
    pub fn decode_scalar(&self) -> Result<Scalar> {
        let list = |list: &ScalarList| -> Result<Vec<Scalar>> {
            list.values.iter().map(ScalarMessage::decode_scalar).collect()
        };
        Ok(match &self.value {
            None => Scalar::Null,
            Some(ScalarValue::Boolean(value)) => Scalar::Boolean(*value),
            Some(ScalarValue::Int(value)) => Scalar::Int(*value),
            Some(ScalarValue::Double(value)) => Scalar::Double(*value),
            Some(ScalarValue::Decimal(decimal)) => {
                let bytes: [u8; 16] =
                    decimal.value.as_slice().try_into().map_err(|_| broken("a decimal is not 16 bytes"))?;
                Scalar::Decimal { value: i128::from_be_bytes(bytes), scale: decimal.scale as u8 }
            }
            Some(ScalarValue::String(text)) => Scalar::string(text.as_str()),
            Some(ScalarValue::Bytes(bytes)) => Scalar::Bytes(Arc::from(bytes.as_slice())),
            Some(ScalarValue::Date(days)) => Scalar::Date(*days),
            Some(ScalarValue::Time(millis)) => Scalar::Time(*millis),
            Some(ScalarValue::Timestamp(stamp)) => Scalar::Timestamp { millis: stamp.millis, nanos: stamp.nanos },
            Some(ScalarValue::Months(months)) => Scalar::Months(*months),
            Some(ScalarValue::Millis(millis)) => Scalar::Millis(*millis),
            Some(ScalarValue::Array(values)) => Scalar::Array(list(values)?),
            Some(ScalarValue::Row(values)) => Scalar::Row(list(values)?),
            Some(ScalarValue::Map(values)) => {
                let values = list(values)?;
                Scalar::Map(values.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
        })
    }
}

impl ExprMessage {
    /// The message of an expression.
    pub fn new(expr: &Expr) -> ExprMessage {
        let mut nodes = Vec::new();
        push_nodes(expr, &mut nodes);
        ExprMessage { version: EXPR_VERSION, nodes }
    }

    /// The expression.
    pub fn decode_expr(&self) -> Result<Expr> {
        if self.version > EXPR_VERSION {
            let text = format!(
                "an expression was stored in format {}, this program reads up to {EXPR_VERSION}: use a newer one",
                self.version
            );
            return Err(Failure::refused("expr.version", text));
        }
        let mut stack: Vec<Expr> = Vec::new();
        for node in &self.nodes {
            let first = stack.len().checked_sub(node.children as usize).ok_or_else(|| broken("a part is missing"))?;
            let parts = stack.split_off(first);
            stack.push(node.decode_node(parts)?);
        }
        match stack.pop() {
            Some(expr) if stack.is_empty() => Ok(expr),
            _ => Err(broken("its parts do not make one expression")),
        }
    }
}

fn push_nodes(expr: &Expr, nodes: &mut Vec<NodeMessage>) {
    let children = expr.children();
    let count = children.len() as u32;
    for child in children {
        push_nodes(child, nodes);
    }
    let mut node = NodeMessage { children: count, ..NodeMessage::default() };
    match expr {
        Expr::Column(column) => (node.kind, node.index) = (1, *column as u64),
        Expr::Literal(value, ty) => {
            (node.kind, node.value, node.ty) = (2, Some(ScalarMessage::from(value)), Some(TypeMessage::from(ty)));
        }
        Expr::Call { function, ty, .. } => {
            (node.kind, node.function, node.ty) = (3, function.clone(), Some(TypeMessage::from(ty)));
        }
        Expr::Cast { ty, try_, .. } => (node.kind, node.try_, node.ty) = (4, *try_, Some(TypeMessage::from(ty))),
        Expr::Case { ty, .. } => (node.kind, node.ty) = (5, Some(TypeMessage::from(ty))),
        Expr::Field { index, .. } => (node.kind, node.index) = (6, *index as u64),
    }
    nodes.push(node);
}

impl NodeMessage {
    fn decode_node(&self, mut parts: Vec<Expr>) -> Result<Expr> {
        let ty = || self.ty.as_ref().ok_or_else(|| broken("a type is missing"))?.decode_type();
        let one = |parts: &mut Vec<Expr>| parts.pop().map(Box::new).ok_or_else(|| broken("an operand is missing"));
        Ok(match self.kind {
            1 => Expr::Column(self.index as usize),
            2 => {
                let value = self.value.as_ref().ok_or_else(|| broken("a constant is missing"))?;
                Expr::Literal(value.decode_scalar()?, ty()?)
            }
            3 => Expr::Call { function: self.function.clone(), args: parts, ty: ty()? },
            4 => Expr::Cast { expr: one(&mut parts)?, ty: ty()?, try_: self.try_ },
            5 => {
                let otherwise = if parts.len() % 2 == 1 { parts.pop().map(Box::new) } else { None };
                let mut branches = Vec::new();
                let mut parts = parts.into_iter();
                while let (Some(when), Some(then)) = (parts.next(), parts.next()) {
                    branches.push((when, then));
                }
                Expr::Case { branches, otherwise, ty: ty()? }
            }
            6 => Expr::Field { expr: one(&mut parts)?, index: self.index as usize },
            other => return Err(broken(&format!("part {other} is unknown"))),
        })
    }
}

impl SqlType {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        TypeMessage::from(self).encode_to_vec()
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<SqlType> {
        TypeMessage::decode(bytes).map_err(|error| broken(&error.to_string()))?.decode_type()
    }
}

impl Expr {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        ExprMessage::new(self).encode_to_vec()
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Expr> {
        ExprMessage::decode(bytes).map_err(|error| broken(&error.to_string()))?.decode_expr()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_survives_its_bytes() {
        let row = SqlType::row(vec![Field::new("x", SqlType::map(SqlType::STRING, SqlType::decimal(12, 3)))]);
        let values =
            Scalar::Row(vec![Scalar::Map(vec![(Scalar::string("k"), Scalar::Decimal { value: -7, scale: 3 })])]);
        let case = Expr::Case {
            branches: vec![(Expr::Column(0), Expr::Literal(values, row.clone()))],
            otherwise: Some(Box::new(Expr::null(row.clone()))),
            ty: row,
        };
        let all =
            Expr::call("F", vec![case, Expr::Field { expr: Box::new(Expr::Column(3)), index: 1 }], SqlType::BYTES);
        assert_eq!(Expr::from_bytes(&all.to_bytes()).unwrap(), all);
    }

    #[test]
    fn depth_is_not_limited_by_the_decoder() {
        let deep = (0..2000).fold(Expr::Column(0), |sum, _| Expr::call("+", vec![sum, Expr::int(1)], SqlType::INT));
        assert_eq!(Expr::from_bytes(&deep.to_bytes()).unwrap(), deep);
    }

    #[test]
    fn a_newer_version_is_refused_in_a_sentence() {
        let message = ExprMessage { version: EXPR_VERSION + 1, nodes: Vec::new() };
        assert!(Expr::from_bytes(&message.encode_to_vec()).unwrap_err().to_string().contains("newer"));
    }
}
