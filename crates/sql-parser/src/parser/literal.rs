//! Constants that begin with the name of their type, intervals, units of time.

use super::{Parser, Result};
use crate::ast::{IntervalQualifier, Literal, TimeUnit};
use crate::error::ParseError;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP [WITH LOCAL TIME ZONE] '…'`, `INTERVAL …`; `None` if the word is a name here.
    pub(super) fn typed_literal(&mut self, word: &str) -> Result<Option<Literal>> {
        let make = match word {
            "INTERVAL" => return self.interval(),
            "DATE" => Literal::Date,
            "TIME" => Literal::Time,
            _ if self.is_keyword_at(1, "WITH") && self.is_keyword_at(2, "LOCAL") => {
                self.advance();
                self.expect_keywords(&["WITH", "LOCAL", "TIME", "ZONE"])?;
                return self
                    .expect_string("a string such as '2013-01-01 12:00:00'")
                    .map(|s| Some(Literal::TimestampLtz(s)));
            }
            _ => Literal::Timestamp,
        };
        if !self.is_string_at(1) {
            return Ok(None);
        }
        self.advance();
        self.expect_string("a string").map(|s| Some(make(s)))
    }

    /// `X'…'`.
    pub(super) fn hex(&mut self) -> Result<Literal> {
        let span = self.span();
        let digits = match self.peek() {
            TokenKind::Hex(digits) if !span.text(self.source).starts_with('0') => digits.clone(),
            _ => {
                return Err(ParseError::new("hexadecimal numbers are not supported", span)
                    .with_help("bytes are written X'0aff', numbers in decimal digits"));
            }
        };
        if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ParseError::new("X'…' takes an even number of hexadecimal digits", span));
        }
        self.advance();
        Ok(Literal::Binary(digits))
    }

    /// `INTERVAL [-]'…' DAY TO SECOND`; the quotes may be missing around a whole number.
    fn interval(&mut self) -> Result<Option<Literal>> {
        let signed = usize::from(self.is_symbol_at(1, "-") || self.is_symbol_at(1, "+"));
        let number = matches!(self.peek_at(1 + signed), TokenKind::Number(_));
        let value = self.is_string_at(1 + signed) || (number && unit_of(self.peek_at(2 + signed)).is_some());
        if !value {
            return Ok(None);
        }
        self.advance();
        let negative = self.is_symbol("-");
        if signed == 1 {
            self.advance();
        }
        let value = match self.peek() {
            TokenKind::String(text) | TokenKind::Number(text) => text.clone(),
            _ => return Err(self.expected(&["a string such as '1'"])),
        };
        self.advance();
        Ok(Some(Literal::Interval { value, negative, qualifier: self.interval_qualifier()? }))
    }

    /// `YEAR`, `DAY(3) TO SECOND(6)`, `SECOND(3, 6)`.
    pub(super) fn interval_qualifier(&mut self) -> Result<IntervalQualifier> {
        let begin = self.span();
        let start = self.interval_unit()?;
        let (mut start_precision, mut fraction_precision) = (None, None);
        if self.eat_symbol("(") {
            start_precision = Some(self.expect_u32("a number of digits")?);
            if start == TimeUnit::Second && self.eat_symbol(",") {
                fraction_precision = Some(self.expect_u32("a number of digits")?);
            }
            self.expect_symbol(")")?;
        }
        let mut end = None;
        if self.eat_keyword("TO") {
            let unit_span = self.span();
            let unit = self.interval_unit()?;
            let months = |u| matches!(u, TimeUnit::Year | TimeUnit::Quarter | TimeUnit::Month);
            if unit <= start || months(unit) != months(start) {
                return Err(ParseError::new("this unit cannot follow that one in an interval", unit_span)
                    .with_help("write YEAR TO MONTH, or two of DAY, HOUR, MINUTE, SECOND, the larger first"));
            }
            if unit == TimeUnit::Second && self.eat_symbol("(") {
                fraction_precision = Some(self.expect_u32("a number of digits")?);
                self.expect_symbol(")")?;
            }
            end = Some(unit);
        }
        Ok(IntervalQualifier { start, start_precision, end, fraction_precision, span: self.since(begin) })
    }

    fn interval_unit(&mut self) -> Result<TimeUnit> {
        match unit_of(self.peek()) {
            Some(
                unit @ (TimeUnit::Year
                | TimeUnit::Quarter
                | TimeUnit::Month
                | TimeUnit::Week
                | TimeUnit::Day
                | TimeUnit::Hour
                | TimeUnit::Minute
                | TimeUnit::Second),
            ) => {
                self.advance();
                Ok(unit)
            }
            Some(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond) => {
                Err(ParseError::new("an interval has no unit below the second", self.span())
                    .with_help("write a fraction: INTERVAL '0.001' SECOND(1, 3)"))
            }
            _ => Err(self.expected(&["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"])),
        }
    }

    /// A unit where any is allowed, as in `EXTRACT`.
    pub(super) fn time_unit(&mut self) -> Result<TimeUnit> {
        let Some(unit) = unit_of(self.peek()) else {
            let mut error = self.expected(&["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"]);
            error.message = format!("expected a unit of time such as DAY or HOUR, found {}", self.found());
            return Err(error);
        };
        self.advance();
        Ok(unit)
    }
}

/// The unit a word names; plurals and the `SQL_TSI_` forms of TIMESTAMPADD are allowed.
fn unit_of(token: &TokenKind) -> Option<TimeUnit> {
    let TokenKind::Word(word) = token else { return None };
    let word = word.to_ascii_uppercase();
    let word = word.strip_prefix("SQL_TSI_").unwrap_or(&word);
    Some(match word {
        "MILLENNIUM" => TimeUnit::Millennium,
        "CENTURY" => TimeUnit::Century,
        "DECADE" => TimeUnit::Decade,
        "YEAR" | "YEARS" => TimeUnit::Year,
        "ISOYEAR" => TimeUnit::IsoYear,
        "QUARTER" | "QUARTERS" => TimeUnit::Quarter,
        "MONTH" | "MONTHS" => TimeUnit::Month,
        "WEEK" | "WEEKS" => TimeUnit::Week,
        "DAY" | "DAYS" => TimeUnit::Day,
        "DOW" => TimeUnit::Dow,
        "ISODOW" => TimeUnit::IsoDow,
        "DOY" => TimeUnit::Doy,
        "HOUR" | "HOURS" => TimeUnit::Hour,
        "MINUTE" | "MINUTES" => TimeUnit::Minute,
        "SECOND" | "SECONDS" => TimeUnit::Second,
        "MILLISECOND" | "MILLISECONDS" => TimeUnit::Millisecond,
        "MICROSECOND" | "MICROSECONDS" => TimeUnit::Microsecond,
        "NANOSECOND" | "NANOSECONDS" => TimeUnit::Nanosecond,
        "EPOCH" => TimeUnit::Epoch,
        _ => return None,
    })
}
