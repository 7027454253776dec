//! Data types.

use super::{Parser, Result};
use crate::ast::{DataType, RowField, TypeKind};
use crate::error::ParseError;
use crate::keywords;
use crate::lexer::TokenKind;

/// The first words of types, for suggestions.
const NAMES: &[&str] = &[
    "CHAR",
    "VARCHAR",
    "STRING",
    "BOOLEAN",
    "BINARY",
    "VARBINARY",
    "BYTES",
    "DECIMAL",
    "NUMERIC",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "INTERVAL",
    "ARRAY",
    "MAP",
    "MULTISET",
    "ROW",
    "RAW",
    "VARIANT",
];

impl Parser<'_> {
    /// A type, with `ARRAY` or `MULTISET` behind it and `NOT NULL`.
    pub fn data_type(&mut self) -> Result<DataType> {
        self.nested(|p| {
            let start = p.span();
            let mut kind = p.type_kind()?;
            loop {
                let not_null = p.nullability();
                let data_type = DataType { kind, not_null, span: p.since(start) };
                if p.eat_keyword("ARRAY") {
                    kind = TypeKind::Array(Box::new(data_type));
                } else if p.eat_keyword("MULTISET") {
                    kind = TypeKind::Multiset(Box::new(data_type));
                } else {
                    return Ok(data_type);
                }
                p.deepen()?;
            }
        })
    }

    /// `NOT NULL` is true; `NULL` says nothing new.
    fn nullability(&mut self) -> bool {
        if self.eat_keywords(&["NOT", "NULL"]) {
            return true;
        }
        self.eat_keyword("NULL");
        false
    }

    fn type_kind(&mut self) -> Result<TypeKind> {
        let span = self.span();
        let TokenKind::Word(word) = self.peek() else { return Err(self.expected(&["a type such as INT or STRING"])) };
        let (word, written) = (word.to_ascii_uppercase(), word.clone());
        if word == "INTERVAL" {
            self.advance();
            return self.interval_qualifier().map(TypeKind::Interval);
        }
        self.advance();
        Ok(match word.as_str() {
            "CHAR" | "CHARACTER" if self.eat_keyword("VARYING") => TypeKind::Varchar(self.length()?),
            "CHAR" | "CHARACTER" => TypeKind::Char(self.length()?),
            "VARCHAR" => TypeKind::Varchar(self.length()?),
            "STRING" => TypeKind::String,
            "BOOLEAN" | "BOOL" => TypeKind::Boolean,
            "BINARY" if self.eat_keyword("VARYING") => TypeKind::Varbinary(self.length()?),
            "BINARY" => TypeKind::Binary(self.length()?),
            "VARBINARY" => TypeKind::Varbinary(self.length()?),
            "BYTES" => TypeKind::Bytes,
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal()?,
            "TINYINT" => TypeKind::TinyInt,
            "SMALLINT" => TypeKind::SmallInt,
            "INT" | "INTEGER" => TypeKind::Int,
            "BIGINT" => TypeKind::BigInt,
            "FLOAT" | "REAL" => TypeKind::Float,
            "DOUBLE" => {
                self.eat_keyword("PRECISION");
                TypeKind::Double
            }
            "DATE" => TypeKind::Date,
            "TIME" => {
                let precision = self.length()?;
                self.eat_keywords(&["WITHOUT", "TIME", "ZONE"]);
                TypeKind::Time(precision)
            }
            "TIMESTAMP" => self.timestamp()?,
            "TIMESTAMP_LTZ" => TypeKind::TimestampLtz(self.length()?),
            "ARRAY" => TypeKind::Array(Box::new(self.element()?)),
            "MULTISET" => TypeKind::Multiset(Box::new(self.element()?)),
            "MAP" => {
                self.expect_symbol("<")?;
                let key = self.data_type()?;
                self.expect_symbol(",")?;
                let value = self.data_type()?;
                self.expect_symbol(">")?;
                TypeKind::Map(Box::new(key), Box::new(value))
            }
            "ROW" => TypeKind::Row(self.row_fields()?),
            "RAW" => {
                self.expect_symbol("(")?;
                let class = self.expect_string("a class name in quotes")?;
                self.expect_symbol(",")?;
                let serializer = self.expect_string("a serializer snapshot in quotes")?;
                self.expect_symbol(")")?;
                TypeKind::Raw(class, serializer)
            }
            "VARIANT" => TypeKind::Variant,
            "BITMAP" => TypeKind::Bitmap,
            "NULL" => TypeKind::Null,
            _ => {
                let help = match keywords::nearest(&word, NAMES.iter().copied()) {
                    Some(name) => format!("did you mean {name}?"),
                    None => {
                        foreign(&word).unwrap_or("types are INT, BIGINT, STRING, DECIMAL(p, s), TIMESTAMP(p), …").into()
                    }
                };
                return Err(ParseError::new(format!("there is no type {written}"), span).with_help(help));
            }
        })
    }

    /// `(n)`, if it is there.
    fn length(&mut self) -> Result<Option<u32>> {
        if !self.eat_symbol("(") {
            return Ok(None);
        }
        let length = self.expect_u32("a whole number")?;
        self.expect_symbol(")")?;
        Ok(Some(length))
    }

    fn decimal(&mut self) -> Result<TypeKind> {
        let (mut precision, mut scale) = (None, None);
        if self.eat_symbol("(") {
            precision = Some(self.expect_u32("a number of digits")?);
            if self.eat_symbol(",") {
                scale = Some(self.expect_u32("a number of digits")?);
            }
            self.expect_symbol(")")?;
        }
        Ok(TypeKind::Decimal { precision, scale })
    }

    fn timestamp(&mut self) -> Result<TypeKind> {
        let precision = self.length()?;
        if self.eat_keywords(&["WITH", "LOCAL", "TIME", "ZONE"]) {
            return Ok(TypeKind::TimestampLtz(precision));
        }
        if self.eat_keywords(&["WITH", "TIME", "ZONE"]) {
            return Ok(TypeKind::TimestampTz(precision));
        }
        self.eat_keywords(&["WITHOUT", "TIME", "ZONE"]);
        Ok(TypeKind::Timestamp(precision))
    }

    /// `<type>`.
    fn element(&mut self) -> Result<DataType> {
        self.expect_symbol("<")?;
        let element = self.data_type()?;
        self.expect_symbol(">")?;
        Ok(element)
    }

    /// `<name type ['comment'], …>` or the same in parentheses.
    fn row_fields(&mut self) -> Result<Vec<RowField>> {
        if self.eat_symbol("<>") {
            return Ok(Vec::new());
        }
        let close = if self.eat_symbol("<") {
            ">"
        } else if self.eat_symbol("(") {
            ")"
        } else {
            return Err(self.expected(&["'<'", "'('"]));
        };
        let mut fields = Vec::new();
        if !self.is_symbol(close) {
            fields = self.comma_list(|p| {
                let start = p.span();
                let name = p.ident("a field's name")?;
                let data_type = p.data_type()?;
                let comment = p.eat_string();
                Ok(RowField { name, data_type, comment, span: p.since(start) })
            })?;
        }
        self.expect_symbol(close)?;
        Ok(fields)
    }
}

/// What a type of another system is called here.
fn foreign(word: &str) -> Option<&'static str> {
    Some(match word {
        "TEXT" | "CLOB" | "NVARCHAR" | "VARCHAR2" => "text is STRING",
        "LONG" | "INT8" | "INT64" | "UINT64" => "a 64-bit integer is BIGINT",
        "INT4" | "INT32" | "UINT32" => "a 32-bit integer is INT",
        "SHORT" | "INT2" | "INT16" => "a 16-bit integer is SMALLINT",
        "BYTE" => "an 8-bit integer is TINYINT",
        "BLOB" | "BYTEA" => "a string of bytes is BYTES",
        "DATETIME" | "TIMESTAMPTZ" => "a point in time is TIMESTAMP_LTZ(3), a local date and time TIMESTAMP(3)",
        "FLOAT64" | "FLOAT8" => "a 64-bit float is DOUBLE",
        "FLOAT32" | "FLOAT4" => "a 32-bit float is FLOAT",
        "STRUCT" => "a record is ROW<name type, …>",
        "LIST" => "a list is ARRAY<type>",
        "JSON" => "JSON is kept as STRING, or as VARIANT",
        _ => return None,
    })
}
