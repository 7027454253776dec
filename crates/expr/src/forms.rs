//! The functions whose arguments are asked for only where they matter: AND, OR, COALESCE, IF. Their types are decided
//! here, their values by the evaluator.

use tidemill_core::Result;

use crate::function::{Binding, Form, Kernel, Operand, ScalarFunction, Signature, not_eager};
use crate::registry::Registry;
use crate::types::{SqlType, TypeKind};

struct LazyForm {
    name: &'static str,
    form: Form,
}

/// Adds the forms.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(LazyForm { name: "AND", form: Form::And });
    registry.add_scalar(LazyForm { name: "OR", form: Form::Or });
    registry.add_scalar(LazyForm { name: "COALESCE", form: Form::Coalesce });
    registry.add_scalar(LazyForm { name: "IF", form: Form::If });
    registry.add_alias("IFNULL", "COALESCE");
}

impl ScalarFunction for LazyForm {
    fn name(&self) -> &str {
        self.name
    }

    fn form(&self) -> Form {
        self.form
    }

    fn infer(&self, args: &[Operand<'_>]) -> Result<Signature, String> {
        match self.form {
            Form::And | Form::Or => conditions(args, args.len()).map(|nullable| {
                let ty = SqlType::BOOLEAN.with_null(nullable);
                Signature::new(args.iter().map(|arg| SqlType::BOOLEAN.with_null(arg.ty.nullable)).collect(), ty)
            }),
            Form::If => {
                conditions(args, 1)?;
                let [condition, values @ ..] = args else { return Err("a condition is missing".to_owned()) };
                if values.len() != 2 {
                    return Err("it takes a condition and two values".to_owned());
                }
                let ty = common(values)?;
                let condition = SqlType::BOOLEAN.with_null(condition.ty.nullable);
                Ok(Signature::new(vec![condition, ty.clone(), ty.clone()], ty))
            }
            Form::Coalesce | Form::Eager => {
                if args.is_empty() {
                    return Err("it takes at least one value".to_owned());
                }
                let ty = common(args)?;
                let nullable = args.iter().all(|arg| arg.ty.nullable);
                let wanted = args.iter().map(|arg| ty.clone().with_null(arg.ty.nullable)).collect();
                Ok(Signature::new(wanted, ty.with_null(nullable)))
            }
        }
    }

    fn bind(&self, _call: &Binding<'_>) -> Result<Kernel> {
        Err(not_eager(self.name))
    }
}

fn common(args: &[Operand<'_>]) -> Result<SqlType, String> {
    SqlType::common_of(args.iter().map(|arg| arg.ty))
        .ok_or_else(|| "the values have no common type: add a CAST".to_owned())
}

/// Whether one of the first `count` arguments is nullable, all being truth values.
fn conditions(args: &[Operand<'_>], count: usize) -> Result<bool, String> {
    let conditions = args.get(..count.max(1)).ok_or_else(|| "a condition is missing".to_owned())?;
    match conditions.iter().find(|arg| !matches!(arg.ty.kind, TypeKind::Boolean | TypeKind::Null)) {
        Some(other) => Err(format!("a condition must be BOOLEAN, not {}", other.ty.kind)),
        None => Ok(conditions.iter().any(|arg| arg.ty.nullable)),
    }
}
