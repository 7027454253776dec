//! A script runner takes statements one at a time; a later mistake does not hide earlier statements.

use tidemill_sql_parser::ast::StatementKind;
use tidemill_sql_parser::{parse_part, parse_script, split_statements};

const SCRIPT: &str = "\
-- The demo; with comments.
SET 'execution.runtime-mode' = 'streaming';
CREATE TABLE a (x INT) WITH ('connector' = 'datagen', 'note' = 'a;b');
EXECUTE STATEMENT SET
BEGIN
  INSERT INTO b SELECT CASE WHEN x > 1 THEN 1 END FROM a; -- first;
  /* second; */
  INSERT INTO c SELECT x FROM a;
END;
SELEC 1;
SELECT 2
";

#[test]
fn statements_run_up_to_the_mistake() {
    let parts = split_statements(SCRIPT);
    assert_eq!(parts.len(), 5);
    let good: Vec<_> = parts.iter().map_while(|p| parse_part(SCRIPT, p).ok()).collect();
    assert!(matches!(good[0].kind, StatementKind::Set(Some(_))));
    assert!(matches!(good[1].kind, StatementKind::CreateTable(_)));
    assert!(matches!(&good[2].kind, StatementKind::StatementSet(set) if set.inserts.len() == 2));
    assert_eq!(good.len(), 3);
    let error = parse_part(SCRIPT, &parts[3]).unwrap_err();
    assert!(error.render(SCRIPT).contains("line 10, column 1"), "{}", error.render(SCRIPT));
    assert!(parse_part(SCRIPT, &parts[4]).is_ok());
}

#[test]
fn statements_keep_their_text_and_place() {
    let script = SCRIPT.replace("SELEC ", "SELECT ");
    for parsed in parse_script(&script).unwrap() {
        assert!(script[parsed.offset..].starts_with(&parsed.text));
        assert_eq!(parsed.statement.span.text(&script), parsed.text);
    }
}
