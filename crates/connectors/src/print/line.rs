//! A row as Flink's `print` writes it, which is Java's `toString` of the row and its values.

use std::io::Write;

use tidemill_core::RowKind;
use tidemill_expr::TypeKind;

use crate::text::write::{TextColumn, TimeStyle};

/// Writes `+I[a, b]`.
pub fn write_row(kind: RowKind, columns: &[TextColumn<'_>], row: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(kind.symbol().as_bytes());
    out.push(b'[');
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write_cell(column, row, out);
    }
    out.push(b']');
}

/// Writes a value, NULL as `null`.
pub fn write_cell(column: &TextColumn<'_>, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    let children = column.children();
    match column.kind() {
        TypeKind::Row(_) => write_row(RowKind::Insert, children, row, out),
        TypeKind::Array(_) => {
            out.push(b'[');
            for (at, element) in column.elements(row).enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                write_cell(&children[0], element, out);
            }
            out.push(b']');
        }
        TypeKind::Map(..) | TypeKind::Multiset(_) => {
            out.push(b'{');
            for (at, entry) in column.elements(row).enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                write_cell(&children[0], entry, out);
                out.push(b'=');
                write_cell(&children[1], entry, out);
            }
            out.push(b'}');
        }
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            out.push(b'[');
            for (at, byte) in column.bytes(row).iter().enumerate() {
                let comma = if at > 0 { ", " } else { "" };
                // Java's bytes are signed. Writing into a vector cannot fail.
                let _ = write!(out, "{comma}{}", *byte as i8);
            }
            out.push(b']');
        }
        _ => column.write(row, TimeStyle::Java, out),
    }
}
