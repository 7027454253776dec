//! How expressions look in a plan: `(a + 1)`, `CAST(b AS BIGINT)`, `CASE((a > 1), 'x', 'y')`.

use std::fmt;

use crate::expr::Expr;
use crate::types::{SqlType, TypeKind};

/// An expression with the means to name its columns; made by [`Expr::display`].
pub struct ExprDisplay<'a> {
    expr: &'a Expr,
    name: &'a dyn Fn(usize) -> String,
    field: &'a dyn Fn(&Expr, usize) -> String,
}

/// The text of an expression over the columns of a table.
pub fn display_over(expr: &Expr, names: &[String], types: &[SqlType]) -> String {
    let name = |column: usize| names.get(column).cloned().unwrap_or_else(|| format!("${column}"));
    let ty = |column: usize| types.get(column).cloned().unwrap_or(SqlType::NULL);
    expr.display(&name, &|row, index| field_name(&row.ty(&ty), index)).to_string()
}

/// The name of a row type's field.
pub fn field_name(row: &SqlType, index: usize) -> String {
    match &row.kind {
        TypeKind::Row(fields) if index < fields.len() => fields.fields[index].name.clone(),
        _ => format!("${index}"),
    }
}

impl Expr {
    /// The expression as text: `name` names the columns, `field` the fields of rows.
    pub fn display<'a>(
        &'a self,
        name: &'a dyn Fn(usize) -> String,
        field: &'a dyn Fn(&Expr, usize) -> String,
    ) -> ExprDisplay<'a> {
        ExprDisplay { expr: self, name, field }
    }
}

impl ExprDisplay<'_> {
    fn of<'b>(&'b self, expr: &'b Expr) -> ExprDisplay<'b> {
        ExprDisplay { expr, name: self.name, field: self.field }
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, parts: &[&Expr], separator: &str) -> fmt::Result {
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                f.write_str(separator)?;
            }
            write!(f, "{}", self.of(part))?;
        }
        Ok(())
    }

    fn call(&self, f: &mut fmt::Formatter<'_>, function: &str, args: &[Expr]) -> fmt::Result {
        let parts: Vec<&Expr> = args.iter().collect();
        match (function, args) {
            ("NOT", [arg]) => write!(f, "NOT({})", self.of(arg)),
            ("NEGATE", [arg]) => write!(f, "-({})", self.of(arg)),
            ("ITEM", [base, index]) => write!(f, "{}[{}]", self.of(base), self.of(index)),
            ("ARRAY" | "MAP", _) => {
                write!(f, "{function}[")?;
                self.list(f, &parts, ", ")?;
                f.write_str("]")
            }
            (_, [arg]) if function.starts_with("IS ") => write!(f, "{} {function}", self.of(arg)),
            (_, [_, _, ..]) if is_infix(function) => {
                f.write_str("(")?;
                self.list(f, &parts, &format!(" {function} "))?;
                f.write_str(")")
            }
            _ => {
                write!(f, "{function}(")?;
                self.list(f, &parts, ", ")?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for ExprDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expr {
            Expr::Column(column) => f.write_str(&(self.name)(*column)),
            Expr::Literal(value, ty) => match ty.kind {
                TypeKind::Null | TypeKind::Boolean | TypeKind::Int | TypeKind::Char(_) => write!(f, "{value}"),
                _ if value.is_null() => write!(f, "null:{}", ty.kind),
                _ => write!(f, "{value}"),
            },
            Expr::Call { function, args, .. } => self.call(f, function, args),
            Expr::Cast { expr, ty, try_ } => {
                let word = if *try_ { "TRY_CAST" } else { "CAST" };
                write!(f, "{word}({} AS {})", self.of(expr), ty.kind)
            }
            Expr::Case { .. } => {
                f.write_str("CASE(")?;
                self.list(f, &self.expr.children(), ", ")?;
                f.write_str(")")
            }
            Expr::Field { expr, index } => write!(f, "{}.{}", self.of(expr), (self.field)(expr, *index)),
        }
    }
}

fn is_infix(function: &str) -> bool {
    matches!(function, "AND" | "OR" | "LIKE" | "SIMILAR TO" | "IS DISTINCT FROM" | "IS NOT DISTINCT FROM")
        || function.chars().all(|c| c.is_ascii_punctuation())
}

/// Columns by number: `$0`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.display(&|column| format!("${column}"), &|_, index| format!("${index}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Scalar;

    #[test]
    fn operators_stand_between_their_operands() {
        let sum = Expr::call("+", vec![Expr::Column(0), Expr::int(1)], SqlType::INT);
        let test = Expr::call(">", vec![sum, Expr::Column(1)], SqlType::BOOLEAN);
        let both = Expr::call(
            "AND",
            vec![test, Expr::call("IS NULL", vec![Expr::Column(1)], SqlType::BOOLEAN)],
            SqlType::BOOLEAN,
        );
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(display_over(&both, &names, &[]), "(((a + 1) > b) AND b IS NULL)");
    }

    #[test]
    fn calls_casts_and_cases_name_their_parts() {
        let case = Expr::Case {
            branches: vec![(Expr::Column(0), Expr::string("x"))],
            otherwise: Some(Box::new(Expr::Literal(Scalar::Null, SqlType::STRING))),
            ty: SqlType::STRING,
        };
        assert_eq!(case.to_string(), "CASE($0, 'x', null:STRING)");
        let cast = Expr::Cast { expr: Box::new(Expr::Column(0)), ty: SqlType::BIGINT.not_null(), try_: false };
        assert_eq!(cast.to_string(), "CAST($0 AS BIGINT)");
    }
}
