//! One value for what is one key: `-0.0` becomes `0.0` and every NaN the same one, also within rows and arrays. Keys of
//! groups do not tell these apart, so that what is shown of a group must not depend on which of them came.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, ListArray, StructArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use crate::Result;

/// Whether values of a type can have several forms.
pub fn has_forms(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(field) => has_forms(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_forms(field.data_type())),
        _ => false,
    }
}

/// The column with one form of each value.
pub fn one_form(array: &ArrayRef) -> Result<ArrayRef> {
    if !has_forms(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    Ok(match array.data_type() {
        DataType::Float64 => {
            let form = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            let values: Float64Array = array.as_primitive::<Float64Type>().unary(form);
            Arc::new(values)
        }
        DataType::Float32 => {
            let form = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            let values: Float32Array = array.as_primitive::<Float32Type>().unary(form);
            Arc::new(values)
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let values = one_form(list.values())?;
            Arc::new(ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            let columns: Result<Vec<ArrayRef>> = rows.columns().iter().map(one_form).collect();
            let nulls = rows.nulls().cloned();
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns?, nulls, rows.len())?)
        }
        _ => Arc::clone(array),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_nans_have_one_form() {
        let odd = f64::from_bits(f64::NAN.to_bits() | 1);
        let array: ArrayRef = Arc::new(Float64Array::from(vec![Some(-0.0), Some(odd), None, Some(1.5)]));
        let one = one_form(&array).unwrap();
        let one = one.as_primitive::<Float64Type>();
        assert_eq!(one.value(0).to_bits(), 0);
        assert_eq!(one.value(1).to_bits(), f64::NAN.to_bits());
        assert!(one.is_null(2));
        assert_eq!(one.value(3), 1.5);
    }
}
