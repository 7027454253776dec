use std::sync::Arc;

use tidemill_connectors::{Outside, register};
use tidemill_core::{Now, RowKind};
use tidemill_dataflow::{Registry, SinkChanges, WriterContext};
use tidemill_expr::{Field, Scalar, SqlType};

use crate::support::{OPERATOR, batch, process, sink_plan, table};

fn context() -> WriterContext {
    WriterContext { operator: OPERATOR, generation: 1, subtask: 0, parallelism: 1 }
}

#[test]
fn lines_with_their_kind() {
    let columns = [
        ("a", SqlType::INT),
        ("b", SqlType::STRING),
        ("c", SqlType::timestamp(3)),
        ("d", SqlType::row(vec![Field::new("x", SqlType::DOUBLE), Field::new("y", SqlType::array(SqlType::INT))])),
        ("e", SqlType::map(SqlType::STRING, SqlType::BOOLEAN)),
    ];
    let table = table(&columns, &[("connector", "print"), ("print-identifier", "out")]);
    let rows = [
        vec![
            Scalar::Int(1),
            Scalar::string("x, y"),
            Scalar::timestamp_ms(1_357_016_400_000),
            Scalar::Row(vec![Scalar::Double(1e7), Scalar::Array(vec![Scalar::Int(1), Scalar::Null])]),
            Scalar::Map(vec![(Scalar::string("k"), Scalar::Boolean(true))]),
        ],
        vec![Scalar::Null; 5],
    ];
    let (registry, printed) = process();
    let plan = sink_plan(&table).unwrap();
    assert_eq!(plan.accepts, SinkChanges::All);
    let sink = registry.sink(&plan.kind, &plan.config).unwrap();
    let mut writer = sink.writer(&context()).unwrap();
    let rows = batch(&table, &rows).with_kinds(vec![RowKind::UpdateAfter, RowKind::Delete]);
    writer.write(&rows, Now::default()).unwrap();
    let text = String::from_utf8(printed.lock().unwrap().clone()).unwrap();
    assert_eq!(
        text,
        "out> +U[1, x, y, 2013-01-01T05:00, +I[1.0E7, [1, null]], {k=true}]\nout> -D[null, null, null, null, null]\n"
    );
}

#[test]
fn a_table_is_redrawn_on_a_terminal_and_lines_elsewhere() {
    let table = table(&[("k", SqlType::STRING), ("n", SqlType::INT)], &[("connector", "print"), ("style", "table")]);
    let plan = sink_plan(&table).unwrap();
    for terminal in [false, true] {
        let printed = Arc::new(std::sync::Mutex::new(Vec::new()));
        let outside = Outside {
            stdout: Arc::clone(&printed) as _,
            stderr: Arc::new(std::sync::Mutex::new(Vec::new())),
            stdout_is_terminal: terminal,
            process: 1,
        };
        let mut registry = Registry::default();
        register(&mut registry, &outside);
        // Two subtasks share one screen.
        let sinks = [0, 1].map(|_| registry.sink(&plan.kind, &plan.config).unwrap());
        let mut writers = sinks.map(|sink| sink.writer(&context()).unwrap());
        for (writer, key) in writers.iter_mut().zip(["a", "b"]) {
            let row = vec![Scalar::string(key), Scalar::Int(1)];
            writer.write(&batch(&table, &[row]), Now::default()).unwrap();
        }
        writers.iter_mut().for_each(|writer| writer.finish().unwrap());
        let text = String::from_utf8(printed.lock().unwrap().clone()).unwrap();
        if terminal {
            assert!(
                text.ends_with("\x1b[5A\x1b[J+---+---+\n| k | n |\n+---+---+\n| a | 1 |\n| b | 1 |\n+---+---+\n"),
                "{text}"
            );
        } else {
            assert_eq!(text, "+I[a, 1]\n+I[b, 1]\n");
        }
    }
}
