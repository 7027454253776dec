use crate::harness::{call, int, registry};

#[test]
fn names_are_not_case_sensitive_and_listed_in_lower_case() {
    assert_eq!(call("abs", &[int(-1)]), "1");
    let names = registry().function_names();
    for name in ["count", "sum", "date_format", "regexp_extract", "char_length", "character_length", "coalesce", "like"]
    {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    assert!(names.is_sorted());
}

#[test]
fn an_unknown_function_and_a_wrong_call_are_explained() {
    assert_eq!(call("FROBNICATE", &[int(1)]), "there is no function FROBNICATE");
    let reason = call("SUBSTRING", &[int(1)]);
    assert!(reason.contains("it takes (STRING, INT, INT), of which the last 1 may be left out"), "{reason}");
}
