//! The aggregate functions and their accumulators: COUNT, SUM, SUM0, AVG, MIN, MAX, FIRST_VALUE, LAST_VALUE, LISTAGG.
//!
//! All-zero words are the empty state. NULL arguments do not count. Where rows can be taken back, COUNT, SUM and AVG
//! subtract; MIN, MAX, FIRST_VALUE, LAST_VALUE and LISTAGG keep the values in the operator's ordered table.

mod average;
mod bytes;
mod count;
mod define;
mod extreme;
mod listagg;
mod order_bytes;
mod ordered;
mod sum;
mod variance;

use tidemill_expr::Registry;

/// Registers all aggregate functions.
pub(crate) fn register(registry: &mut Registry) {
    count::register(registry);
    sum::register(registry);
    average::register(registry);
    extreme::register(registry);
    listagg::register(registry);
    variance::register(registry);
}
