//! YAML of kubeconfigs and manifests, whose every text stays in its place: texts are quoted as JSON, which YAML reads the same.
//!
//! YAML 1.2.2, section 1.3: JSON is YAML. What JSON leaves as it is and YAML does not print (section 5.1), or a terminal obeys, is an
//! escape, which both read the same.

use serde_json::Value as Json;

use crate::terminal::visible_line;

/// A value in flow style, on one line.
pub fn flow(value: &Json) -> String {
    // JSON on one line has these characters within its texts only.
    let mut line = visible_line(&value.to_string()).into_owned();
    for c in ['\u{feff}', '\u{fffe}', '\u{ffff}'] {
        if line.contains(c) {
            line = line.replace(c, &format!("\\u{:04x}", u32::from(c)));
        }
    }
    line
}

/// A text.
pub fn text(text: &str) -> String {
    flow(&Json::from(text))
}

/// A document in block style, so that a reader finds their way; every scalar in flow style.
pub fn document(document: &Json) -> String {
    let mut out = String::new();
    write(document, 0, &mut out);
    out
}

fn write(value: &Json, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Json::Object(members) => {
            for (key, member) in members {
                out.push_str(&format!("{indent}{}:", if is_plain(key) { key.clone() } else { text(key) }));
                write_member(member, depth, out);
            }
        }
        Json::Array(members) => {
            for member in members {
                let mut block = String::new();
                write(member, depth + 1, &mut block);
                // The first line of the block carries the dash.
                out.push_str(&format!("{indent}- {}", block.trim_start()));
            }
        }
        scalar => out.push_str(&format!("{indent}{}\n", flow(scalar))),
    }
}

fn write_member(member: &Json, depth: usize, out: &mut String) {
    match member {
        Json::Object(inner) if !inner.is_empty() => {
            out.push('\n');
            write(member, depth + 1, out);
        }
        Json::Array(inner) if !inner.is_empty() && !inner.iter().any(is_empty) => {
            out.push('\n');
            write(member, depth, out);
        }
        other => out.push_str(&format!(" {}\n", flow(other))),
    }
}

/// What has no lines of its own in block style.
fn is_empty(value: &Json) -> bool {
    value.as_object().is_some_and(|members| members.is_empty()) || value.is_array()
}

/// Words that YAML reads as a boolean or as null (YAML 1.1, which kubectl reads, has more of them than 1.2).
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Whether YAML reads the key as a text without quotes, as it does Kubernetes' own.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic()) && !WORDS.contains(&key.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_reads_as_blocks_with_quoted_scalars() {
        let service_account =
            json!({"kind": "ServiceAccount", "metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:x"}, "name": "sa"}});
        assert_eq!(
            document(&service_account),
            "kind: \"ServiceAccount\"\nmetadata:\n  annotations:\n    \"eks.amazonaws.com/role-arn\": \"arn:x\"\n  name: \"sa\"\n"
        );
        assert_eq!(document(&json!({"items": [{"name": 1, "path": [2]}]})), "items:\n- name: 1\n  path:\n  - 2\n");
        assert_eq!(document(&json!({"spec": {}, "list": [], "pair": [[], {}]})), "list: []\npair: [[],{}]\nspec: {}\n");
    }

    #[test]
    fn a_text_is_one_line_of_characters_that_yaml_prints() {
        let written = text("a\"\n- b: \u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{202e}\u{feff}\u{ffff} # c");
        assert_eq!(written, r#""a\"\n- b: \u001b\u007f\u0085\u009b\u2028\u202e\ufeff\uffff # c""#);
    }

    #[test]
    fn keys_that_yaml_reads_as_something_else_than_text_are_quoted() {
        assert_eq!(document(&json!({"true": 1, "y": 2, "1234": 3, "": 4})), "\"\": 4\n\"1234\": 3\n\"true\": 1\n\"y\": 2\n");
    }
}
