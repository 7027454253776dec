//! Behaviours of state tables and run files, a module each.

#![allow(clippy::unwrap_used)]

mod a_flipped_bit_in_a_run_file_is_found;
mod a_table_fills_from_its_files_while_it_changes;
mod groups_of_a_batch_are_those_of_a_map;
mod items_of_a_list_are_shared_out;
mod rows_are_found_in_run_files;
mod subject;
mod tables_hold_what_a_map_holds_through_checkpoints_and_rescaling;
