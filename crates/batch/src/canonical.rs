//! One value for what is one key: `-0.0` becomes `0.0` and every NaN the same one, also within rows and arrays. DataFusion
//! groups, joins and sorts by bits; our keys do not tell these apart.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, ListArray, StructArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Whether values of a type can have several forms.
pub(crate) fn has_forms(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(field) => has_forms(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_forms(field.data_type())),
        _ => false,
    }
}

/// The expression with one form of each value.
pub(crate) fn canonical(expr: Expr, data_type: &DataType) -> Expr {
    if !has_forms(data_type) {
        return expr;
    }
    call(expr)
}

/// The same as a call whatever the type; other types have one form of each value already.
pub(crate) fn call(expr: Expr) -> Expr {
    let function = Canonical { signature: Signature::any(1, Volatility::Immutable) };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![expr]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Canonical {
    signature: Signature,
}

impl ScalarUDFImpl for Canonical {
    fn name(&self) -> &str {
        "canonical"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> DfResult<DataType> {
        Ok(args.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: DfResult<Vec<ArrayRef>> = args.args.into_iter().map(|arg| arg.into_array(rows)).collect();
        match arrays?.first() {
            Some(array) => Ok(ColumnarValue::Array(one_form(array)?)),
            None => datafusion::common::internal_err!("a value is missing"),
        }
    }
}

fn one_form(array: &ArrayRef) -> DfResult<ArrayRef> {
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
            let columns: DfResult<Vec<ArrayRef>> = rows.columns().iter().map(one_form).collect();
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
