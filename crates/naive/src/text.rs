//! Functions of texts. Positions and lengths count characters.

use crate::cast;
use crate::error::{Error, Result};
use crate::expr::{Binder, Bound, lenient, strict};
use crate::regex::Regex;
use crate::types::Type;
use crate::value::Value;

/// A call, if `name` is a function of this module; it takes the arguments then.
pub(crate) fn call(name: &str, args: &mut Vec<Bound>, binder: Binder<'_>) -> Result<Option<Bound>> {
    let (least, most) = match name {
        "LOWER" | "UPPER" | "CHAR_LENGTH" | "CHARACTER_LENGTH" | "REVERSE" => (1, 1),
        "BTRIM" | "LTRIM" | "RTRIM" => (1, 2),
        "SUBSTRING" | "SUBSTR" => (2, 3),
        "||" | "POSITION" | "LEFT" | "RIGHT" | "REPEAT" | "REGEXP" => (2, 2),
        "REPLACE" | "SPLIT_INDEX" | "LPAD" | "RPAD" => (3, 3),
        "REGEXP_EXTRACT" => (2, 3),
        "CONCAT" | "CONCAT_WS" => (1, usize::MAX),
        _ => return Ok(None),
    };
    let args = std::mem::take(args);
    if args.len() < least || args.len() > most {
        return Err(Error::Mistake(format!("{name} does not take {} arguments", args.len())));
    }
    // Numbers are numbers; everything else is a text, or made one.
    let args: Vec<Bound> = args
        .into_iter()
        .map(|arg| match &arg.ty {
            ty if ty.is_text() || ty.is_integer() => arg,
            Type::Null => arg,
            _ => binder.coerce(arg, &Type::STRING),
        })
        .collect();
    let texts = |args: Vec<Bound>| -> Vec<Bound> {
        args.into_iter().map(|arg| if arg.ty.is_text() { arg } else { binder.coerce(arg, &Type::STRING) }).collect()
    };
    Ok(Some(match name {
        "CHAR_LENGTH" | "CHARACTER_LENGTH" => {
            strict("CHAR_LENGTH", Type::Int, args, |v| Ok(Value::Int(chars(&v[0]).len() as i64)))
        }
        "POSITION" => strict(name, Type::Int, args, |v| Ok(Value::Int(position(&chars(&v[0]), &chars(&v[1]))))),
        "REGEXP" => strict(name, Type::Boolean, args, |v| {
            Ok(Regex::parse(&string(&v[1])).map_or(Value::Null, |r| Value::Boolean(r.find(&string(&v[0])).is_some())))
        }),
        "CONCAT" | "||" => {
            strict("||", Type::STRING, texts(args), |v| Ok(Value::Text(v.iter().map(string).collect::<String>())))
        }
        "CONCAT_WS" => lenient(name, Type::STRING, texts(args), |v| {
            let (separator, parts) = v.split_first().ok_or_else(|| Error::Mistake("no separator".into()))?;
            if separator.is_null() {
                return Ok(Value::Null);
            }
            let parts: Vec<String> = parts.iter().filter(|part| !part.is_null()).map(string).collect();
            Ok(Value::Text(parts.join(&string(separator))))
        }),
        _ => {
            let function = name.to_string();
            strict(name, Type::STRING, args, move |v| Ok(text(&function, v).map_or(Value::Null, Value::Text)))
        }
    }))
}

fn string(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => match cast::to_text(other, &Type::Null, 0) {
            Ok(Value::Text(text)) => text,
            _ => String::new(),
        },
    }
}

fn chars(value: &Value) -> Vec<char> {
    string(value).chars().collect()
}

fn int(value: &Value) -> i64 {
    if let Value::Int(n) = value { *n } else { 0 }
}

/// Functions from texts and numbers to a text; `None` is NULL.
fn text(name: &str, v: &[Value]) -> Option<String> {
    let subject = string(&v[0]);
    let letters = chars(&v[0]);
    Some(match name {
        "LOWER" => subject.to_lowercase(),
        "UPPER" => subject.to_uppercase(),
        "REVERSE" => letters.into_iter().rev().collect(),
        "BTRIM" | "LTRIM" | "RTRIM" => {
            let cut = v.get(1).map_or(vec![' '], chars);
            let mut rest = subject.as_str();
            if name != "RTRIM" {
                rest = rest.trim_start_matches(|c| cut.contains(&c));
            }
            if name != "LTRIM" {
                rest = rest.trim_end_matches(|c| cut.contains(&c));
            }
            rest.to_string()
        }
        "SUBSTRING" | "SUBSTR" => substring(&letters, int(&v[1]), v.get(2).map_or(i64::MAX, int))?,
        "LEFT" => letters.into_iter().take(usize::try_from(int(&v[1])).unwrap_or(0)).collect(),
        "RIGHT" => {
            let length = usize::try_from(int(&v[1])).unwrap_or(0).min(letters.len());
            letters[letters.len() - length..].iter().collect()
        }
        "REPEAT" => subject.repeat(usize::try_from(int(&v[1])).unwrap_or(0)),
        "REPLACE" => subject.replace(&string(&v[1]), &string(&v[2])),
        "SPLIT_INDEX" => split_index(&subject, &string(&v[1]), int(&v[2]))?,
        "LPAD" | "RPAD" => pad(&letters, int(&v[1]), &chars(&v[2]), name == "LPAD")?,
        _ => {
            let regex = Regex::parse(&string(&v[1]))?;
            let group = usize::try_from(v.get(2).map_or(0, int)).ok().filter(|group| *group <= regex.groups())?;
            regex.find(&subject)?.get(group)?.clone()?
        }
    })
}

/// From 1 on; before it from the end; 0 is 1. A negative length is NULL.
fn substring(letters: &[char], from: i64, length: i64) -> Option<String> {
    let count = letters.len() as i64;
    let start = match from {
        0 => 0,
        from if from > 0 => from - 1,
        from => count + from,
    };
    if length < 0 {
        return None;
    }
    if start < 0 || start >= count {
        return Some(String::new());
    }
    Some(letters.iter().skip(start as usize).take(usize::try_from(length).unwrap_or(usize::MAX)).collect())
}

/// Where the needle begins, from 1; 0 if nowhere.
fn position(needle: &[char], hay: &[char]) -> i64 {
    let starts = 0..=hay.len().saturating_sub(needle.len());
    let found = starts.into_iter().find(|at| hay[*at..].starts_with(needle));
    found.map_or(0, |at| at as i64 + 1)
}

/// From 0; NULL out of range. Nothing has no parts.
fn split_index(subject: &str, separator: &str, index: i64) -> Option<String> {
    if subject.is_empty() {
        return None;
    }
    let index = usize::try_from(index).ok()?;
    if separator.is_empty() {
        return subject.split(char::is_whitespace).nth(index).map(String::from);
    }
    subject.split(separator).nth(index).map(String::from)
}

fn pad(letters: &[char], length: i64, with: &[char], left: bool) -> Option<String> {
    let length = usize::try_from(length).ok()?;
    if with.is_empty() && length > letters.len() {
        return None;
    }
    let padding: String = with.iter().cycle().take(length.saturating_sub(letters.len())).collect();
    let kept: String = letters.iter().take(length).collect();
    Some(if left { padding + &kept } else { kept + &padding })
}

/// `%` is any text, `_` any character, what follows the escape character itself.
pub(crate) fn like(text: &[char], pattern: &[char], escape: Option<char>) -> Result<bool> {
    let Some((first, rest)) = pattern.split_first() else { return Ok(text.is_empty()) };
    if Some(*first) == escape {
        let Some((literal, rest)) = rest.split_first().filter(|(c, _)| **c == '%' || **c == '_' || Some(**c) == escape)
        else {
            return Err(Error::Value("the escape character escapes nothing".into()));
        };
        return Ok(text.first() == Some(literal) && like(&text[1..], rest, escape)?);
    }
    match first {
        '%' => {
            for start in 0..=text.len() {
                if like(&text[start..], rest, escape)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        '_' => Ok(!text.is_empty() && like(&text[1..], rest, escape)?),
        c => Ok(text.first() == Some(c) && like(&text[1..], rest, escape)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_not_bytes() {
        let letters: Vec<char> = "äöü".chars().collect();
        assert_eq!(substring(&letters, 2, 1).as_deref(), Some("ö"));
        assert_eq!(substring(&letters, 0, 2).as_deref(), Some("äö"));
        assert_eq!(substring(&letters, -1, 9).as_deref(), Some("ü"));
        assert_eq!(substring(&letters, -4, 9).as_deref(), Some(""));
        assert_eq!(substring(&letters, 1, -1), None);
        assert_eq!(position(&['ü'], &letters), 3);
        assert_eq!(position(&[], &letters), 1);
        assert_eq!(split_index("a//b", "/", 1).as_deref(), Some(""));
        assert_eq!(split_index("a//b", "/", 3), None);
    }

    #[test]
    fn like_escapes_and_backtracks() {
        let like = |text: &str, pattern: &str, escape: Option<char>| {
            super::like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>(), escape)
        };
        assert_eq!(like("abcabd", "%ab_", None), Ok(true));
        assert_eq!(like("10%", "10x%", Some('x')), Ok(true));
        assert_eq!(like("100", "10x%", Some('x')), Ok(false));
        assert!(like("10", "10x", Some('x')).is_err());
    }
}
