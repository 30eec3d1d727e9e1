//! Rules that need no AWS: lengths, patterns, choices. Each refusal names the attribute, the rule, and a value that would work.

use super::value::Value;
use crate::diagnostics::{Diagnostics, Path};

/// A rule on one attribute's value. It is asked only about values that are known and not null.
pub trait Validator: Send + Sync {
    fn check(&self, value: &Value, path: &Path, diagnostics: &mut Diagnostics);
}

impl<F: Fn(&Value, &Path, &mut Diagnostics) + Send + Sync> Validator for F {
    fn check(&self, value: &Value, path: &Path, diagnostics: &mut Diagnostics) {
        self(value, path, diagnostics);
    }
}

/// A rule on a string: `Err` says the rule and a value that would work.
pub fn text(rule: impl Fn(&str) -> Result<(), String> + Send + Sync) -> impl Validator {
    move |value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
        if let Some(Err(why)) = value.as_str().map(&rule) {
            refuse(path, why, diagnostics);
        }
    }
}

/// A rule on every string of a list, set or map.
pub fn each_text(rule: impl Fn(&str) -> Result<(), String> + Send + Sync) -> impl Validator {
    move |value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
        for member in value.members() {
            if let Some(Err(why)) = member.as_str().map(&rule) {
                refuse(path, why, diagnostics);
            }
        }
        for (key, member) in value.entries().into_iter().flatten() {
            if let Some(Err(why)) = member.as_str().map(&rule) {
                refuse(&path.key(key), why, diagnostics);
            }
        }
    }
}

/// Length of a string in characters, both ends included.
pub fn length(least: usize, most: usize) -> impl Validator {
    text(move |value| {
        let length = value.chars().count();
        if (least..=most).contains(&length) {
            Ok(())
        } else {
            Err(format!("It has {length} characters. Use {least} to {most} characters."))
        }
    })
}

/// One of the named values.
pub fn one_of(choices: &'static [&'static str]) -> impl Validator {
    text(
        move |value| {
            if choices.contains(&value) { Ok(()) } else { Err(format!("{value:?} is not valid. Use one of {}.", quoted(choices))) }
        },
    )
}

/// A whole number in a range, both ends included.
pub fn between(least: i64, most: i64) -> impl Validator {
    move |value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
        if let Value::Number(number) = value
            && !number.as_i64().is_some_and(|n| (least..=most).contains(&n))
        {
            refuse(path, format!("{number} is not a whole number from {least} to {most}."), diagnostics);
        }
    }
}

/// How many members a list, set or map may have, both ends included.
pub fn count(least: usize, most: usize) -> impl Validator {
    move |value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
        let found = value.entries().map_or_else(|| value.members().len(), |entries| entries.len());
        if !(least..=most).contains(&found) {
            refuse(path, format!("It has {found} elements. Use {least} to {most}."), diagnostics);
        }
    }
}

/// Adds the error of a refused value.
pub fn refuse(path: &Path, why: impl Into<String>, diagnostics: &mut Diagnostics) {
    diagnostics.error(path.clone(), format!("Invalid value for {path}"), why);
}

fn quoted(choices: &[&str]) -> String {
    choices.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(validator: &dyn Validator, value: Value) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        validator.check(&value, &Path::of("a"), &mut diagnostics);
        diagnostics.0.into_iter().map(|d| d.detail).collect()
    }

    #[test]
    fn a_refusal_says_the_rule() {
        assert_eq!(messages(&length(1, 64), Value::string("x".repeat(65))), ["It has 65 characters. Use 1 to 64 characters."]);
        assert_eq!(
            messages(&one_of(&["never", "if_exists"]), Value::string("no")),
            ["\"no\" is not valid. Use one of \"never\", \"if_exists\"."]
        );
        assert_eq!(messages(&between(900, 3600), Value::number(1)), ["1 is not a whole number from 900 to 3600."]);
        assert_eq!(messages(&count(1, 5), Value::set([])), ["It has 0 elements. Use 1 to 5."]);
    }

    #[test]
    fn values_within_the_rule_pass() {
        assert!(messages(&length(1, 64), Value::string("x".repeat(64))).is_empty());
        assert!(messages(&one_of(&["never"]), Value::string("never")).is_empty());
        assert!(messages(&between(900, 3600), Value::number(900)).is_empty());
    }
}
