//! One value for what is one key: `-0.0` becomes `0.0` and every NaN the same one, also within rows and arrays. DataFusion
//! groups, joins and sorts by bits; our keys do not tell these apart.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
pub(crate) use tidemill_core::key::has_forms;
use tidemill_core::key::one_form;

use crate::failure::to_datafusion;

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
            Some(array) => Ok(ColumnarValue::Array(one_form(array).map_err(to_datafusion)?)),
            None => datafusion::common::internal_err!("a value is missing"),
        }
    }
}
