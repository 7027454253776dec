//! Casts of arrays, maps and rows: part by part. The error of a part is the error of its row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::datatypes::DataType;
use tidemill_core::Result;
use tidemill_expr::{EvalContext, Output, RowErrors, TypeKind};

use super::cast as cast_any;
use crate::access::wrong_type;

pub(super) fn cast(array: &ArrayRef, from: &TypeKind, to: &TypeKind, cx: &EvalContext) -> Result<Output> {
    let data_type = to.clone().nullable().arrow_type();
    match (from, to, &data_type) {
        (TypeKind::Array(from), TypeKind::Array(to), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let items = cast_any(list.values(), &from.kind, &to.kind, cx)?;
            let errors = of_rows(&items.errors, list.offsets(), |row| list.is_valid(row));
            let nulls = list.nulls().cloned();
            let list = ListArray::try_new(Arc::clone(field), list.offsets().clone(), items.array, nulls)?;
            Ok(Output::with_errors(Arc::new(list), errors))
        }
        (TypeKind::Map(..) | TypeKind::Multiset(_), _, DataType::Map(field, _)) => {
            let map = array.as_map();
            let (keys, values) = match (from, to) {
                (TypeKind::Map(k, v), TypeKind::Map(tk, tv)) => {
                    (cast_any(map.keys(), &k.kind, &tk.kind, cx)?, cast_any(map.values(), &v.kind, &tv.kind, cx)?)
                }
                (TypeKind::Multiset(from), TypeKind::Multiset(to)) => {
                    (cast_any(map.keys(), &from.kind, &to.kind, cx)?, Output::new(Arc::clone(map.values())))
                }
                _ => return Err(wrong_type("maps", array)),
            };
            let mut all = keys.errors;
            all.merge_where(&values.errors, |_| true);
            let errors = of_rows(&all, map.offsets(), |row| map.is_valid(row));
            let DataType::Struct(fields) = field.data_type() else { return Err(wrong_type("maps", array)) };
            let entries = StructArray::try_new(fields.clone(), vec![keys.array, values.array], None)?;
            let nulls = map.nulls().cloned();
            let map = MapArray::try_new(Arc::clone(field), map.offsets().clone(), entries, nulls, false)?;
            Ok(Output::with_errors(Arc::new(map), errors))
        }
        (TypeKind::Row(from), TypeKind::Row(to), DataType::Struct(fields)) => {
            let rows = array.as_struct();
            let mut errors = RowErrors::NONE;
            let mut columns = Vec::with_capacity(to.len());
            for ((column, from), to) in rows.columns().iter().zip(&from.fields).zip(&to.fields) {
                let output = cast_any(column, &from.ty.kind, &to.ty.kind, cx)?;
                errors.merge_where(&output.errors, |row| rows.is_valid(row));
                columns.push(output.array);
            }
            let nulls = rows.nulls().cloned();
            let rows = StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())?;
            Ok(Output::with_errors(Arc::new(rows), errors))
        }
        _ => Err(wrong_type("arrays, maps or rows", array)),
    }
}

/// Errors of items as errors of the rows that hold them.
fn of_rows(items: &RowErrors, offsets: &[i32], valid: impl Fn(usize) -> bool) -> RowErrors {
    let mut errors = RowErrors::NONE;
    // A slice's items also hold those of the rows around it.
    let shared = offsets[0] as usize..offsets[offsets.len() - 1] as usize;
    for (item, error) in items.iter().filter(|(item, _)| shared.contains(item)) {
        let row = offsets.partition_point(|offset| *offset as usize <= item).saturating_sub(1);
        if valid(row) {
            errors.add(row, error.clone());
        }
    }
    errors
}
