//! `tidemill sql` without -f or -e, at the end of a pipe.

use crate::support::Folder;

#[test]
fn a_mistake_does_not_end_it() {
    let run = Folder::new()
        .typed("SELECT 1 AS a;\nSELEC 2;\nSELECT\n  3 AS b;\nQUIT;\nSELECT 4 AS c;\n", &["--output", "csv"]);
    assert_eq!(run.out, "op,a\n+I,1\nop,b\n+I,3\n");
    run.code(1).says(&["SELEC", "^"]);
}

#[test]
fn without_mistakes_the_end_is_0() {
    let folder = Folder::new();
    let text =
        "CREATE VIEW v AS SELECT 7 AS a; SELECT a FROM v;\nSET 'execution.runtime-mode' = 'batch';\nSELECT a FROM v";
    assert_eq!(folder.typed(text, &["--output", "csv"]).code(0).out, "op,a\n+I,7\na\n7\n");
    assert!(folder.typed("HELP;\nEXIT\n", &[]).code(0).out.contains("SELECT"));
    assert_eq!(folder.typed("", &[]).code(0).out, "");
}
