//! Expressions over the columns of a row.
//!
//! An expression is bound: columns are positions (or, inside a plan, plan-wide column ids), functions are canonical names
//! of the registry, every conversion is an explicit [`Expr::Cast`]. AND, OR and NOT are calls of any number of arguments;
//! like CASE and COALESCE they ask for an argument's value only in the rows where it matters.

use crate::scalar::Scalar;
use crate::types::{SqlType, TypeKind};

/// A bound expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// The value of a column.
    Column(usize),
    /// A constant and its type.
    Literal(Scalar, SqlType),
    /// A call of a registered function.
    Call {
        /// Canonical name, in capitals: `+`, `AND`, `DATE_FORMAT`, `IS NULL`.
        function: String,
        /// Arguments, of exactly the types the function was bound with.
        args: Vec<Expr>,
        /// Type of the result.
        ty: SqlType,
    },
    /// `CAST(expr AS ty)`.
    Cast {
        /// What is converted.
        expr: Box<Expr>,
        /// To what.
        ty: SqlType,
        /// `TRY_CAST`: NULL where the conversion fails.
        try_: bool,
    },
    /// `CASE WHEN c THEN v … ELSE o END`; all values are of type `ty`.
    Case {
        /// Conditions and values, tried in order.
        branches: Vec<(Expr, Expr)>,
        /// The value if no condition is true; NULL without it.
        otherwise: Option<Box<Expr>>,
        /// Type of the result.
        ty: SqlType,
    },
    /// A field of a row.
    Field {
        /// The row.
        expr: Box<Expr>,
        /// The field's position in its type.
        index: usize,
    },
}

impl Expr {
    /// A call.
    pub fn call(function: impl Into<String>, args: Vec<Expr>, ty: SqlType) -> Expr {
        Expr::Call { function: function.into(), args, ty }
    }

    /// A constant.
    pub fn literal(value: Scalar, ty: SqlType) -> Expr {
        Expr::Literal(value, ty)
    }

    /// An `INT NOT NULL` constant.
    pub fn int(value: i32) -> Expr {
        Expr::Literal(Scalar::Int(i64::from(value)), SqlType::INT.not_null())
    }

    /// A `BIGINT NOT NULL` constant.
    pub fn bigint(value: i64) -> Expr {
        Expr::Literal(Scalar::Int(value), SqlType::BIGINT.not_null())
    }

    /// A `CHAR(n) NOT NULL` constant, as Flink types string literals.
    pub fn string(text: &str) -> Expr {
        let length = text.chars().count().max(1) as u32;
        Expr::Literal(Scalar::string(text), TypeKind::Char(length).not_null())
    }

    /// A truth value.
    pub fn boolean(value: bool) -> Expr {
        Expr::Literal(Scalar::Boolean(value), SqlType::BOOLEAN.not_null())
    }

    /// NULL of a type.
    pub fn null(ty: SqlType) -> Expr {
        Expr::Literal(Scalar::Null, ty.with_null(true))
    }

    /// All of `conjuncts`; TRUE for none.
    pub fn and(mut conjuncts: Vec<Expr>, columns: &dyn Fn(usize) -> SqlType) -> Expr {
        if conjuncts.len() == 1 {
            return conjuncts.remove(0);
        }
        if conjuncts.is_empty() {
            return Expr::boolean(true);
        }
        let nullable = conjuncts.iter().any(|conjunct| conjunct.ty(columns).nullable);
        Expr::call("AND", conjuncts, SqlType::BOOLEAN.with_null(nullable))
    }

    /// The conjuncts of a condition: the arguments of AND, however nested.
    pub fn conjuncts(self) -> Vec<Expr> {
        match self {
            Expr::Call { function, args, .. } if function == "AND" => {
                args.into_iter().flat_map(Expr::conjuncts).collect()
            }
            Expr::Literal(Scalar::Boolean(true), _) => Vec::new(),
            other => vec![other],
        }
    }

    /// The type of the value, given the types of the columns.
    pub fn ty(&self, columns: &dyn Fn(usize) -> SqlType) -> SqlType {
        match self {
            Expr::Column(column) => columns(*column),
            Expr::Literal(_, ty) | Expr::Call { ty, .. } | Expr::Cast { ty, .. } | Expr::Case { ty, .. } => ty.clone(),
            Expr::Field { expr, index } => {
                let row = expr.ty(columns);
                let nullable = row.nullable;
                match row.kind {
                    TypeKind::Row(fields) => match fields.fields.into_iter().nth(*index) {
                        Some(field) => SqlType { nullable: field.ty.nullable || nullable, ..field.ty },
                        None => SqlType::NULL,
                    },
                    _ => SqlType::NULL,
                }
            }
        }
    }

    /// The direct parts, in order. Of a CASE: condition and value of each branch, then the other value.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Column(_) | Expr::Literal(..) => Vec::new(),
            Expr::Call { args, .. } => args.iter().collect(),
            Expr::Cast { expr, .. } | Expr::Field { expr, .. } => vec![expr],
            Expr::Case { branches, otherwise, .. } => {
                branches.iter().flat_map(|(when, then)| [when, then]).chain(otherwise.as_deref()).collect()
            }
        }
    }

    /// The same expression with `change` applied to its direct parts.
    pub fn map_children(self, change: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        match self {
            leaf @ (Expr::Column(_) | Expr::Literal(..)) => leaf,
            Expr::Call { function, args, ty } => {
                Expr::Call { function, args: args.into_iter().map(change).collect(), ty }
            }
            Expr::Cast { expr, ty, try_ } => Expr::Cast { expr: Box::new(change(*expr)), ty, try_ },
            Expr::Field { expr, index } => Expr::Field { expr: Box::new(change(*expr)), index },
            Expr::Case { branches, otherwise, ty } => {
                let branches = branches.into_iter().map(|(when, then)| (change(when), change(then))).collect();
                let otherwise = otherwise.map(|other| Box::new(change(*other)));
                Expr::Case { branches, otherwise, ty }
            }
        }
    }

    /// Rebuilds from the leaves up: `change` sees every part after its own parts were changed.
    pub fn transform(self, change: &mut dyn FnMut(Expr) -> Expr) -> Expr {
        let rebuilt = self.map_children(&mut |child| child.transform(change));
        change(rebuilt)
    }

    /// Calls `visit` for every part, the whole first.
    pub fn visit(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        for child in self.children() {
            child.visit(visit);
        }
    }

    /// Whether `test` holds for the whole or any part.
    pub fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// Calls `visit` for every column that occurs, as often as it occurs.
    pub fn visit_columns(&self, visit: &mut dyn FnMut(usize)) {
        self.visit(&mut |part| {
            if let Expr::Column(column) = part {
                visit(*column);
            }
        });
    }

    /// The columns that occur, sorted, each once.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.visit_columns(&mut |column| columns.push(column));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The same expression over other columns.
    pub fn map_columns(self, map: &dyn Fn(usize) -> usize) -> Expr {
        self.replace_columns(&|column| Expr::Column(map(column)))
    }

    /// The same expression with every column replaced by an expression.
    pub fn replace_columns(self, replace: &dyn Fn(usize) -> Expr) -> Expr {
        self.transform(&mut |part| match part {
            Expr::Column(column) => replace(column),
            other => other,
        })
    }

    /// True for TRUE.
    pub fn is_true(&self) -> bool {
        matches!(self, Expr::Literal(Scalar::Boolean(true), _))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_listed_once_and_can_be_renumbered() {
        let sum = Expr::call("+", vec![Expr::Column(4), Expr::Column(2)], SqlType::INT);
        let both = Expr::call("*", vec![sum, Expr::Column(4)], SqlType::INT);
        assert_eq!(both.columns(), [2, 4]);
        assert_eq!(both.map_columns(&|column| column - 2).columns(), [0, 2]);
    }

    #[test]
    fn conjuncts_flatten_nested_ands() {
        let boolean = |_| SqlType::BOOLEAN;
        let inner = Expr::and(vec![Expr::Column(0), Expr::Column(1)], &boolean);
        let all = Expr::and(vec![inner, Expr::boolean(true), Expr::Column(2)], &boolean);
        assert_eq!(all.conjuncts(), [Expr::Column(0), Expr::Column(1), Expr::Column(2)]);
    }
}
