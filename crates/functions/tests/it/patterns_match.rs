use crate::harness::{call, int, null, string};
use tidemill_expr::SqlType;

#[test]
fn like_has_no_escape_unless_one_is_given() {
    assert_eq!(call("LIKE", &[string("a%b"), string("a\\%b")]), "FALSE");
    assert_eq!(call("LIKE", &[string("a%b"), string("a!%b"), string("!")]), "TRUE");
    assert_eq!(call("LIKE", &[string("TE_ST"), string("%E&_S%"), string("&")]), "TRUE");
    assert_eq!(call("LIKE", &[null(SqlType::STRING), string("%")]), "null");
    let wrong = call("LIKE", &[string("ab"), string("a!b"), string("!")]);
    assert!(wrong.contains("must stand before"), "{wrong}");
    let wrong = call("LIKE", &[string("ab"), string("ab"), string("!!")]);
    assert!(wrong.contains("one character"), "{wrong}");
    assert_eq!(call("SIMILAR TO", &[string("abc"), string("(a|x)%")]), "TRUE");
    assert_eq!(call("SIMILAR TO", &[string("abc"), string("b%")]), "FALSE");
}

#[test]
fn regular_expressions_extract_and_replace() {
    let url = string("https://x.com/?a=1&channel_id=77&b");
    let pattern = string("(&|^)channel_id=([^&]*)");
    assert_eq!(call("REGEXP_EXTRACT", &[url.clone(), pattern.clone(), int(2)]), "77");
    assert_eq!(call("REGEXP_EXTRACT", &[string("none"), pattern, int(2)]), "null");
    assert_eq!(call("REGEXP_EXTRACT", &[string("foothebar"), string("foo(.*?)(bar)")]), "foothebar");
    assert_eq!(call("REGEXP_REPLACE", &[string("foobar"), string("oo|ar"), string("")]), "fb");
    assert_eq!(call("REGEXP_REPLACE", &[string("a-b"), string("(.)-(.)"), string("$2\\$1")]), "$2\\$1");
    assert_eq!(call("REGEXP", &[string("foobar"), string("o+")]), "TRUE");
    assert_eq!(call("REGEXP_COUNT", &[string("a1b22"), string("[0-9]+")]), "2");
    assert_eq!(call("REGEXP_EXTRACT_ALL", &[string("a1b22"), string("[a-z]([0-9]+)")]), "[1, 22]");
    assert_eq!(call("REGEXP_INSTR", &[string("äb1"), string("[0-9]")]), "3");
}

#[test]
fn a_pattern_that_cannot_be_used_is_refused() {
    let refused = call("REGEXP", &[string("x"), string("(?=x)")]);
    assert!(refused.contains("look-around"), "{refused}");
}
