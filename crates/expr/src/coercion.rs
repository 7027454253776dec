//! Implicit conversions: the type that several types have in common, and what may become what without a CAST.
//!
//! The rules are Flink's (SQL standard's, via Calcite): integers widen, exact numbers meet in a DECIMAL that holds both,
//! a FLOAT or DOUBLE wins over integers and pulls a DECIMAL to DOUBLE, a DATE meets a timestamp in the timestamp.

use crate::types::{DECIMAL_PRECISION_MAX, Field, LENGTH_MAX, RowType, SqlType, TypeKind};

impl SqlType {
    /// The least restrictive type of both, as for the branches of a CASE or the columns of a UNION; none if there is none.
    pub fn common(left: &SqlType, right: &SqlType) -> Option<SqlType> {
        let nullable = left.nullable || right.nullable;
        common_kind(&left.kind, &right.kind).map(|kind| kind.with_null(nullable))
    }

    /// The least restrictive type of all; none for an empty list.
    pub fn common_of<'a>(types: impl IntoIterator<Item = &'a SqlType>) -> Option<SqlType> {
        let mut types = types.into_iter();
        let first = types.next()?.clone();
        types.try_fold(first, |all, ty| SqlType::common(&all, ty))
    }

    /// Whether a value of this type may be stored in a column of type `target` without an explicit CAST (nullability
    /// aside): as in Flink's INSERT, integers only widen, while FLOAT, DOUBLE and DECIMAL take numbers with more digits.
    pub fn implicitly_casts_to(&self, target: &SqlType) -> bool {
        use TypeKind::*;
        match (&self.kind, &target.kind) {
            (Null, _) => true,
            (from, to) if from == to => true,
            (from, to) if from.is_integer() && to.is_integer() => from.exact_digits() <= to.exact_digits(),
            (from, Float) if from.is_numeric() => *from != Double,
            (from, to) if from.is_numeric() && to.is_numeric() => !to.is_integer(),
            (from, to) if from.is_character() && to.is_character() => true,
            (from, to) if from.is_binary() && to.is_binary() => true,
            (Time(_), Time(_)) => true,
            (from, to) if from.is_timestamp() && to.is_timestamp() => true,
            (Date, to) if to.is_timestamp() => true,
            (Array(from), Array(to)) | (Multiset(from), Multiset(to)) => from.implicitly_casts_to(to),
            (Map(k, v), Map(tk, tv)) => k.implicitly_casts_to(tk) && v.implicitly_casts_to(tv),
            (Row(from), Row(to)) => {
                from.len() == to.len()
                    && from.fields.iter().zip(&to.fields).all(|(from, to)| from.ty.implicitly_casts_to(&to.ty))
            }
            _ => false,
        }
    }

    /// A DECIMAL of at least these digits, cut to what DECIMAL can hold: digits before the point go last.
    pub fn decimal_holding(whole: u32, scale: u32) -> SqlType {
        let max = u32::from(DECIMAL_PRECISION_MAX);
        let precision = (whole + scale).clamp(1, max);
        let scale = if whole + scale > max { max.saturating_sub(whole).min(scale) } else { scale };
        SqlType::decimal(precision as u8, scale as u8)
    }
}

fn common_kind(left: &TypeKind, right: &TypeKind) -> Option<TypeKind> {
    use TypeKind::*;
    Some(match (left, right) {
        (left, right) if left == right => left.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (left, right) if left.is_character() && right.is_character() => Varchar(length(left).max(length(right))),
        (left, right) if left.is_binary() && right.is_binary() => Varbinary(length(left).max(length(right))),
        (left, right) if left.is_numeric() && right.is_numeric() => common_number(left, right)?,
        (Time(left), Time(right)) => Time(*left.max(right)),
        (Timestamp(left), Timestamp(right)) => Timestamp(*left.max(right)),
        (Timestamp(left) | TimestampLtz(left), Timestamp(right) | TimestampLtz(right)) => {
            TimestampLtz(*left.max(right))
        }
        (Date, stamp) | (stamp, Date) if stamp.is_timestamp() => stamp.clone(),
        (Array(left), Array(right)) => Array(Box::new(SqlType::common(left, right)?)),
        (Multiset(left), Multiset(right)) => Multiset(Box::new(SqlType::common(left, right)?)),
        (Map(k, v), Map(rk, rv)) => Map(Box::new(SqlType::common(k, rk)?), Box::new(SqlType::common(v, rv)?)),
        (Row(left), Row(right)) if left.len() == right.len() => {
            let fields: Option<Vec<Field>> = left
                .fields
                .iter()
                .zip(&right.fields)
                .map(|(left, right)| Some(Field::new(&left.name, SqlType::common(&left.ty, &right.ty)?)))
                .collect();
            Row(RowType { fields: fields? })
        }
        _ => return None,
    })
}

fn common_number(left: &TypeKind, right: &TypeKind) -> Option<TypeKind> {
    if left.is_approximate() || right.is_approximate() {
        let double = *left == TypeKind::Double || *right == TypeKind::Double || left.is_decimal() || right.is_decimal();
        return Some(if double { TypeKind::Double } else { TypeKind::Float });
    }
    let ((lp, ls), (rp, rs)) = (left.exact_digits()?, right.exact_digits()?);
    if left.is_integer() && right.is_integer() {
        return Some(if lp >= rp { left.clone() } else { right.clone() });
    }
    let whole = u32::from((lp - ls).max(rp - rs));
    Some(SqlType::decimal_holding(whole, u32::from(ls.max(rs))).kind)
}

fn length(kind: &TypeKind) -> u32 {
    match kind {
        TypeKind::Char(n) | TypeKind::Varchar(n) | TypeKind::Binary(n) | TypeKind::Varbinary(n) => *n,
        _ => LENGTH_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(left: SqlType, right: SqlType) -> String {
        SqlType::common(&left, &right).map_or("none".to_owned(), |ty| ty.to_string())
    }

    #[test]
    fn numbers_meet_in_the_narrowest_type_that_holds_both() {
        assert_eq!(common(SqlType::INT.not_null(), SqlType::BIGINT.not_null()), "BIGINT NOT NULL");
        assert_eq!(common(SqlType::INT, SqlType::decimal(4, 2)), "DECIMAL(12, 2)");
        assert_eq!(common(SqlType::decimal(38, 0), SqlType::decimal(10, 10)), "DECIMAL(38, 0)");
        assert_eq!(common(SqlType::decimal(4, 2), TypeKind::Float.nullable()), "DOUBLE");
        assert_eq!(common(SqlType::BIGINT, TypeKind::Float.nullable()), "FLOAT");
    }

    #[test]
    fn strings_meet_in_a_varchar_and_null_meets_anything() {
        assert_eq!(common(TypeKind::Char(3).not_null(), TypeKind::Char(5).not_null()), "VARCHAR(5) NOT NULL");
        assert_eq!(common(SqlType::NULL, SqlType::INT.not_null()), "INT");
        assert_eq!(common(SqlType::INT, SqlType::STRING), "none");
        assert_eq!(common(SqlType::DATE, SqlType::timestamp(3)), "TIMESTAMP(3)");
    }
}
