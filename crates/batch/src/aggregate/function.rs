//! An aggregate call of ours as a function of DataFusion's.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator as DfAccumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, Signature, Volatility, lit,
};
use tidemill_core::{Failure, Result};
use tidemill_expr::{Accumulator, Registry, SqlType};

use super::groups::Groups;
use super::single::SingleGroup;
use crate::failure::to_datafusion;

/// A call with its types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    /// Canonical name.
    pub function: String,
    /// The arguments' types.
    pub args: Vec<SqlType>,
    /// The result's type.
    pub ty: SqlType,
    /// Equal arguments count once.
    pub distinct: bool,
}

/// The call as an expression; `filter`: only rows where it is true count.
pub(crate) fn call(mut call: Call, args: Vec<Expr>, filter: Option<Expr>, functions: &Registry) -> Result<Expr> {
    let function = functions
        .aggregate(&call.function)
        .ok_or_else(|| Failure::user("batch.function", format!("there is no aggregate function {}", call.function)))?;
    call.distinct &= !function.ignores_distinct();
    let accumulator: Arc<dyn Accumulator> = Arc::from(function.bind(&call.args, &call.ty, false)?);
    // DataFusion wants an argument in any case; COUNT(*) does not look at it.
    let args = if args.is_empty() { vec![lit(true)] } else { args };
    let signature = Signature::any(args.len(), Volatility::Immutable);
    let function = AggregateUDF::from(Aggregate { call, signature, accumulator });
    let filter = filter.map(Box::new);
    Ok(Expr::AggregateFunction(AggregateFunction::new_udf(Arc::new(function), args, false, filter, Vec::new(), None)))
}

/// Whether the call's states cannot be merged.
pub(crate) fn runs_in_one_phase(function: &AggregateUDF) -> bool {
    let function: &dyn Any = function.inner().as_ref();
    function.downcast_ref::<Aggregate>().is_some_and(|call| call.call.distinct || !call.accumulator.mergeable())
}

struct Aggregate {
    call: Call,
    signature: Signature,
    accumulator: Arc<dyn Accumulator>,
}

impl Aggregate {
    fn groups(&self) -> DfResult<Groups> {
        Groups::new(&self.call, Arc::clone(&self.accumulator)).map_err(to_datafusion)
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Aggregate) -> bool {
        self.call == other.call
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call.hash(state);
    }
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call.function)
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        &self.call.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> DfResult<DataType> {
        Ok(self.call.ty.arrow_type())
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn DfAccumulator>> {
        Ok(Box::new(SingleGroup::new(self.groups()?)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        let name = |word: usize| format_state_name(args.name, &format!("word{word}"));
        let field = |word: usize| Arc::new(Field::new(name(word), DataType::UInt64, true));
        Ok((0..self.accumulator.words()).map(field).collect())
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups()?))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
