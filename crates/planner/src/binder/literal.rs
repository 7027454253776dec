//! Constants as written to values with Flink's types.

use tidemill_expr::scalar::days_from_civil;
use tidemill_expr::types::DECIMAL_PRECISION_MAX;
use tidemill_expr::{Expr, Scalar, SqlType, TimeZone, TypeKind};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{IntervalQualifier, Literal, TimeUnit};

use crate::error::{PlanError, PlanResult};

/// The constant's value and type; `time_zone` is the session's.
pub(crate) fn bind_literal(literal: &Literal, span: Span, time_zone: TimeZone) -> PlanResult<Expr> {
    let wrong = |text: String, help: &str| PlanError::new("sql.literal", span, text).help(help);
    Ok(match literal {
        Literal::Null => Expr::null(SqlType::NULL),
        Literal::Boolean(value) => Expr::boolean(*value),
        Literal::Unknown => Expr::null(SqlType::BOOLEAN),
        Literal::Number(digits) => number(digits, span)?,
        Literal::String(text) => Expr::string(text),
        Literal::Binary(digits) => {
            let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
                .map(|i| digits.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
                .collect();
            let bytes = bytes.ok_or_else(|| wrong("these are no hexadecimal digits".into(), "write X'0aff'"))?;
            let length = bytes.len().max(1) as u32;
            Expr::literal(Scalar::Bytes(bytes.into()), TypeKind::Binary(length).not_null())
        }
        Literal::Date(text) => {
            let days = date(text).ok_or_else(|| wrong(format!("'{text}' is no date"), "write DATE '2013-01-31'"))?;
            Expr::literal(Scalar::Date(days), TypeKind::Date.not_null())
        }
        Literal::Time(text) => {
            let (nanos, digits) =
                time(text).ok_or_else(|| wrong(format!("'{text}' is no time"), "write TIME '12:30:00'"))?;
            Expr::literal(Scalar::Time((nanos / 1_000_000) as i32), TypeKind::Time(digits).not_null())
        }
        Literal::Timestamp(text) => {
            let (millis, nanos, digits) = timestamp(text)
                .ok_or_else(|| wrong(format!("'{text}' is no timestamp"), "write TIMESTAMP '2013-01-31 12:30:00'"))?;
            in_range(text, millis, nanos, digits, span)?;
            Expr::literal(Scalar::Timestamp { millis, nanos }, TypeKind::Timestamp(digits).not_null())
        }
        Literal::TimestampLtz(text) => {
            let (millis, nanos, digits) = timestamp(text).ok_or_else(|| {
                wrong(format!("'{text}' is no timestamp"), "write TIMESTAMP WITH LOCAL TIME ZONE '2013-01-31 12:30:00'")
            })?;
            let millis = time_zone.to_epoch_ms(millis);
            in_range(text, millis, nanos, digits, span)?;
            Expr::literal(Scalar::Timestamp { millis, nanos }, TypeKind::TimestampLtz(digits).not_null())
        }
        Literal::Interval { value, negative, qualifier } => interval(value, *negative, qualifier, span)?,
    })
}

/// INT, BIGINT or DECIMAL by size; with a point DECIMAL with as many digits as are written; with an exponent DOUBLE.
fn number(digits: &str, span: Span) -> PlanResult<Expr> {
    let too_long = || {
        let text = format!("the number has more than {DECIMAL_PRECISION_MAX} digits");
        PlanError::new("sql.literal", span, text).help("write it with an exponent to make it a DOUBLE")
    };
    if digits.contains(['e', 'E']) {
        let value: f64 = digits.parse().map_err(|_| PlanError::new("sql.literal", span, "this is no number"))?;
        return Ok(Expr::literal(Scalar::Double(value), TypeKind::Double.not_null()));
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let value: i128 = format!("{whole}{fraction}").parse().map_err(|_| too_long())?;
    if fraction.is_empty() {
        if let Ok(value) = i32::try_from(value) {
            return Ok(Expr::int(value));
        }
        if let Ok(value) = i64::try_from(value) {
            return Ok(Expr::bigint(value));
        }
    }
    let precision =
        if fraction.is_empty() { whole.trim_start_matches('0').len() } else { whole.len() + fraction.len() };
    let precision = u8::try_from(precision).ok().filter(|p| *p <= DECIMAL_PRECISION_MAX).ok_or_else(too_long)?;
    let scale = fraction.len() as u8;
    Ok(Expr::literal(
        Scalar::Decimal { value, scale },
        TypeKind::Decimal { precision: precision.max(1), scale }.not_null(),
    ))
}

fn date(text: &str) -> Option<i32> {
    let mut parts = text.trim().split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || day == 0 || day > days_in_month {
        return None;
    }
    i32::try_from(days_from_civil(i64::from(year), month, day)).ok()
}

/// Nanoseconds of the day, and how many digits the fraction has.
fn time(text: &str) -> Option<(i64, u8)> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    let nanos = if fraction.is_empty() { 0 } else { digits(fraction, 9)? * 10u32.pow(9 - fraction.len() as u32) };
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * 1_000_000_000 + i64::from(nanos), fraction.len() as u8))
}

/// Milliseconds, nanoseconds within the millisecond, digits of the fraction.
fn timestamp(text: &str) -> Option<(i64, u32, u8)> {
    let text = text.trim();
    let (day, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let (nanos, digits) = time(clock)?;
    let millis = i64::from(date(day)?) * 86_400_000 + nanos / 1_000_000;
    Some((millis, (nanos % 1_000_000) as u32, digits))
}

/// A timestamp with more than six digits is kept in nanoseconds, which reach from 1677 to 2262.
fn in_range(text: &str, millis: i64, nanos: u32, digits: u8, span: Span) -> PlanResult<()> {
    let fine = millis.checked_mul(1_000_000).and_then(|fine| fine.checked_add(i64::from(nanos)));
    if digits <= 6 || fine.is_some() {
        return Ok(());
    }
    let wrong = format!("'{text}' does not fit into TIMESTAMP({digits}), which reaches from 1677 to 2262");
    Err(PlanError::new("sql.literal", span, wrong).help("write at most six digits of a second"))
}

fn digits(text: &str, length_max: usize) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= length_max && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Months for years to months, milliseconds for days to seconds.
fn interval(value: &str, negative: bool, qualifier: &IntervalQualifier, span: Span) -> PlanResult<Expr> {
    use TimeUnit::{Day, Hour, Minute, Month, Quarter, Second, Week, Year};
    const UNITS: [TimeUnit; 6] = [Year, Month, Day, Hour, Minute, Second];
    let wrong = || {
        let text = format!("'{value}' is no interval of {qualifier}");
        PlanError::new("sql.literal", span, text).help("write INTERVAL '10' SECOND, INTERVAL '1 02:30' DAY TO MINUTE")
    };
    let (text, minus) = match value.trim().strip_prefix('-') {
        Some(rest) => (rest, !negative),
        None => (value.trim().trim_start_matches('+'), negative),
    };
    let of = |unit: TimeUnit| match unit {
        Year => Some(12),
        Quarter => Some(3),
        Month => Some(1),
        Week => Some(7 * 86_400_000),
        Day => Some(86_400_000),
        Hour => Some(3_600_000),
        Minute => Some(60_000),
        Second => Some(1000),
        _ => None,
    };
    let mut total: i64 = 0;
    let mut add = |part: &str, unit: TimeUnit| -> Option<()> {
        let (whole, fraction) = if unit == Second { part.split_once('.').unwrap_or((part, "")) } else { (part, "") };
        let number: i64 = digits(whole, 9).map(i64::from)?;
        total = total.checked_add(number.checked_mul(of(unit)?)?)?;
        if !fraction.is_empty() {
            let millis = format!("{:0<3}", fraction.get(..fraction.len().min(3))?);
            digits(fraction, 9)?;
            total += i64::from(digits(&millis, 3)?);
        }
        Some(())
    };
    match qualifier.end {
        None => add(text, qualifier.start).ok_or_else(wrong)?,
        Some(end) => {
            let position = |unit| UNITS.iter().position(|known| *known == unit);
            let (first, last) = (position(qualifier.start).ok_or_else(wrong)?, position(end).ok_or_else(wrong)?);
            let units = UNITS.get(first..=last).ok_or_else(wrong)?;
            let parts: Vec<&str> = text.split([' ', '-', ':']).filter(|part| !part.is_empty()).collect();
            if parts.len() != units.len() {
                return Err(wrong());
            }
            for (part, unit) in parts.into_iter().zip(units) {
                add(part, *unit).ok_or_else(wrong)?;
            }
        }
    }
    let total = if minus { -total } else { total };
    Ok(match qualifier.start {
        Year | Quarter | Month => {
            let months = i32::try_from(total).map_err(|_| wrong())?;
            Expr::literal(Scalar::Months(months), TypeKind::IntervalYearMonth.not_null())
        }
        _ => Expr::literal(Scalar::Millis(total), TypeKind::IntervalDayTime.not_null()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(literal: Literal) -> String {
        match bind_literal(&literal, Span::default(), TimeZone::Fixed(3600)) {
            Ok(Expr::Literal(value, ty)) => format!("{value} {}", ty.kind),
            Ok(other) => other.to_string(),
            Err(error) => error.message().to_string(),
        }
    }

    #[test]
    fn numbers_have_flinks_types() {
        let number = |text: &str| shown(Literal::Number(text.into()));
        assert_eq!(number("12"), "12 INT");
        assert_eq!(number("3000000000"), "3000000000 BIGINT");
        assert_eq!(number("0.908"), "0.908 DECIMAL(4, 3)");
        assert_eq!(number("20000000000000000000"), "20000000000000000000 DECIMAL(20, 0)");
        assert_eq!(number("1e2"), "100.0 DOUBLE");
    }

    #[test]
    fn dates_and_times_are_checked() {
        assert_eq!(shown(Literal::Date("2013-02-28".into())), "2013-02-28 DATE");
        assert_eq!(shown(Literal::Date("2013-02-29".into())), "'2013-02-29' is no date");
        assert_eq!(shown(Literal::Timestamp("2013-01-01 12:30:00.5".into())), "2013-01-01 12:30:00.5 TIMESTAMP(1)");
        let late = Literal::Timestamp("2262-04-12 00:00:00.0000001".into());
        assert!(shown(late).contains("from 1677 to 2262"));
        assert_eq!(
            shown(Literal::Timestamp("9999-01-01 00:00:00.000001".into())),
            "9999-01-01 00:00:00.000001 TIMESTAMP(6)"
        );
        assert_eq!(shown(Literal::TimestampLtz("1970-01-01 01:00:00".into())), "1970-01-01 00:00:00 TIMESTAMP_LTZ(0)");
    }

    #[test]
    fn intervals_count_months_or_milliseconds() {
        let interval = |value: &str, start, end| {
            let qualifier = IntervalQualifier {
                start,
                start_precision: None,
                end,
                fraction_precision: None,
                span: Span::default(),
            };
            shown(Literal::Interval { value: value.into(), negative: false, qualifier })
        };
        assert_eq!(interval("12", TimeUnit::Hour, None), "43200000:INTERVAL MILLISECOND INTERVAL DAY TO SECOND(3)");
        assert_eq!(
            interval("-1 02:03", TimeUnit::Day, Some(TimeUnit::Minute)),
            "-93780000:INTERVAL MILLISECOND INTERVAL DAY TO SECOND(3)"
        );
        assert_eq!(interval("1.5", TimeUnit::Second, None), "1500:INTERVAL MILLISECOND INTERVAL DAY TO SECOND(3)");
        assert_eq!(interval("1-2", TimeUnit::Year, Some(TimeUnit::Month)), "14:INTERVAL MONTH INTERVAL YEAR TO MONTH");
    }
}
