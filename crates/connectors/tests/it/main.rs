//! What connectors promise, a behaviour each.
#![allow(clippy::unwrap_used)]

mod csv_files_are_read_as_flink_reads_them;
mod files_are_found;
mod files_are_read_away_from_the_slot;
mod files_are_written_exactly_once;
mod generated_rows_follow_from_the_options;
mod json_lines_are_read_by_name;
mod nexmark_events_follow_from_their_number;
mod parquet_files_are_read_by_name_and_widened;
mod print_writes_rows_as_flink_does;
mod support;
mod the_flight_records_are_read;
