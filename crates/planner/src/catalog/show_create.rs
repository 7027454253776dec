//! `SHOW CREATE TABLE` and `SHOW CREATE VIEW`: statements that make the object again.

use std::fmt::Write;

use super::{ColumnSource, TableDef, TablePath, ViewDef};

/// The statement that makes the table.
pub fn show_create_table(table: &TableDef) -> String {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let name = backticks(&column.name);
            let mut line = match &column.source {
                ColumnSource::Physical => format!("{name} {}", column.ty),
                ColumnSource::Computed(expr) => format!("{name} AS {expr}"),
                ColumnSource::Metadata { key, is_virtual } => {
                    let from = if *key == column.name { String::new() } else { format!(" FROM {}", quote(key)) };
                    let suffix = if *is_virtual { " VIRTUAL" } else { "" };
                    format!("{name} {} METADATA{from}{suffix}", column.ty)
                }
            };
            if let Some(comment) = &column.comment {
                let _ = write!(line, " COMMENT {}", quote(comment));
            }
            line
        })
        .collect();
    if let Some(watermark) = &table.watermark {
        lines.push(format!("WATERMARK FOR {} AS {}", backticks(&watermark.column), watermark.expr));
    }
    if let Some(key) = &table.primary_key {
        lines.push(format!(
            "CONSTRAINT {} PRIMARY KEY ({}) NOT ENFORCED",
            backticks(&key.name),
            list(key.columns.iter().map(String::as_str))
        ));
    }
    let temporary = if table.temporary { "TEMPORARY " } else { "" };
    let mut out = format!("CREATE {temporary}TABLE {} (\n  {}\n)", path(&table.name), lines.join(",\n  "));
    if let Some(comment) = &table.comment {
        let _ = write!(out, "\nCOMMENT {}", quote(comment));
    }
    if !table.partition_keys.is_empty() {
        let _ = write!(out, "\nPARTITIONED BY ({})", list(table.partition_keys.iter().map(String::as_str)));
    }
    let options: Vec<String> =
        table.options.iter().map(|(key, value)| format!("  {} = {}", quote(key), quote(shown(key, value)))).collect();
    if !options.is_empty() {
        let _ = write!(out, "\nWITH (\n{}\n)", options.join(",\n"));
    }
    out
}

/// The statement that makes the view.
pub fn show_create_view(view: &ViewDef) -> String {
    let temporary = if view.temporary { "TEMPORARY " } else { "" };
    let comment = view.comment.as_deref().map(|text| format!("\nCOMMENT {}", quote(text))).unwrap_or_default();
    format!(
        "CREATE {temporary}VIEW {} (\n  {}\n){comment}\nAS {}",
        path(&view.name),
        view.schema.fields.iter().map(|field| backticks(&field.name)).collect::<Vec<_>>().join(",\n  "),
        view.query_text.trim()
    )
}

/// What of an option's value may be shown: passwords and keys may not.
fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    const SECRET: [&str; 6] = ["password", "secret", "token", "apikey", "api-key", "access-key"];
    let key = key.to_lowercase();
    if SECRET.iter().any(|word| key.contains(word)) { "******" } else { value }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(backticks).collect::<Vec<_>>().join(", ")
}

fn path(path: &TablePath) -> String {
    format!("{}.{}.{}", backticks(&path.catalog), backticks(&path.database), backticks(&path.object))
}

fn backticks(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
