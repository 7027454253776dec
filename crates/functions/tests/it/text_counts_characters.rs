use crate::harness::{call, int, null, string, type_of};
use tidemill_expr::{Scalar, SqlType};

#[test]
fn lengths_and_parts_count_characters() {
    assert_eq!(call("CHAR_LENGTH", &[string("äöü")]), "3");
    assert_eq!(call("SUBSTRING", &[string("äöüß"), int(2), int(2)]), "öü");
    assert_eq!(call("POSITION", &[string("ß"), string("äöüß")]), "4");
    assert_eq!(call("LEFT", &[string("äöü"), int(2)]), "äö");
    assert_eq!(call("RIGHT", &[string("äöü"), int(2)]), "öü");
    assert_eq!(call("REVERSE", &[string("añb")]), "bña");
    assert_eq!(type_of("CHAR_LENGTH", &[string("a")]), "INT");
}

#[test]
fn a_text_that_would_be_too_long_is_an_error_of_its_row() {
    let most = 64 << 20;
    let long = [
        call("REPEAT", &[string("ab"), int(most / 2 + 1)]),
        call("REPEAT", &[string("ab"), int(i64::from(i32::MAX))]),
        call("LPAD", &[string("ab"), int(most + 1), string("x")]),
        call("RPAD", &[string("ab"), int(most / 2 + 2), string("ü")]),
        call("REPLACE", &[string(&"a".repeat(10_000)), string("a"), string(&"b".repeat(10_000))]),
    ];
    for text in long {
        assert!(text.contains("more than 64 MiB"), "{}", &text[..text.len().min(100)]);
    }
    assert_eq!(call("REPEAT", &[string(""), int(i64::from(i32::MAX))]), "");
    assert_eq!(call("RPAD", &[string("äb"), int(5), string("xü")]), "äbxüx");
    assert_eq!(call("RPAD", &[string("äb"), int(2), string("xü")]), "äb");
}

#[test]
fn substring_takes_zero_and_negative_positions() {
    assert_eq!(call("SUBSTRING", &[string("abcdef"), int(0), int(2)]), "ab");
    assert_eq!(call("SUBSTRING", &[string("abcdef"), int(-2)]), "ef");
    assert_eq!(call("SUBSTRING", &[string("abcdef"), int(-9), int(2)]), "");
    assert_eq!(call("SUBSTRING", &[string("abcdef"), int(4), int(100)]), "def");
    assert_eq!(call("SUBSTRING", &[string("abcdef"), int(10)]), "");
    assert_eq!(call("SUBSTRING", &[string("abcdef"), int(1), int(-1)]), "null");
}

#[test]
fn split_index_counts_from_zero() {
    let url = string("https://a.com/x/y");
    assert_eq!(call("SPLIT_INDEX", &[url.clone(), string("/"), int(3)]), "x");
    assert_eq!(call("SPLIT_INDEX", &[url.clone(), string("/"), int(1)]), "");
    assert_eq!(call("SPLIT_INDEX", &[url.clone(), string("/"), int(9)]), "null");
    assert_eq!(call("SPLIT_INDEX", &[url.clone(), string("/"), int(-1)]), "null");
    assert_eq!(call("SPLIT_INDEX", &[url, int(47), int(4)]), "y");
}

#[test]
fn texts_are_joined_with_or_without_null() {
    assert_eq!(call("CONCAT", &[string("a"), string("b"), int(1)]), "ab1");
    assert_eq!(call("||", &[string("a"), string("b")]), "ab");
    assert!(call("||", &[string("a"), int(1)]).contains("CAST it to STRING"));
    assert_eq!(call("||", &[string("a"), null(SqlType::STRING)]), "null");
    assert_eq!(call("CONCAT_WS", &[string("~"), string("AA"), null(SqlType::STRING), string("BB")]), "AA~BB");
}

#[test]
fn trimming_padding_and_replacing() {
    assert_eq!(call("TRIM", &[string("  a  ")]), "a");
    assert_eq!(call("LTRIM", &[string("xxaxx"), string("x")]), "axx");
    assert_eq!(call("BTRIM", &[string("xyaxy"), string("yx")]), "a");
    assert_eq!(call("LPAD", &[string("hi"), int(4), string("??")]), "??hi");
    assert_eq!(call("LPAD", &[string("hi"), int(1), string("??")]), "h");
    assert_eq!(call("RPAD", &[string("hi"), int(-1), string("?")]), "null");
    assert_eq!(call("REPLACE", &[string("hello world"), string("world"), string("flink")]), "hello flink");
    assert_eq!(call("TRANSLATE", &[string("abcba"), string("ab"), string("x")]), "xcx");
    let overlaid = [string("xxxxxtest"), string("xxxx"), int(6)];
    assert_eq!(call("OVERLAY", &overlaid), "xxxxxxxxx");
    assert_eq!(call("OVERLAY", &[string("xxxxxtest"), string("xxxx"), int(6), int(2)]), "xxxxxxxxxst");
    assert_eq!(call("REPEAT", &[string("ab"), int(3)]), "ababab");
    assert_eq!(call("INITCAP", &[string("hello WORLD-wide")]), "Hello World-Wide");
    assert_eq!(call("UPPER", &[string("straße")]), "STRASSE");
    assert_eq!(call("INSTR", &[string("hello"), string("l")]), "3");
    assert_eq!(call("LOCATE", &[string("l"), string("hello"), int(4)]), "4");
}

#[test]
fn codes_and_encodings() {
    assert_eq!(call("ASCII", &[string("abc")]), "97");
    assert_eq!(call("CHR", &[int(353)]), "a");
    assert_eq!(call("TO_BASE64", &[string("hello world")]), "aGVsbG8gd29ybGQ=");
    assert_eq!(call("FROM_BASE64", &[string("aGVsbG8gd29ybGQ=")]), "hello world");
    assert_eq!(call("HEX", &[string("hello,world")]), "68656C6C6F2C776F726C64");
    assert_eq!(call("STR_TO_MAP", &[string("k1=v1,k2=v2,k1=v3")]), "{k2=v2, k1=v3}");
    assert_eq!(call("SPLIT", &[string("a;;b"), string(";")]), "[a, , b]");
    assert_eq!(call("ELT", &[int(2), string("a"), string("b")]), "b");
    assert_eq!(call("STARTSWITH", &[string("abc"), string("ab")]), "TRUE");
    assert_eq!(call("UNHEX", &[string("616263")]), "abc");
}

#[test]
fn a_constant_of_another_type_is_explained() {
    let reason = call("UPPER", &[int(1)]);
    assert!(reason.contains("must be STRING, not INT: add a CAST"), "{reason}");
    assert!(call("SUBSTRING", &[(Scalar::Null, SqlType::NULL), int(1)]) == "null");
}
