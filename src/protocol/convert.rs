//! Converts values and paths from and to their wire types.

use super::wire::attribute_path::{Step as WireStep, step::Selector};
use super::wire::{AttributePath, DynamicValue, RawState};
use crate::diagnostics::{Diagnostic, Path, Severity, Step};
use crate::schema::{DecodeError, Type, Value, json, msgpack};

/// Reads a value that the host sent. `what` names it in errors: "the configuration of xeks_irsa_trust".
///
/// # Errors
/// The value doesn't fit the type; the diagnostic has its path.
pub fn decode(what: &str, value: Option<&DynamicValue>, ty: &Type) -> Result<Value, Diagnostic> {
    let decoded = match value {
        Some(value) if !value.msgpack.is_empty() => msgpack::decode(&value.msgpack, ty),
        Some(value) if !value.json.is_empty() => json::parse(&value.json).and_then(|value| json::decode(&value, ty)),
        _ => Ok(Value::Null),
    };
    decoded.map_err(|error| unreadable(what, error))
}

/// Reads the JSON of a stored state.
///
/// # Errors
/// It is no JSON, or of Terraform 0.11's kind.
pub fn stored(what: &str, state: Option<&RawState>) -> Result<serde_json::Value, Diagnostic> {
    let state = state.filter(|state| !state.json.is_empty());
    let state = state.ok_or_else(|| super::error(format!("Can't read {what}"), "It is not JSON, and xeks never writes such a state."))?;
    json::parse(&state.json).map_err(|error| unreadable(what, error))
}

pub fn encode(value: &Value, ty: &Type) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: msgpack::encode(value, ty), json: Vec::new() })
}

/// The path on the wire; none for the block as a whole.
pub fn path(path: &Path) -> Option<AttributePath> {
    let steps: Vec<WireStep> = path.0.iter().map(|step| WireStep { selector: Some(selector(step)) }).collect();
    (!steps.is_empty()).then_some(AttributePath { steps })
}

/// The beginning of a path that Terraform and OpenTofu find a line for: a top-level attribute, and what it holds by key or index. Of a path
/// that goes on to an attribute in it they show the line of the block.
pub fn with_line(path: &Path) -> Path {
    let rest = path.0.iter().skip(1).take_while(|step| !matches!(step, Step::Attribute(_)));
    Path(path.0.iter().take(1).chain(rest).cloned().collect())
}

fn selector(step: &Step) -> Selector {
    match step {
        Step::Attribute(name) => Selector::AttributeName(name.clone()),
        Step::Key(key) => Selector::ElementKeyString(key.clone()),
        Step::Index(index) => Selector::ElementKeyInt(*index),
    }
}

fn unreadable(what: &str, error: DecodeError) -> Diagnostic {
    let place = if error.path == Path::root() { String::new() } else { format!(" at {}", error.path) };
    Diagnostic {
        severity: Severity::Error,
        summary: format!("Can't read {what}"),
        detail: format!("It doesn't fit the schema{place}: {}.", error.message),
        path: error.path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty() -> Type {
        Type::object([("role", Type::object([("name", Type::String)]))])
    }

    #[test]
    fn a_value_that_does_not_fit_is_an_error_with_its_path() {
        let sent = DynamicValue { json: br#"{"role":{"name":7}}"#.to_vec(), ..DynamicValue::default() };
        let error = decode("the configuration of xeks_x", Some(&sent), &ty()).unwrap_err();
        assert_eq!(error.summary, "Can't read the configuration of xeks_x");
        assert_eq!(error.path, Path::of("role.name"));
    }

    #[test]
    fn a_value_that_was_not_sent_is_null() {
        assert_eq!(decode("x", None, &ty()), Ok(Value::Null));
        assert_eq!(decode("x", Some(&DynamicValue::default()), &ty()), Ok(Value::Null));
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let value = Value::object([("role", Value::object([("name", Value::Unknown)]))]);
        assert_eq!(decode("x", encode(&value, &ty()).as_ref(), &ty()), Ok(value));
    }

    #[test]
    fn each_kind_of_step_has_its_selector_and_the_root_has_no_path() {
        let steps = path(&Path::of("a").key("k").index(3)).unwrap().steps;
        let selectors: Vec<_> = steps.into_iter().filter_map(|step| step.selector).collect();
        let expected = [Selector::AttributeName("a".into()), Selector::ElementKeyString("k".into()), Selector::ElementKeyInt(3)];
        assert_eq!(selectors, expected);
        assert_eq!(path(&Path::root()), None);
    }

    #[test]
    fn a_line_is_found_for_a_top_level_attribute_and_what_it_holds() {
        for (written, shown) in [
            (Path::of("access_role.name"), Path::of("access_role")),
            (Path::of("workload_accounts").key("c").attribute("region"), Path::of("workload_accounts").key("c")),
            (Path::of("service_accounts").index(1).attribute("name"), Path::of("service_accounts").index(1)),
            (Path::of("role.tags").key("aws:x"), Path::of("role")),
            (Path::of("tags").key("aws:x"), Path::of("tags").key("aws:x")),
            (Path::root(), Path::root()),
        ] {
            assert_eq!(with_line(&written), shown);
        }
    }

    #[test]
    fn a_state_of_the_oldest_kind_is_refused() {
        let flat = RawState { json: Vec::new(), flatmap: [("id".to_owned(), "x".to_owned())].into() };
        assert!(stored("the state of xeks_x", Some(&flat)).unwrap_err().detail.contains("never writes"));
    }
}
