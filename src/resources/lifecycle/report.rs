//! What users read of a composite's operations: what failed, in which account, what exists now, and what to do next. The engine's errors
//! become text here.

use crate::aws::{Error, Kind, Side};
use crate::diagnostics::{Diagnostics, Path, sentence};
use crate::engine::{self, Accounts, Failure, Key, Ledger, Object, Observed, Owner, Tags};
use crate::objects::{Context, Env, TAG_RESOURCE};
use crate::schema::Value;

/// What a report of an operation needs to know of it.
pub(super) struct Operation<'a> {
    pub cx: &'a Context,
    /// Type of the resource.
    pub name: &'static str,
    /// How to import what this resource names.
    pub id: String,
}

impl Operation<'_> {
    /// Adds what was kept in place to the diagnostics, as warnings.
    pub fn warn(&self, diagnostics: &mut Diagnostics) {
        for warning in std::mem::take(&mut *self.cx.warnings.lock()) {
            diagnostics.warning(Path::root(), "An object was left in place", warning);
        }
    }

    /// One error for each object that failed; each says what exists now and what to do next.
    pub fn failures(&self, operation: &str, failures: &[Failure<Error>], ledger: &Ledger, diagnostics: &mut Diagnostics) {
        let exists: Vec<String> =
            ledger.0.iter().map(|(key, entry)| format!("  {key}{}", if entry.pending { " (not certain)" } else { "" })).collect();
        let exists = if exists.is_empty() {
            "Nothing of the resource exists now.".to_owned()
        } else {
            format!("In the state now:\n{}", exists.join("\n"))
        };
        let next = match operation {
            "create" => {
                "The state names all that was made. Mend the cause and apply again: Terraform removes what is there and makes it anew, or `terraform untaint` it first to go on from here."
            }
            "update" => "Mend the cause and apply again: what is done already is kept.",
            _ => "Mend the cause and destroy again: what is gone already is not looked for.",
        };
        for failure in failures {
            let summary = format!("{} of {} failed: could not {} {}", sentence(operation), self.name, verb(&failure.error), failure.key);
            diagnostics.error(Path::root(), summary, format!("{}\n\n{exists}\n\n{next}", self.explain(failure)));
        }
    }

    /// A read that failed.
    pub fn read_failed(&self, failure: &Failure<Error>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let text = format!("{}\n\nThe state was left as it is; nothing was changed.", self.explain(failure));
        diagnostics.error(Path::root(), format!("Reading {} failed at {}", self.name, failure.key), text);
        diagnostics
    }

    /// What went wrong, in which account, and what AWS's answer advises.
    pub fn explain(&self, failure: &Failure<Error>) -> String {
        let key = &failure.key;
        let of_kind = |kind: Kind, message: String| explain(&Error::of_kind(kind, &key.kind, self.cx.label(key.side), message));
        match &failure.error {
            engine::Error::Interrupted => {
                explain(&Error::of_kind(Kind::Other, "xeks", "this run", "interrupted: Terraform asked the provider to stop"))
            }
            engine::Error::Missing(what) => of_kind(Kind::Absent, what.clone()),
            engine::Error::Foreign(observed) => explain(&foreign(self.cx, key, observed, &self.id)),
            engine::Error::TakenOver => of_kind(
                Kind::Exists,
                format!(
                    "{} was made by this run and is another one's by now: a second state wants the same name, and ran at the same time. Give one of \
                     the two other names, or keep one of them only; two states of the very same names can't be told apart",
                    key.name
                ),
            ),
            engine::Error::UnknownKind => of_kind(
                Kind::Other,
                format!(
                    "this version of the provider does not know objects of that kind, and left {} as it is; use the version that made it",
                    key.name
                ),
            ),
            engine::Error::BadName(bad) => of_kind(
                Kind::Other,
                format!(
                    "the state names an object in a way that this version of the provider does not understand: {bad}. The entry was kept. Use the \
                     version that wrote it, or delete the object by hand and run `terraform state rm` on the resource"
                ),
            ),
            engine::Error::Read(error) | engine::Error::Create(error) | engine::Error::Update(error) | engine::Error::Delete(error) => {
                explain(error)
            }
        }
    }

    /// Warns of a foreign object that was found in the place of one of this resource: summary and detail. `None` where another create of
    /// this resource made it or took it over.
    pub fn replacement(&self, key: &Key, observed: &Observed) -> Option<(String, String)> {
        if observed.owner == Owner::Parent || self.cx.ownership.is_of_composite(&observed.owner) {
            return None;
        }
        Some((
            format!("{} is not this resource's any more", key.name),
            format!(
                "The {} that this resource made in {} is gone, and {} stands in its place without its tags. {} It is neither changed nor \
                 deleted, and nothing that hangs on it is. An apply refuses it: delete it or give the resource another name; to keep it, set adopt = \
                 \"if_exists\", or import it with the id {:?}.",
                key.kind,
                self.cx.label(key.side),
                named(key, observed),
                listed_tags(observed),
                self.id
            ),
        ))
    }
}

/// What could not be done.
fn verb(error: &engine::Error<Error>) -> &'static str {
    match error {
        engine::Error::Interrupted => "begin",
        engine::Error::Missing(_) => "find",
        engine::Error::TakenOver => "keep",
        engine::Error::Read(_) => "read",
        engine::Error::Foreign(_) | engine::Error::Create(_) => "create",
        engine::Error::Update(_) => "update",
        engine::Error::UnknownKind | engine::Error::BadName(_) | engine::Error::Delete(_) => "remove",
    }
}

/// The error of an object that exists and that this resource did not create.
pub fn foreign(cx: &Context, key: &Key, observed: &Observed, import_id: &str) -> Error {
    let (what, tags) = (named(key, observed), listed_tags(observed));
    let message = match (&observed.if_foreign, &observed.owner) {
        (Some(advice), _) => format!(
            "{} already exists and is not this resource's: {advice}. {tags} It was left as it is.",
            observed.id.as_deref().unwrap_or(&what)
        ),
        (None, Owner::Parent) => format!(
            "{what} is there already, with other contents than are configured, on an object that was there before. Adoption never \
             rewrites what others wrote: configure what is there, or change or remove it by hand, and apply again."
        ),
        (None, Owner::Tagged { resource, .. }) => {
            let whose = match resource {
                Some(resource) => format!(
                    "its tag {TAG_RESOURCE} says {resource:?}. Give this resource other names, or remove that one first. Where that one is \
                     the old half of a replacement that keeps some of its names, leave out create_before_destroy: one object can't serve both \
                     at a time. What an interrupted run of that one left behind goes with it: apply that one again and destroy it, or delete \
                     the object by hand."
                ),
                None => "it carries no tag of this provider.".to_owned(),
            };
            format!(
                "{what} already exists and is not this resource's: {whose} {tags} To use it as it is, set adopt = \"if_exists\" (or `existing = \
                 true` on a role); to manage it from here, `terraform import` with the id {import_id:?}; otherwise choose another name or delete it. \
                 It was left as it is."
            )
        }
    };
    Error::of_kind(Kind::Exists, &key.kind, cx.label(key.side), message)
}

/// The error of an object that must exist and does not.
pub fn missing(cx: &Context, object: &dyn Object<Context>) -> Error {
    let key = object.key();
    Error::of_kind(Kind::Absent, &key.kind, cx.label(key.side), object.if_missing())
}

/// The error, and what to do about it.
pub(super) fn explain(error: &Error) -> String {
    match error.advice() {
        Some(advice) => format!("{error}\n\n{advice}"),
        None => error.to_string(),
    }
}

/// A caller in another account must not take an object's absence for its deletion.
pub(super) fn same_accounts(env: &Env) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    for side in Side::BOTH {
        let now = env.identity(side);
        let other = env.ledger.0.iter().find(|(key, entry)| key.side == side && entry.account_id != env.account_id(side));
        if let Some((key, entry)) = other {
            diagnostics.error(
                Path::root(),
                format!("The provider's {side}_account is another account than the state's"),
                format!(
                    "{key} lives in account {}, but {} is the caller now, of account {}. Nothing was read or changed. Point the provider's \
                     {side}_account (or this resource's workload_account) back to account {}, or, if the objects are to move, destroy the \
                     resource first while the old account is configured.",
                    entry.account_id, now.arn, now.account_id, entry.account_id
                ),
            );
        }
    }
    if diagnostics.has_error() { Err(diagnostics) } else { Ok(()) }
}

/// Says so where an apply found other objects than its plan did, with a state that is true. Without this, Terraform would report a defect.
pub(super) fn surprises(name: &str, planned: &Value, made: &Value, diagnostics: &mut Diagnostics) {
    let mut surprises = Vec::new();
    differences(&Path::root(), planned, made, &mut surprises);
    if !surprises.is_empty() {
        let paths: Vec<String> = surprises.iter().map(|p| format!("  {p}")).collect();
        diagnostics.error(
            Path::root(),
            format!("{name} was applied, but not to what the plan saw"),
            format!(
                "Objects changed behind Terraform's back after they were last read (or the plan was made with -refresh=false), so these \
                 values came out otherwise than planned:\n{}\n\nEverything was made and the state is true to it. Plan and apply once more.",
                paths.join("\n")
            ),
        );
    }
}

fn differences(path: &Path, planned: &Value, made: &Value, found: &mut Vec<Path>) {
    match (planned, made) {
        (Value::Unknown, _) => {}
        (planned, made) if planned == made => {}
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().zip(b.values()).for_each(|((name, a), b)| differences(&path.attribute(name), a, b, found));
        }
        (Value::Map(a), Value::Map(b)) if a.keys().eq(b.keys()) => {
            a.iter().zip(b.values()).for_each(|((key, a), b)| differences(&path.key(key), a, b, found));
        }
        _ => found.push(path.clone()),
    }
}

fn named(key: &Key, observed: &Observed) -> String {
    observed.label.clone().or_else(|| observed.arn.clone()).unwrap_or_else(|| key.name.clone())
}

/// All tags but those that the provider is told to ignore.
fn listed_tags(observed: &Observed) -> String {
    let listed: Vec<String> = observed.tags.iter().flat_map(Tags::iter).map(|(key, value)| format!("{key} = {value:?}")).collect();
    match (listed.is_empty(), &observed.owner) {
        (false, _) => format!("Its tags: {}.", listed.join(", ")),
        (true, Owner::Tagged { resource: Some(_), .. }) => "It has no other tags.".to_owned(),
        (true, _) => "It has no tags.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_different_from_the_plan_is_named_and_what_was_unknown_is_not() {
        let planned = Value::object([
            ("id", Value::string("a")),
            ("objects", Value::map([("k", Value::object([("id", Value::string("1")), ("arn", Value::Unknown)]))])),
        ]);
        let made = Value::object([
            ("id", Value::string("a")),
            ("objects", Value::map([("k", Value::object([("id", Value::string("2")), ("arn", Value::string("x"))]))])),
        ]);
        let mut diagnostics = Diagnostics::new();
        surprises("xeks_irsa_trust", &planned, &made, &mut diagnostics);
        assert!(diagnostics.0[0].detail.contains("objects[\"k\"].id"), "{}", diagnostics.0[0].detail);
        assert!(!diagnostics.0[0].detail.contains("arn"));
    }
}
