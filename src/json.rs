//! Reading a JSON object field by field, with errors that name the field.
//!
//! Shared by the readers of diffusers' two files. It remembers which keys were asked for,
//! so that the others can be reported.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// A field that is missing or has an impossible value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct FieldError {
    /// The key.
    pub field: String,
    /// What it may be.
    pub expected: String,
    /// What it is; `None` when the key is missing.
    pub found: Option<String>,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            expected,
            found,
        } = self;
        match found {
            Some(found) => write!(f, "{field}: expected {expected}, found {found}"),
            None => write!(f, "{field} is missing: expected {expected}"),
        }
    }
}

/// The JSON object in `text`, also as Python writes it: with NaN and infinities, which JSON does not have and which
/// become texts that no number is read from, and after a byte order mark.
///
/// # Errors
/// What is wrong with the text.
pub fn object(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if text.starts_with('\u{FFFD}') || text.contains('\0') {
        return Err("found UTF-16 or binary data: save it as UTF-8".into());
    }
    serde_json::from_str(text)
        .or_else(|error| serde_json::from_str(&with_quoted_numbers(text)).map_err(|_| error))
        .map_err(|error| brief(&error.to_string()))
}

/// As much of a foreign text as a message has room for, in one line.
pub(crate) fn brief(text: &str) -> String {
    cut(text, 120)
}

/// At most `longest` characters of `text`, in one line.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(longest)
        .collect();
    match text.chars().nth(longest) {
        Some(_) => line + "…",
        None => line,
    }
}

/// The first few of a list that may be as long as a file wants it, and how many more there are.
pub(crate) fn few(list: &[String]) -> String {
    const NAMED: usize = 3;
    let first: Vec<String> = list.iter().take(NAMED).map(|name| brief(name)).collect();
    let first = first.join(", ");
    match list.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// `text` with quotes around `NaN`, `Infinity` and `-Infinity` outside of strings.
fn with_quoted_numbers(text: &str) -> String {
    let (mut plain, mut rest, mut in_string) = (String::with_capacity(text.len()), text, false);
    while let Some(first) = rest.chars().next() {
        let number = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .find(|number| !in_string && rest.starts_with(number));
        let length = match number {
            Some(number) => number.len(),
            // What is escaped in a string is not its end.
            None if in_string && first == '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            None => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        if number.is_some() {
            plain.extend(["\"", part, "\""]);
        } else {
            in_string ^= part == "\"";
            plain.push_str(part);
        }
        rest = after;
    }
    plain
}

/// Longest piece of a foreign value that is quoted in an error.
const QUOTED: usize = 80;

/// A JSON object that is being read.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    read: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// Starts reading `object`.
    pub fn new(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            read: BTreeSet::new(),
        }
    }

    /// The value of `name`, which counts as read from now on.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.read.insert(name);
        self.object.get(name)
    }

    /// The keys that nobody asked for, with their values.
    pub fn rest(&self) -> Map<String, Value> {
        let mut rest = Map::new();
        for (key, value) in self.object {
            if !self.read.contains(key.as_str()) {
                rest.insert(key.clone(), value.clone());
            }
        }
        rest
    }

    /// Names of the [`Fields::rest`], sorted. Keys that start with `_` are the
    /// writing program's notes to itself and are left out.
    pub fn unknown(&self) -> Vec<String> {
        self.rest()
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| !key.starts_with('_'))
            .collect()
    }

    /// The error that `name` should have been `expected`.
    pub fn reject(&self, name: &str, expected: &str) -> FieldError {
        let found = self.object.get(name).map(|value| {
            let text = value.to_string();
            match text.char_indices().nth(QUOTED) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        });
        FieldError {
            field: name.into(),
            expected: expected.into(),
            found,
        }
    }

    /// What `convert` makes of `name`'s value; `default` when the key is missing.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        default: Option<T>,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, FieldError> {
        match self.value(name) {
            None => default,
            Some(value) => convert(value),
        }
        .ok_or_else(|| self.reject(name, expected))
    }

    /// An integer in `range`; `default` when the key is missing.
    pub fn integer(
        &mut self,
        name: &'static str,
        default: Option<usize>,
        range: RangeInclusive<u64>,
    ) -> Result<usize, FieldError> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        self.read(name, &expected, default, |value| {
            let value = value.as_u64().filter(|v| range.contains(v))?;
            usize::try_from(value).ok()
        })
    }

    /// An integer in `range`, or `None` when the key is missing or null.
    pub fn optional_integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<usize>, FieldError> {
        match self.value(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.integer(name, None, range).map(Some),
        }
    }

    /// A finite number in `range`; `default` when the key is missing.
    pub fn number(
        &mut self,
        name: &'static str,
        default: Option<f64>,
        range: RangeInclusive<f64>,
    ) -> Result<f64, FieldError> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        self.read(name, &expected, default, |value| {
            value.as_f64().filter(|v| range.contains(v))
        })
    }

    /// true or false; `default` when the key is missing.
    pub fn boolean(&mut self, name: &'static str, default: bool) -> Result<bool, FieldError> {
        self.read(name, "true or false", Some(default), Value::as_bool)
    }

    /// One of the `known` texts; the text `null` stands for JSON's null, `default` for a missing key.
    pub fn one_of<T: Clone>(
        &mut self,
        name: &'static str,
        default: Option<&str>,
        known: &[(&str, T)],
    ) -> Result<T, FieldError> {
        let text = match self.value(name) {
            None => default,
            Some(Value::Null) => Some("null"),
            Some(value) => value.as_str(),
        };
        known
            .iter()
            .find(|(n, _)| Some(*n) == text)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| {
                let names: Vec<&str> = known.iter().map(|(n, _)| *n).collect();
                self.reject(name, &names.join(" or "))
            })
    }

    /// A list whose every element `read` accepts.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, FieldError> {
        self.read(name, expected, None, |value| {
            value.as_array()?.iter().map(&read).collect()
        })
    }
}
