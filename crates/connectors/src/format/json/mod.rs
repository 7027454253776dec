//! JSON lines as Flink's `json` format has them: an object a line, columns matched by name, options `json.…`.
//!
//! Of two members with one name the first counts. Numbers in a STRING column become their text, objects and arrays their
//! JSON; text in a number's column is read as one.

mod decoder;
mod encoder;

pub use decoder::JsonDecoder;
pub use encoder::JsonEncoder;

use tidemill_core::options::{ConfigOption, Configuration, OptionType};
use tidemill_core::{Failure, Result};
use tidemill_expr::{Field, SqlType, TypeKind};

use crate::text::write::TimeStyle;

const FAIL_ON_MISSING_FIELD: ConfigOption =
    ConfigOption::new("json.fail-on-missing-field", OptionType::Bool, "A missing member is an error instead of NULL.")
        .with_default("false");
const IGNORE_PARSE_ERRORS: ConfigOption = ConfigOption::new(
    "json.ignore-parse-errors",
    OptionType::Bool,
    "A value that cannot be read is NULL, a line that is not an object is left out, instead of failing.",
)
.with_default("false");
const TIMESTAMP_FORMAT: ConfigOption = ConfigOption::new(
    "json.timestamp-format.standard",
    OptionType::Choice(&["SQL", "ISO-8601"]),
    "SQL: `2013-01-01 05:00:00.5`; ISO-8601: `2013-01-01T05:00:00.5`.",
)
.with_default("SQL");
const IGNORE_NULL_FIELDS: ConfigOption = ConfigOption::new(
    "json.encode.ignore-null-fields",
    OptionType::Bool,
    "Members that are NULL are left out when written.",
)
.with_default("false");

/// The options of the format.
pub const OPTIONS: &[&ConfigOption] =
    &[&FAIL_ON_MISSING_FIELD, &IGNORE_PARSE_ERRORS, &TIMESTAMP_FORMAT, &IGNORE_NULL_FIELDS];

/// How JSON is read and written.
#[derive(Clone, Debug)]
pub struct JsonOptions {
    fail_on_missing_field: bool,
    ignore_parse_errors: bool,
    time_style: TimeStyle,
    ignore_null_fields: bool,
}

impl JsonOptions {
    /// Reads the options.
    pub fn new(options: &Configuration) -> Result<JsonOptions> {
        let (missing, ignore) = (options.bool(&FAIL_ON_MISSING_FIELD)?, options.bool(&IGNORE_PARSE_ERRORS)?);
        if missing && ignore {
            let text = "'json.fail-on-missing-field' and 'json.ignore-parse-errors' cannot both be true";
            return Err(FAIL_ON_MISSING_FIELD.refuse(text));
        }
        let iso = options.text(&TIMESTAMP_FORMAT).is_some_and(|text| text.eq_ignore_ascii_case("ISO-8601"));
        Ok(JsonOptions {
            fail_on_missing_field: missing,
            ignore_parse_errors: ignore,
            time_style: if iso { TimeStyle::Iso } else { TimeStyle::Sql },
            ignore_null_fields: options.bool(&IGNORE_NULL_FIELDS)?,
        })
    }

    fn separator(&self) -> char {
        if self.time_style == TimeStyle::Iso { 'T' } else { ' ' }
    }
}

/// Refuses types that JSON has no form for: maps whose keys are not strings.
pub fn check_types(fields: &[&Field]) -> Result<()> {
    for field in fields {
        if !supported(&field.ty) {
            let text =
                format!("column '{}' is {}; in format 'json' the keys of maps are strings", field.name, field.ty);
            return Err(Failure::user("json.type", text));
        }
    }
    Ok(())
}

fn supported(ty: &SqlType) -> bool {
    match &ty.kind {
        TypeKind::Array(element) => supported(element),
        TypeKind::Map(key, value) => key.kind.is_character() && supported(value),
        TypeKind::Multiset(element) => element.kind.is_character(),
        TypeKind::Row(row) => row.fields.iter().all(|field| supported(&field.ty)),
        _ => true,
    }
}
