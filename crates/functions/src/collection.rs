//! Arrays, maps and rows made and taken apart: ARRAY[…], MAP[…], ROW(…), x[i], CARDINALITY, ELEMENT, MAP_KEYS, MAP_VALUES.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Int32Type};
use tidemill_core::{Failure, Result, strings};
use tidemill_expr::{
    Arg, Binding, EvalContext, Field, Kernel, Operand, Output, Registry, RowError, RowErrors, Scalar, Signature,
    SqlType, TypeKind,
};

use crate::access::{Numbers, Texts, numbers, wrong_type};
use crate::define::Function;

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("ARRAY", infer_array, bind_array));
    let map = Function::new("MAP", infer_map, bind_map);
    registry.add_scalar(map.fallible_for(|args| args.iter().step_by(2).any(|key| key.ty.nullable)));
    registry.add_scalar(Function::new("ROW", infer_row, bind_row));
    registry.add_scalar(Function::new("ITEM", infer_item, bind_item));
    registry.add_scalar(Function::new("CARDINALITY", infer_cardinality, |_| Ok(Box::new(cardinality))));
    registry.add_scalar(Function::new("ELEMENT", infer_element, |_| Ok(Box::new(element))).fallible());
    registry.add_scalar(Function::new("MAP_KEYS", |args| infer_map_part(args, true), |call| bind_map_part(call, true)));
    registry.add_scalar(Function::new(
        "MAP_VALUES",
        |args| infer_map_part(args, false),
        |call| bind_map_part(call, false),
    ));
    registry.add_scalar(Function::new("MAP_FROM_ARRAYS", infer_from_arrays, bind_from_arrays).fallible());
}

fn common<'a>(args: impl IntoIterator<Item = &'a Operand<'a>>) -> Result<SqlType, String> {
    SqlType::common_of(args.into_iter().map(|arg| arg.ty))
        .ok_or_else(|| "the values need a common type: add a CAST, or write one value at least".to_owned())
}

fn infer_array(args: &[Operand<'_>]) -> Result<Signature, String> {
    let element = common(args)?;
    let types = args.iter().map(|_| element.clone()).collect();
    Ok(Signature::new(types, SqlType::array(element).not_null()))
}

/// Values of several arguments, row by row: all of the first row, all of the second, and so on.
fn row_major(args: &[&Arg], rows: impl Iterator<Item = usize>) -> Result<ArrayRef> {
    let arrays: Vec<&dyn Array> = args.iter().map(|arg| arg.array().as_ref()).collect();
    let places: Vec<(usize, usize)> =
        rows.flat_map(|row| args.iter().enumerate().map(move |(i, arg)| (i, arg.at(row)))).collect();
    Ok(strings::shared_or_copied(interleave(&arrays, &places)?))
}

fn bind_array(call: &Binding<'_>) -> Result<Kernel> {
    let DataType::List(field) = call.ty.arrow_type() else { return Err(Failure::fatal("functions.type", "no array")) };
    Ok(Box::new(move |args, rows, _| {
        let items = row_major(&args.iter().collect::<Vec<_>>(), 0..rows)?;
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(args.len(), rows));
        Ok(Output::new(Arc::new(ListArray::try_new(Arc::clone(&field), offsets, items, None)?)))
    }))
}

fn infer_map(args: &[Operand<'_>]) -> Result<Signature, String> {
    if args.len() % 2 == 1 {
        return Err("it takes keys and values in turn".to_owned());
    }
    let key = common(args.iter().step_by(2))?;
    let value = common(args.iter().skip(1).step_by(2))?;
    let types = (0..args.len()).map(|i| if i % 2 == 0 { key.clone() } else { value.clone() }).collect();
    Ok(Signature::new(types, SqlType::map(key, value).not_null()))
}

fn bind_map(call: &Binding<'_>) -> Result<Kernel> {
    let ty = call.ty.clone();
    Ok(Box::new(move |args, rows, _| {
        let keys: Vec<&Arg> = args.iter().step_by(2).collect();
        let values: Vec<&Arg> = args.iter().skip(1).step_by(2).collect();
        // A row with a NULL key has an error, and an empty map in its place.
        let has_keys = |row: usize| keys.iter().all(|key| !key.is_null(row));
        let mut errors = RowErrors::NONE;
        (0..rows).filter(|row| !has_keys(*row)).for_each(|row| errors.add(row, null_key()));
        let lengths = OffsetBuffer::from_lengths((0..rows).map(|row| if has_keys(row) { keys.len() } else { 0 }));
        let whole = || (0..rows).filter(|row| has_keys(*row));
        let map = map_array(&ty, lengths, row_major(&keys, whole())?, row_major(&values, whole())?)?;
        Ok(Output::with_errors(map, errors))
    }))
}

fn null_key() -> RowError {
    RowError::new("map-null-key", "a key of a MAP is NULL: use COALESCE or leave such entries out")
}

/// A column of maps from all their keys, of which none is NULL, and values.
fn map_array(ty: &SqlType, offsets: OffsetBuffer<i32>, keys: ArrayRef, values: ArrayRef) -> Result<ArrayRef> {
    let DataType::Map(field, _) = ty.arrow_type() else { return Err(Failure::fatal("functions.type", "no map")) };
    let DataType::Struct(fields) = field.data_type() else { return Err(Failure::fatal("functions.type", "no map")) };
    let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, None, false)?))
}

fn infer_row(args: &[Operand<'_>]) -> Result<Signature, String> {
    let fields = args.iter().enumerate().map(|(i, arg)| Field::new(format!("EXPR${i}"), arg.ty.clone())).collect();
    Ok(Signature::exact(args, SqlType::row(fields).not_null()))
}

fn bind_row(call: &Binding<'_>) -> Result<Kernel> {
    let DataType::Struct(fields) = call.ty.arrow_type() else { return Err(Failure::fatal("functions.type", "no row")) };
    Ok(Box::new(move |args, rows, _| {
        let columns: Result<Vec<ArrayRef>> = args.iter().map(|arg| arg.expand(rows)).collect();
        Ok(Output::new(Arc::new(StructArray::try_new_with_length(fields.clone(), columns?, None, rows)?)))
    }))
}

fn infer_item(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [collection, place] = args else { return Err("it takes a collection and a place".to_owned()) };
    match &collection.ty.kind {
        TypeKind::Array(element) => {
            if !place.ty.kind.is_integer() {
                return Err(format!("an array's place is an INT, not {}", place.ty.kind));
            }
            if place.literal.and_then(Scalar::as_i64).is_some_and(|place| place < 1) {
                return Err("places of an array count from 1".to_owned());
            }
            let types = vec![collection.ty.clone(), SqlType::INT.with_null(place.ty.nullable)];
            Ok(Signature::new(types, (**element).clone().with_null(true)))
        }
        TypeKind::Map(key, value) => {
            if SqlType::common(key, place.ty).is_none() {
                return Err(format!("the map's keys are of type {}, not {}", key.kind, place.ty.kind));
            }
            let types = vec![collection.ty.clone(), key.kind.clone().with_null(place.ty.nullable)];
            Ok(Signature::new(types, (**value).clone().with_null(true)))
        }
        other => Err(format!("{other} has no items")),
    }
}

fn bind_item(call: &Binding<'_>) -> Result<Kernel> {
    let key = match &call.args[0].kind {
        TypeKind::Map(key, _) => Some((**key).clone()),
        _ => None,
    };
    Ok(Box::new(move |args, rows, _| match &key {
        None => array_item(&args[0], &args[1], rows),
        Some(key) => map_item(&args[0], &args[1], key, rows),
    }))
}

/// Items at the places given, NULL where there is none.
fn taken(items: &ArrayRef, places: impl Iterator<Item = Option<usize>>) -> Result<Output> {
    let places: UInt32Array = places.map(|place| place.map(|place| place as u32)).collect();
    Ok(Output::new(strings::shared_or_copied(take(items, &places, None)?)))
}

fn array_item(array: &Arg, place: &Arg, rows: usize) -> Result<Output> {
    let list = array.array().as_list_opt::<i32>().ok_or_else(|| wrong_type("arrays", array.array()))?;
    let place = Numbers::<Int32Type>::of(place)?;
    let offsets = list.value_offsets();
    taken(
        list.values(),
        (0..rows).map(|row| {
            let (row, place) = (array.at(row), place.get(row)?);
            let length = offsets[row + 1] - offsets[row];
            (list.is_valid(row) && (1..=length).contains(&place)).then(|| (offsets[row] + place - 1) as usize)
        }),
    )
}

fn map_item(map: &Arg, wanted: &Arg, key: &SqlType, rows: usize) -> Result<Output> {
    let entries = map.array().as_map_opt().ok_or_else(|| wrong_type("maps", map.array()))?;
    let offsets = entries.value_offsets();
    let range = |row: usize| offsets[row] as usize..offsets[row + 1] as usize;
    if let (Some(keys), Ok(wanted)) = (entries.keys().as_string_view_opt(), Texts::of(wanted)) {
        return taken(
            entries.values(),
            (0..rows).map(|row| {
                let (wanted, row) = (wanted.get(row)?, map.at(row));
                // The last entry of a key counts.
                entries.is_valid(row).then(|| range(row).rev().find(|entry| keys.value(*entry) == wanted))?
            }),
        );
    }
    taken(
        entries.values(),
        (0..rows).map(|row| {
            let value = Scalar::at(wanted.array(), key, wanted.at(row));
            let row = map.at(row);
            let found = || range(row).rev().find(|entry| Scalar::at(entries.keys(), key, *entry) == value);
            if entries.is_valid(row) && !value.is_null() { found() } else { None }
        }),
    )
}

fn infer_cardinality(args: &[Operand<'_>]) -> Result<Signature, String> {
    match args {
        [arg] if matches!(arg.ty.kind, TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_)) => {
            Ok(Signature::exact(args, SqlType::INT.with_null(arg.ty.nullable)))
        }
        _ => Err("it takes an array or a map".to_owned()),
    }
}

fn offsets_of(array: &ArrayRef) -> Result<&[i32]> {
    if let Some(list) = array.as_list_opt::<i32>() {
        return Ok(list.value_offsets());
    }
    array.as_map_opt().map(|map| map.value_offsets()).ok_or_else(|| wrong_type("arrays or maps", array))
}

fn cardinality(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let offsets = offsets_of(args[0].array())?;
    Ok(numbers::<Int32Type>(rows, |row| {
        let at = args[0].at(row);
        (!args[0].is_null(row)).then(|| offsets[at + 1] - offsets[at])
    }))
}

fn infer_element(args: &[Operand<'_>]) -> Result<Signature, String> {
    match args {
        [Operand { ty: SqlType { kind: TypeKind::Array(element), .. }, .. }] => {
            Ok(Signature::exact(args, (**element).clone().with_null(true)))
        }
        _ => Err("it takes an array".to_owned()),
    }
}

/// The one element of an array; NULL of an empty one, an error of a longer one.
fn element(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let list = args[0].array().as_list_opt::<i32>().ok_or_else(|| wrong_type("arrays", args[0].array()))?;
    let offsets = list.value_offsets();
    let mut errors = RowErrors::NONE;
    let mut output = taken(
        list.values(),
        (0..rows).map(|row| {
            let at = args[0].at(row);
            match offsets[at + 1] - offsets[at] {
                _ if list.is_null(at) => None,
                0 => None,
                1 => Some(offsets[at] as usize),
                _ => {
                    errors
                        .add(row, RowError::new("element", "ELEMENT takes an array of one element: choose one by [i]"));
                    None
                }
            }
        }),
    )?;
    output.errors = errors;
    Ok(output)
}

fn infer_map_part(args: &[Operand<'_>], keys: bool) -> Result<Signature, String> {
    match args {
        [Operand { ty: SqlType { kind: TypeKind::Map(key, value), nullable }, .. }] => {
            let element = if keys { &**key } else { &**value };
            Ok(Signature::exact(args, SqlType::array(element.clone()).with_null(*nullable)))
        }
        _ => Err("it takes a map".to_owned()),
    }
}

fn bind_map_part(call: &Binding<'_>, keys: bool) -> Result<Kernel> {
    let DataType::List(field) = call.ty.arrow_type() else { return Err(Failure::fatal("functions.type", "no array")) };
    Ok(Box::new(move |args, _, _| {
        let map = args[0].array().as_map_opt().ok_or_else(|| wrong_type("maps", args[0].array()))?;
        let items = if keys { map.keys() } else { map.values() };
        let nulls = map.nulls().cloned();
        let list = ListArray::try_new(Arc::clone(&field), map.offsets().clone(), Arc::clone(items), nulls)?;
        Ok(Output::new(Arc::new(list)))
    }))
}

fn infer_from_arrays(args: &[Operand<'_>]) -> Result<Signature, String> {
    match args {
        [keys, values] => match (&keys.ty.kind, &values.ty.kind) {
            (TypeKind::Array(key), TypeKind::Array(value)) => {
                let ty = SqlType::map((**key).clone(), (**value).clone());
                Ok(Signature::exact(args, ty.with_null(crate::define::any_null(args))))
            }
            _ => Err("it takes an array of keys and an array of values".to_owned()),
        },
        _ => Err("it takes an array of keys and an array of values".to_owned()),
    }
}

fn bind_from_arrays(call: &Binding<'_>) -> Result<Kernel> {
    let (keys, values, ty) = (call.args[0].clone(), call.args[1].clone(), call.ty.clone());
    Ok(Box::new(move |args, rows, _| {
        let mut errors = RowErrors::NONE;
        let maps: Vec<Scalar> = (0..rows)
            .map(|row| {
                let at = |arg: &Arg, ty: &SqlType| Scalar::at(arg.array(), ty, arg.at(row));
                match (at(&args[0], &keys), at(&args[1], &values)) {
                    (Scalar::Array(keys), Scalar::Array(_)) if keys.iter().any(Scalar::is_null) => {
                        errors.add(row, null_key());
                        Scalar::Null
                    }
                    (Scalar::Array(keys), Scalar::Array(values)) if keys.len() == values.len() => {
                        Scalar::Map(keys.into_iter().zip(values).collect())
                    }
                    (Scalar::Array(_), Scalar::Array(_)) => {
                        let text = "MAP_FROM_ARRAYS takes two arrays of the same length";
                        errors.add(row, RowError::new("map-from-arrays", text));
                        Scalar::Null
                    }
                    _ => Scalar::Null,
                }
            })
            .collect();
        Ok(Output::with_errors(tidemill_expr::arrays::scalars_to_array(&maps, &ty)?, errors))
    }))
}
