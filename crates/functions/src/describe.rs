//! TYPEOF: the type of an expression as text.

use tidemill_core::Result;
use tidemill_expr::{Arg, Binding, Kernel, Operand, Output, Registry, Scalar, Signature, SqlType};

use crate::define::{Function, Param, accept};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("TYPEOF", infer, bind));
}

fn infer(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[Param::Any, Param::Bool], 1)?, SqlType::STRING.not_null()))
}

fn bind(call: &Binding<'_>) -> Result<Kernel> {
    let text = Scalar::string(call.args[0].to_string()).to_array(&SqlType::STRING)?;
    Ok(Box::new(move |_, rows, _| Ok(Output::new(Arg::constant(text.clone()).expand(rows)?))))
}
