//! Functions of arrays as a whole: ARRAY_CONTAINS, ARRAY_DISTINCT, ARRAY_CONCAT and their like. They work value by value.

use std::cmp::Ordering;

use tidemill_core::Result;
use tidemill_expr::arrays::scalars_to_array;
use tidemill_expr::{Binding, Kernel, Operand, Output, Registry, Scalar, Signature, SqlType, TypeKind};

use crate::define::Function;
use crate::order::float_order;

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    macro_rules! functions {
        ($($name:literal: $infer:expr => $function:expr),+ $(,)?) => { $(
            registry.add_scalar(Function::new($name, $infer, |call| by_value(call, $function)));
        )+ };
    }
    functions! {
        "ARRAY_CONTAINS": |args| with_element(args, Some(SqlType::BOOLEAN)) => contains,
        "ARRAY_POSITION": |args| with_element(args, Some(SqlType::INT)) => position,
        "ARRAY_APPEND": |args| with_element(args, None) => append,
        "ARRAY_PREPEND": |args| with_element(args, None) => prepend,
        "ARRAY_REMOVE": |args| with_element(args, None) => remove,
        "ARRAY_REVERSE": |args| arrays(args, 1) => reverse,
        "ARRAY_DISTINCT": |args| arrays(args, 1) => distinct,
        "ARRAY_CONCAT": |args| arrays(args, usize::MAX) => concat,
        "ARRAY_UNION": |args| arrays(args, 2) => union,
        "ARRAY_INTERSECT": |args| arrays(args, 2) => intersect,
        "ARRAY_EXCEPT": |args| arrays(args, 2) => except,
        "ARRAY_MAX": extreme => |args| edge(args, Ordering::Greater),
        "ARRAY_MIN": extreme => |args| edge(args, Ordering::Less),
        "ARRAY_SORT": sort_signature => sort,
        "ARRAY_SLICE": slice_signature => slice,
        "ARRAY_JOIN": join_signature => join,
    }
}

/// A kernel that computes the values of a row from those of the arguments; none is NULL.
fn by_value(call: &Binding<'_>, function: fn(&[Scalar]) -> Option<Scalar>) -> Result<Kernel> {
    let (types, ty) = (call.args.to_vec(), call.ty.clone());
    Ok(Box::new(move |args, rows, _| {
        let mut values = Vec::with_capacity(rows);
        let mut row_args = Vec::with_capacity(args.len());
        for row in 0..rows {
            row_args.clear();
            row_args.extend(args.iter().zip(&types).map(|(arg, ty)| Scalar::at(arg.array(), ty, arg.at(row))));
            values.push(function(&row_args).unwrap_or(Scalar::Null));
        }
        Ok(Output::new(scalars_to_array(&values, &ty)?))
    }))
}

fn element_of<'a>(arg: &Operand<'a>) -> Result<&'a SqlType, String> {
    match &arg.ty.kind {
        TypeKind::Array(element) => Ok(element),
        other => Err(format!("it takes an array, not {other}")),
    }
}

/// An array and a value of its elements' type; the result is an array like it, or `ty`.
fn with_element(args: &[Operand<'_>], ty: Option<SqlType>) -> Result<Signature, String> {
    let [array, value] = args else { return Err("it takes an array and a value".to_owned()) };
    let element = element_of(array)?;
    let common = SqlType::common(element, value.ty)
        .ok_or_else(|| format!("the elements are of type {}, not {}", element.kind, value.ty.kind))?;
    let array_ty = SqlType::array(common.clone()).with_null(array.ty.nullable);
    let ty = ty.unwrap_or_else(|| array_ty.clone()).with_null(array.ty.nullable);
    Ok(Signature::new(vec![array_ty, common.with_null(value.ty.nullable)], ty))
}

/// Up to `most` arrays of a common type (exactly one, or two, or any number).
fn arrays(args: &[Operand<'_>], most: usize) -> Result<Signature, String> {
    if args.is_empty() || args.len() > most || (most == 2 && args.len() != 2) {
        return Err(if most == 1 { "it takes one array" } else { "it takes arrays" }.to_owned());
    }
    args.iter().try_for_each(|arg| element_of(arg).map(|_| ()))?;
    let common = SqlType::common_of(args.iter().map(|arg| arg.ty)).ok_or("the arrays have no common type")?;
    let types = args.iter().map(|arg| common.clone().with_null(arg.ty.nullable)).collect();
    Ok(Signature::new(types, common))
}

fn extreme(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [array] = args else { return Err("it takes one array".to_owned()) };
    Ok(Signature::exact(args, element_of(array)?.clone().with_null(true)))
}

fn sort_signature(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [array, flags @ ..] = args else { return Err("it takes an array".to_owned()) };
    element_of(array)?;
    if flags.len() > 2 || flags.iter().any(|flag| flag.ty.kind != TypeKind::Boolean) {
        return Err("behind the array it takes up to two BOOLEAN: ascending, nulls first".to_owned());
    }
    Ok(Signature::exact(args, array.ty.clone().with_null(crate::define::any_null(args))))
}

fn slice_signature(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [array, ends @ ..] = args else { return Err("it takes an array".to_owned()) };
    element_of(array)?;
    if ends.is_empty() || ends.len() > 2 || ends.iter().any(|end| !end.ty.kind.is_integer()) {
        return Err("behind the array it takes the first and perhaps the last place".to_owned());
    }
    Ok(Signature::exact(args, array.ty.clone().with_null(crate::define::any_null(args))))
}

fn join_signature(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [array, texts @ ..] = args else { return Err("it takes an array".to_owned()) };
    let plain = element_of(array)?.kind.is_character() && texts.iter().all(|text| text.ty.kind.is_character());
    if !plain || texts.is_empty() || texts.len() > 2 {
        return Err("it takes an array of texts, a separator, and perhaps a text for NULL".to_owned());
    }
    Ok(Signature::exact(args, SqlType::STRING))
}

fn items(value: &Scalar) -> Option<&[Scalar]> {
    if let Scalar::Array(items) = value { Some(items) } else { None }
}

fn contains(args: &[Scalar]) -> Option<Scalar> {
    Some(Scalar::Boolean(items(&args[0])?.contains(&args[1])))
}

fn position(args: &[Scalar]) -> Option<Scalar> {
    let found = items(&args[0])?.iter().position(|item| *item == args[1]);
    Some(Scalar::Int(found.map_or(0, |place| place as i64 + 1)))
}

fn append(args: &[Scalar]) -> Option<Scalar> {
    Some(Scalar::Array([items(&args[0])?, &args[1..]].concat()))
}

fn prepend(args: &[Scalar]) -> Option<Scalar> {
    Some(Scalar::Array([&args[1..], items(&args[0])?].concat()))
}

fn remove(args: &[Scalar]) -> Option<Scalar> {
    Some(Scalar::Array(items(&args[0])?.iter().filter(|item| **item != args[1]).cloned().collect()))
}

fn reverse(args: &[Scalar]) -> Option<Scalar> {
    Some(Scalar::Array(items(&args[0])?.iter().rev().cloned().collect()))
}

fn unique(items: impl Iterator<Item = Scalar>) -> Scalar {
    let mut seen = tidemill_core::map::Set::default();
    Scalar::Array(items.filter(|item| seen.insert(item.clone())).collect())
}

fn distinct(args: &[Scalar]) -> Option<Scalar> {
    Some(unique(items(&args[0])?.iter().cloned()))
}

fn concat(args: &[Scalar]) -> Option<Scalar> {
    let parts: Option<Vec<&[Scalar]>> = args.iter().map(items).collect();
    Some(Scalar::Array(parts?.concat()))
}

fn union(args: &[Scalar]) -> Option<Scalar> {
    Some(unique(items(&args[0])?.iter().chain(items(&args[1])?).cloned()))
}

fn intersect(args: &[Scalar]) -> Option<Scalar> {
    let other = items(&args[1])?;
    Some(unique(items(&args[0])?.iter().filter(|item| other.contains(item)).cloned()))
}

fn except(args: &[Scalar]) -> Option<Scalar> {
    let other = items(&args[1])?;
    Some(unique(items(&args[0])?.iter().filter(|item| !other.contains(item)).cloned()))
}

/// The order of two values of one type; NULL is equal to everything here.
fn order(left: &Scalar, right: &Scalar) -> Ordering {
    match (left, right) {
        (Scalar::Int(a), Scalar::Int(b)) | (Scalar::Millis(a), Scalar::Millis(b)) => a.cmp(b),
        (Scalar::Double(a), Scalar::Double(b)) => float_order(*a, *b),
        (Scalar::Decimal { value: a, .. }, Scalar::Decimal { value: b, .. }) => a.cmp(b),
        (Scalar::String(a), Scalar::String(b)) => a.cmp(b),
        (Scalar::Bytes(a), Scalar::Bytes(b)) => a.cmp(b),
        (Scalar::Boolean(a), Scalar::Boolean(b)) => a.cmp(b),
        (Scalar::Date(a), Scalar::Date(b))
        | (Scalar::Time(a), Scalar::Time(b))
        | (Scalar::Months(a), Scalar::Months(b)) => a.cmp(b),
        (Scalar::Timestamp { millis: a, nanos: n }, Scalar::Timestamp { millis: b, nanos: m }) => (a, n).cmp(&(b, m)),
        _ => Ordering::Equal,
    }
}

fn edge(args: &[Scalar], wanted: Ordering) -> Option<Scalar> {
    let values = items(&args[0])?.iter().filter(|item| !item.is_null());
    values.reduce(|best, item| if order(item, best) == wanted { item } else { best }).cloned()
}

fn sort(args: &[Scalar]) -> Option<Scalar> {
    let flag = |place: usize, default: bool| match args.get(place) {
        None => Some(default),
        Some(Scalar::Boolean(flag)) => Some(*flag),
        Some(_) => None,
    };
    let ascending = flag(1, true)?;
    let nulls_first = flag(2, ascending)?;
    let (nulls, mut values): (Vec<Scalar>, Vec<Scalar>) = items(&args[0])?.iter().cloned().partition(Scalar::is_null);
    values.sort_by(|a, b| if ascending { order(a, b) } else { order(b, a) });
    Some(Scalar::Array(if nulls_first { [nulls, values].concat() } else { [values, nulls].concat() }))
}

/// Places from 1; negative ones count from the end.
fn slice(args: &[Scalar]) -> Option<Scalar> {
    let items = items(&args[0])?;
    let length = items.len() as i64;
    let place = |place: i64| if place < 0 { length + place + 1 } else { place.max(1) };
    let first = place(args[1].as_i64()?);
    let last = match args.get(2) {
        Some(last) => match last.as_i64()? {
            0 => 0,
            last => place(last),
        },
        None => length,
    };
    let (first, last) = (first.max(1), last.min(length));
    let kept = if first > last { &[] } else { &items[first as usize - 1..last as usize] };
    Some(Scalar::Array(kept.to_vec()))
}

fn join(args: &[Scalar]) -> Option<Scalar> {
    let separator = args[1].as_str()?;
    let replacement = match args.get(2) {
        Some(text) => Some(text.as_str()?),
        None => None,
    };
    let parts = items(&args[0])?.iter().filter_map(|item| item.as_str().or(replacement));
    Some(Scalar::string(parts.collect::<Vec<_>>().join(separator)))
}
