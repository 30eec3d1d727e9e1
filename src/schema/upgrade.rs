//! States as older versions of the provider stored them, brought to today's schema.
//!
//! A schema's version is the number of its steps: the first takes a state of version 0 to version 1, and so on. A step sees the
//! state as JSON, for the schema that it was written by is no more. Knows no resource.

use std::fmt;

use serde_json::Value as Json;

use super::{DecodeError, Schema, Value, json};
use crate::diagnostics::Path;

/// Takes a state from one version to the next. `Err` says, in a sentence without the state's values, what it can't be made of.
pub type Step = fn(Json) -> Result<Json, String>;

/// Why a stored state can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// A version that this provider does not know: a newer one wrote the state.
    Newer { version: i64, known: i64 },
    /// The step from this version does not apply.
    Step { version: i64, why: String },
    /// It is otherwise than its version says.
    Unreadable(DecodeError),
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outdated::Newer { version, known } => {
                write!(f, "it has schema version {version}, and this provider knows versions up to {known}")
            }
            Outdated::Step { version, why } => write!(f, "it can't be upgraded from schema version {version} to {}: {why}", version + 1),
            Outdated::Unreadable(error) if error.path == Path::root() => write!(f, "it does not match its schema: {}", error.message),
            Outdated::Unreadable(error) => write!(f, "it does not match its schema at {}: {}", error.path, error.message),
        }
    }
}

impl Schema {
    /// A stored state in today's schema. What was added since is null. What the schema does not have is left out of a state of its own
    /// version, as Terraform does itself before it asks; an older state's steps must have dealt with it.
    ///
    /// # Errors
    /// The state is of a newer version, or is otherwise than its version says.
    pub fn upgrade(&self, version: i64, mut state: Json) -> Result<Value, Outdated> {
        let known = self.version();
        if version > known {
            return Err(Outdated::Newer { version, known });
        }
        let ty = self.value_type();
        if version == known {
            state = json::without_undeclared(state, &ty);
        }
        let from = usize::try_from(version).map_err(|_| Outdated::Unreadable(DecodeError::new(&Path::root(), "no version")))?;
        for (step, version) in self.steps[from..].iter().zip(version..) {
            state = step(state).map_err(|why| Outdated::Step { version, why })?;
        }
        json::decode(&state, &ty).map_err(Outdated::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Attribute, Nesting, Type};
    use super::*;

    /// Version 0 had `names`, a text with commas; version 1 a set; version 2 calls it `members` and holds them in `team`.
    fn schema() -> Schema {
        let team = vec![Attribute::set_of_strings("members", "").required(), Attribute::string("lead", "").optional()];
        let attributes = vec![Attribute::nested("team", Nesting::Single, team, "").required(), Attribute::string("id", "").computed()];
        Schema::new("", attributes).upgraded_by(&[split_names, move_into_team])
    }

    fn split_names(mut state: Json) -> Result<Json, String> {
        let names = state["names"].as_str().ok_or("it has no names")?.split(',').map(str::to_owned).collect::<Vec<_>>();
        state["names"] = json!(names);
        Ok(state)
    }

    fn move_into_team(mut state: Json) -> Result<Json, String> {
        let names = state.as_object_mut().and_then(|s| s.remove("names")).ok_or("it has no names")?;
        state["team"] = json!({ "members": names });
        Ok(state)
    }

    fn today() -> Value {
        let team = Value::object([("members", Value::set_of_strings(["a", "b"])), ("lead", Value::Null)]);
        Value::object([("team", team), ("id", Value::string("1"))])
    }

    #[test]
    fn a_state_of_any_older_version_goes_through_the_steps_that_it_lacks() {
        let schema = schema();
        assert_eq!(schema.version(), 2);
        assert_eq!(schema.upgrade(0, json!({ "names": "a,b", "id": "1" })), Ok(today()));
        assert_eq!(schema.upgrade(1, json!({ "names": ["a", "b"], "id": "1" })), Ok(today()));
        assert_eq!(schema.upgrade(2, json!({ "team": { "members": ["b", "a"] }, "id": "1" })), Ok(today()));
    }

    #[test]
    fn a_state_of_a_newer_version_is_refused_with_both_versions() {
        let refused = schema().upgrade(3, json!({})).unwrap_err();
        assert_eq!(refused, Outdated::Newer { version: 3, known: 2 });
        assert_eq!(refused.to_string(), "it has schema version 3, and this provider knows versions up to 2");
        assert!(schema().upgrade(-1, json!({})).is_err());
    }

    #[test]
    fn a_step_that_does_not_apply_says_between_which_versions() {
        let refused = schema().upgrade(0, json!({ "id": "1" })).unwrap_err();
        assert_eq!(refused.to_string(), "it can't be upgraded from schema version 0 to 1: it has no names");
    }

    #[test]
    fn what_a_schema_does_not_have_is_left_out_at_its_own_version_only() {
        let later = json!({ "team": { "members": ["a", "b"], "motto": "x" }, "id": "1", "later": [1] });
        assert_eq!(schema().upgrade(2, later), Ok(today()));
        let forgotten = json!({ "names": ["a", "b"], "id": "1", "later": [1] });
        assert!(schema().upgrade(1, forgotten).unwrap_err().to_string().contains("\"later\""));
    }

    #[test]
    fn a_state_of_another_type_is_refused_with_the_place() {
        let schema = Schema::new("", vec![Attribute::plain("ports", Type::map(Type::Number), "").computed()]);
        let refused = schema.upgrade(0, json!({ "ports": { "a": true } })).unwrap_err();
        assert_eq!(refused.to_string(), "it does not match its schema at ports[\"a\"]: expected a number");
    }
}
