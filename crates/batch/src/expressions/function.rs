//! An expression of ours as a function of DataFusion's: its columns are the arguments.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr as DfExpr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use tidemill_core::{Batch, Failure, Result};
use tidemill_expr::{Expr, Field, Program, RowType};
use tidemill_planner::rel::{ColId, ColumnRegistry};

use crate::context::QueryContext;
use crate::failure::to_datafusion;
use crate::names;

/// What is asked of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// Its value.
    Value,
    /// Whether it is true: NULL is false, and an error counts only where all else holds.
    Truth,
}

/// The expression as a call with its columns, and `besides`, as arguments. `fixed`: DataFusion must not move it.
pub(super) fn call(
    expr: &Expr,
    asked: Asked,
    besides: &[ColId],
    registry: &ColumnRegistry,
    cx: &Arc<QueryContext>,
    fixed: bool,
) -> Result<DfExpr> {
    let mut columns = expr.columns();
    columns.extend(besides);
    columns.sort_unstable();
    columns.dedup();
    let input =
        RowType::new(columns.iter().map(|id| Field::new(registry.name(*id), registry.ty(*id))).collect::<Vec<_>>());
    let text = registry.show(expr);
    let ty = registry.expr_ty(expr).arrow_type();
    let expr = expr.clone().map_columns(&|id| columns.binary_search(&id).unwrap_or(id));
    let program = Program::compile(std::slice::from_ref(&expr), &input, &cx.batch.functions)?;
    let volatility = if fixed { Volatility::Volatile } else { Volatility::Immutable };
    let signature = match columns.len() {
        0 => Signature::nullary(volatility),
        arguments => Signature::any(arguments, volatility),
    };
    let function = Evaluated { text, expr, asked, input, ty, signature, program, cx: Arc::clone(cx) };
    let args = columns.iter().map(|id| names::column(registry, *id)).collect();
    Ok(DfExpr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), args)))
}

struct Evaluated {
    text: String,
    /// Over the arguments.
    expr: Expr,
    asked: Asked,
    input: RowType,
    ty: DataType,
    signature: Signature,
    program: Program,
    cx: Arc<QueryContext>,
}

impl PartialEq for Evaluated {
    fn eq(&self, other: &Evaluated) -> bool {
        self.expr == other.expr
            && self.asked == other.asked
            && self.input == other.input
            && self.signature == other.signature
    }
}

impl Eq for Evaluated {}

impl Hash for Evaluated {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expr.hash(state);
        self.input.hash(state);
    }
}

impl fmt::Debug for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ScalarUDFImpl for Evaluated {
    fn name(&self) -> &str {
        &self.text
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> DfResult<DataType> {
        Ok(self.ty.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let columns: DfResult<Vec<ArrayRef>> = args
            .args
            .into_iter()
            .zip(&self.input.fields)
            .map(|(arg, field)| match arg.into_array(rows)? {
                // Rules ask what becomes of NULL, and do not say of what type.
                untyped if untyped.data_type().is_null() => Ok(new_null_array(&field.ty.arrow_type(), rows)),
                column => Ok(column),
            })
            .collect();
        let batch = Batch::new(columns?, rows);
        if self.asked == Asked::Truth {
            let mask = self.program.filter(&batch, &self.cx.eval()).map_err(to_datafusion)?;
            return Ok(ColumnarValue::Array(Arc::new(mask)));
        }
        let mut values = self.program.columns(&batch, &self.cx.eval()).map_err(to_datafusion)?;
        let value = values.pop().ok_or_else(|| {
            to_datafusion(Failure::fatal("batch.expression", format!("{} gave no column", self.text)))
        })?;
        Ok(ColumnarValue::Array(value))
    }
}
