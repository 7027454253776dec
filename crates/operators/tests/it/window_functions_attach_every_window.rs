use prost::Message;
use tidemill_operators::config::*;
use tidemill_operators::harness::Harness;

use crate::support::*;

#[test]
fn a_row_comes_once_for_each_of_its_windows() {
    let config = WindowTvfConfig {
        input_types: encoded_input_types(),
        window: Some(WindowSpec { kind: WindowKind::Hop as i32, size_ms: 20, step_ms: 10, offset_ms: 0 }),
        time: Some(TimeSource { column: TIME as u32, ..TimeSource::default() }),
        window_time_is_event_time: true,
    };
    let mut harness = Harness::open(operator(WINDOW_TVF, &config.encode_to_vec()).unwrap()).unwrap();
    harness.set_rows_max(2);
    harness.rows(&input_types(), "+I 1 @5 1 'a' true\n-D 2 @17 1 'b' NULL").unwrap();
    let mut output = input_types();
    output.extend([timestamp_type(), timestamp_type(), timestamp_type()]);
    let expected = "+I 1 @5 1 'a' true @-10 @10 @9\n+I 1 @5 1 'a' true @0 @20 @19\n\
                    -D 2 @17 1 'b' NULL @0 @20 @19\n-D 2 @17 1 'b' NULL @10 @30 @29\n";
    assert_eq!(harness.output_text(&output), expected);
}
