//! IAM's JSON documents: read, brought into one canonical form, compared, measured, and edited one statement at a time.
//!
//! Knows the grammar, not what a document allows. Which statements xeks writes is in `policy::statements`.

mod allows;
pub mod statements;

use serde_json::{Map, Value, json};

pub use self::allows::lets_in;
use crate::terminal::visible;

/// Characters of a role's trust policy that AWS allows by default, whitespace not counted (IAM quotas; can be raised).
pub const TRUST_LIMIT: usize = 2048;
/// Characters that no quota raises it to: a document that is longer needs no AWS to be refused.
pub const TRUST_NEVER: usize = 8192;
/// Characters of all inline policies of one role together, whitespace not counted (IAM quotas). Can't be raised.
pub const INLINE_LIMIT: usize = 10_240;
/// Managed policies of one role that AWS allows by default, and what the quota can be raised to (IAM quotas).
pub const ATTACHMENTS_LIMIT: usize = 10;
pub const ATTACHMENTS_NEVER: usize = 25;

/// The version that a document without one has.
const DEFAULT_VERSION: &str = "2008-10-17";

/// Reads a document, plain or URL-encoded as `GetRole` and `GetRolePolicy` return it. `Err` says what is wrong with it.
pub fn parse(text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    let decoded = match trimmed.starts_with('%') {
        true => percent_encoding::percent_decode_str(trimmed).decode_utf8().map_err(|_| "The document is not UTF-8.".to_owned())?,
        false => trimmed.into(),
    };
    let document: Value = serde_json::from_str(&decoded).map_err(|e| format!("The document is not JSON: {e}."))?;
    if !document.is_object() {
        return Err("The document must be a JSON object, like {\"Version\": \"2012-10-17\", \"Statement\": []}.".into());
    }
    Ok(document)
}

/// A document that a user wrote: JSON, with statements that have an Effect. A rule for attributes.
pub fn is_document(text: &str) -> Result<(), String> {
    let document = parse(text)?;
    if document.get("Statement").is_none() {
        return Err("The document has no \"Statement\".".into());
    }
    for (index, statement) in statements_of(&document).into_iter().enumerate() {
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow" | "Deny") => {}
            _ => return Err(format!("Statement {} needs an \"Effect\" of \"Allow\" or \"Deny\".", index + 1)),
        }
    }
    Ok(())
}

/// A document of the current version with these statements.
pub fn document(statements: impl IntoIterator<Item = Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()})
}

/// The one form of all documents that mean the same: lists of one are scalars, lists are sorted (the list of statements too),
/// account ids are root ARNs, condition values are strings, the version is always there.
pub fn canonical(document: &Value) -> Value {
    let Value::Object(members) = document else { return document.clone() };
    let mut out = Map::new();
    for (key, value) in sorted(members) {
        if key != "Statement" {
            out.insert(key.clone(), value.clone());
        }
    }
    out.entry("Version").or_insert_with(|| json!(DEFAULT_VERSION));
    let mut all: Vec<Value> = statements_of(document).into_iter().map(canonical_statement).collect();
    sort(&mut all);
    out.insert("Statement".into(), Value::Array(all));
    Value::Object(sorted(&out).into_iter().map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// The canonical form as compact text with stable key order.
pub fn canonical_text(document: &Value) -> String {
    canonical(document).to_string()
}

/// The canonical form of a document that others wrote, to be shown: Terraform decodes its JSON, and prints texts of several lines as they
/// are, so that their control characters are escapes once more.
pub fn shown_text(document: &Value) -> String {
    shown(&canonical(document)).to_string()
}

fn shown(value: &Value) -> Value {
    let text = |text: &str| visible(text).into_owned();
    match value {
        Value::String(found) => Value::String(text(found)),
        Value::Array(members) => members.iter().map(shown).collect(),
        Value::Object(members) => Value::Object(members.iter().map(|(key, member)| (text(key), shown(member))).collect()),
        other => other.clone(),
    }
}

/// Whether two documents mean the same. Beyond the canonical form, actions, condition operators and condition keys differ only
/// in case, ArnLike is ArnEquals, and an account's root is the same in any partition's spelling.
pub fn equivalent(a: &Value, b: &Value) -> bool {
    folded(a) == folded(b)
}

/// Whether two texts hold documents that mean the same. Texts that are no documents are equal only to themselves.
pub fn equivalent_text(a: &str, b: &str) -> bool {
    match (parse(a), parse(b)) {
        (Ok(a), Ok(b)) => equivalent(&a, &b),
        _ => a == b,
    }
}

/// The size that AWS counts: characters without whitespace.
pub fn size(document: &Value) -> usize {
    text_size(&document.to_string())
}

/// The same of a document's text.
pub fn text_size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// What an element holds, whether one value or a list of them; numbers and booleans as AWS reads them.
pub fn values_of(element: &Value) -> Vec<String> {
    match element {
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![element.to_string()],
        Value::Array(members) => members.iter().flat_map(values_of).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// The statements, whether the document holds one or a list.
pub fn statements_of(document: &Value) -> Vec<&Value> {
    match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

/// The values that a statement's conditions with one of these operators compare a key with. Neither is case-sensitive (IAM user guide, "AWS
/// JSON policy elements: Condition").
pub fn compared(statement: &Value, operators: &[&str], key: &str) -> Vec<String> {
    let conditions = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let of_operator = conditions.filter(|(operator, _)| operators.iter().any(|wanted| wanted.eq_ignore_ascii_case(operator)));
    let keys = of_operator.filter_map(|(_, keys)| keys.as_object()).flatten();
    keys.filter(|(found, _)| found.eq_ignore_ascii_case(key)).flat_map(|(_, values)| values_of(values)).collect()
}

/// The statement with this Sid.
pub fn find<'a>(document: &'a Value, sid: &str) -> Option<&'a Value> {
    statements_of(document).into_iter().find(|s| sid_of(s) == Some(sid))
}

/// The document with this statement in place of the one of the same Sid, or added at the end. All others stay as they are; a
/// statement that means the same already is left as it is written.
pub fn upsert(document: &Value, statement: &Value) -> Value {
    let sid = sid_of(statement);
    let mut replaced = false;
    let mut all: Vec<Value> = Vec::new();
    for existing in statements_of(document) {
        if sid.is_none() || sid_of(existing) != sid {
            all.push(existing.clone());
        } else if !replaced {
            replaced = true;
            let same = equivalent(&self::document([existing.clone()]), &self::document([statement.clone()]));
            all.push(if same { existing.clone() } else { statement.clone() });
        }
    }
    if !replaced {
        all.push(statement.clone());
    }
    with_statements(document, all)
}

/// The document without the statements of this Sid. It may be left without any: AWS takes no such document.
pub fn remove(document: &Value, sid: &str) -> Value {
    let rest: Vec<Value> = statements_of(document).into_iter().filter(|s| sid_of(s) != Some(sid)).cloned().collect();
    if rest.len() == statements_of(document).len() { document.clone() } else { with_statements(document, rest) }
}

pub fn sid_of(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty())
}

/// The statement with that Sid: a name that changes nothing of what it allows.
pub fn with_sid(statement: &Value, sid: String) -> Value {
    let mut statement = statement.clone();
    if let Value::Object(members) = &mut statement {
        members.insert("Sid".into(), Value::String(sid));
    }
    statement
}

pub fn without_sid(statement: &Value) -> Value {
    let mut statement = statement.clone();
    if let Value::Object(members) = &mut statement {
        members.remove("Sid");
    }
    statement
}

/// The document without any Sid.
pub fn without_sids(document: &Value) -> Value {
    let mut out = document.clone();
    if let Value::Object(members) = &mut out {
        members.insert("Statement".into(), statements_of(document).into_iter().map(without_sid).collect());
    }
    out
}

/// The document with these statements in place of its own.
pub fn with_statements(document: &Value, all: Vec<Value>) -> Value {
    let mut out = document.as_object().cloned().unwrap_or_default();
    out.entry("Version").or_insert_with(|| json!("2012-10-17"));
    out.insert("Statement".into(), Value::Array(all));
    Value::Object(out)
}

fn canonical_statement(statement: &Value) -> Value {
    let Value::Object(members) = statement else { return statement.clone() };
    let mut out = Map::new();
    for (key, value) in sorted(members) {
        let value = match key.as_str() {
            "Sid" if value.as_str() == Some("") => continue,
            "Action" | "NotAction" | "Resource" | "NotResource" => one_or_sorted(value),
            "Principal" | "NotPrincipal" => canonical_principal(value),
            "Condition" => match canonical_condition(value) {
                Value::Object(none) if none.is_empty() => continue,
                condition => condition,
            },
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    Value::Object(out)
}

fn canonical_principal(principal: &Value) -> Value {
    match principal {
        // In a policy on a resource, everyone is written either way (IAM user guide, "Principal").
        Value::String(all) if all == "*" => json!({"AWS": "*"}),
        Value::Object(members) => {
            let of_kind = |(kind, ids): (&String, &Value)| match kind.as_str() {
                "AWS" => (kind.clone(), one_or_sorted(&map_strings(ids, &account_as_root))),
                _ => (kind.clone(), one_or_sorted(ids)),
            };
            Value::Object(sorted(members).into_iter().map(of_kind).collect())
        }
        other => other.clone(),
    }
}

fn canonical_condition(condition: &Value) -> Value {
    let Value::Object(operators) = condition else { return condition.clone() };
    let mut out = Map::new();
    for (operator, keys) in sorted(operators) {
        let keys = match keys {
            Value::Object(keys) => {
                Value::Object(sorted(keys).into_iter().map(|(k, v)| (k.clone(), one_or_sorted(&scalars_as_strings(v)))).collect())
            }
            other => other.clone(),
        };
        if keys.as_object().is_none_or(|k| !k.is_empty()) {
            out.insert(operator.clone(), keys);
        }
    }
    Value::Object(out)
}

/// A scalar for a list of one, else the list sorted and without repeats. A list in a list is read as one, as by `values_of`.
fn one_or_sorted(value: &Value) -> Value {
    fn flat(value: &Value) -> Vec<Value> {
        match value {
            Value::Array(members) => members.iter().flat_map(flat).collect(),
            other => vec![other.clone()],
        }
    }
    let Value::Array(_) = value else { return value.clone() };
    let mut members = flat(value);
    sort(&mut members);
    if members.len() == 1 { members.remove(0) } else { Value::Array(members) }
}

fn sort(values: &mut Vec<Value>) {
    values.sort_by_cached_key(Value::to_string);
    values.dedup();
}

/// Condition values are compared as strings: `true` is `"true"`, `5` is `"5"`.
fn scalars_as_strings(value: &Value) -> Value {
    match value {
        Value::Array(members) => Value::Array(members.iter().map(scalars_as_strings).collect()),
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        other => other.clone(),
    }
}

fn map_strings(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(members) => Value::Array(members.iter().map(|m| map_strings(m, change)).collect()),
        other => other.clone(),
    }
}

/// IAM stores a bare account id as the account's root.
fn account_as_root(principal: &str) -> String {
    if super::arn::is_account_id(principal) { super::arn::account_root("aws", principal) } else { principal.to_owned() }
}

fn root_as_account(principal: &str) -> String {
    match super::Arn::parse(principal) {
        Ok(arn) if arn.service == "iam" && arn.resource == "root" => arn.account,
        _ => principal.to_owned(),
    }
}

/// The canonical form without regard to what AWS compares without regard to case.
fn folded(document: &Value) -> Value {
    let mut document = canonical(document);
    if let Some(Value::Array(all)) = document.get_mut("Statement") {
        for statement in all.iter_mut().filter_map(Value::as_object_mut) {
            for key in ["Action", "NotAction"] {
                if let Some(actions) = statement.get_mut(key) {
                    *actions = one_or_sorted(&map_strings(actions, &|a| a.to_ascii_lowercase()));
                }
            }
            for key in ["Principal", "NotPrincipal"] {
                if let Some(aws) = statement.get_mut(key).and_then(|p| p.get_mut("AWS")) {
                    *aws = one_or_sorted(&map_strings(aws, &root_as_account));
                }
            }
            if let Some(Value::Object(operators)) = statement.get_mut("Condition") {
                *operators = arn_like_as_equals(lower_keys(operators));
                for keys in operators.values_mut().filter_map(Value::as_object_mut) {
                    *keys = lower_keys(keys);
                }
            }
        }
        sort(all);
    }
    document
}

/// ArnEquals and ArnLike behave the same (IAM user guide, "Amazon Resource Name condition operators").
fn arn_like_as_equals(mut operators: Map<String, Value>) -> Map<String, Value> {
    if !operators.contains_key("arnequals")
        && let Some(keys) = operators.remove("arnlike")
    {
        operators.insert("arnequals".into(), keys);
    }
    sorted(&operators).into_iter().map(|(operator, keys)| (operator.clone(), keys.clone())).collect()
}

fn lower_keys(map: &Map<String, Value>) -> Map<String, Value> {
    let lowered: Map<String, Value> = map.iter().map(|(k, v)| (k.to_ascii_lowercase(), v.clone())).collect();
    // Keys that differ in case only are not one key: AWS would judge both.
    if lowered.len() == map.len() { sorted(&lowered).into_iter().map(|(k, v)| (k.clone(), v.clone())).collect() } else { map.clone() }
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = map.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members
}

#[cfg(test)]
mod tests;
