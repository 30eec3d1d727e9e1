//! What users read of a composite's operations: what failed, in which account, what exists now, and what to do next. The engine's errors
//! become text here.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Sides;
use crate::aws::{Error, Kind, Pair, Side};
use crate::diagnostics::{Diagnostic, Diagnostics, Path, Severity, sentence};
use crate::engine::{self, Accounts, Failure, Key, Ledger, Object, Observed, Owner, Tags};
use crate::objects::{Context, Env, TAG_RESOURCE};
use crate::provider::{Private, unexpected_caller};
use crate::resources::attributes::two_partitions;
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
    /// Adds the warnings of the objects to the diagnostics.
    pub fn warn(&self, diagnostics: &mut Diagnostics) {
        for (summary, warning) in std::mem::take(&mut *self.cx.warnings.lock()) {
            diagnostics.warning(Path::root(), summary, warning);
        }
    }

    /// One error for each object that failed; each says what exists now and what to do next.
    pub fn failures(&self, operation: &str, failures: &[Failure<engine::Error<Error>>], ledger: &Ledger, diagnostics: &mut Diagnostics) {
        let exists: Vec<String> =
            ledger.0.iter().map(|(key, entry)| format!("  {key}{}", if entry.pending { " (outcome unknown)" } else { "" })).collect();
        let exists = if exists.is_empty() {
            "No object of the resource exists.".to_owned()
        } else {
            format!("Objects in the state:\n{}", exists.join("\n"))
        };
        let next = match operation {
            "create" => {
                "The state contains every object that was created. Fix the cause and run apply again. Terraform will replace the tainted \
                 resource; run `terraform untaint` first to keep what exists."
            }
            "update" => "Fix the cause and run apply again. Completed steps are kept.",
            _ => "Fix the cause and run destroy again. Objects that are already deleted are skipped.",
        };
        for failure in failures {
            let summary = format!("{} of {} failed: could not {} {}", sentence(operation), self.name, verb(&failure.error), failure.key);
            diagnostics.error(Path::root(), summary, format!("{}\n\n{exists}\n\n{next}", self.explain(failure)));
        }
    }

    /// A read that failed.
    pub fn read_failed(&self, failure: &Failure<Error>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let text = format!("{}\n\nNothing was changed, neither in AWS nor in the state.", explain(self.cx, &failure.error));
        diagnostics.error(Path::root(), format!("Reading {} failed at {}", self.name, failure.key), text);
        diagnostics
    }

    /// What went wrong, in which account, and what AWS's answer advises.
    fn explain(&self, failure: &Failure<engine::Error<Error>>) -> String {
        let key = &failure.key;
        let of_kind = |kind: Kind, message: String| explain(self.cx, &Error::of_kind(kind, &key.kind, self.cx.label(key.side), message));
        match &failure.error {
            engine::Error::Interrupted => {
                explain(self.cx, &Error::of_kind(Kind::Other, "xeks", "this run", "interrupted: Terraform asked the provider to stop"))
            }
            engine::Error::Missing(what) => of_kind(Kind::Absent, what.clone()),
            engine::Error::Foreign(observed) => explain(self.cx, &foreign(self.cx, key, observed, &self.id)),
            engine::Error::TakenOver => of_kind(
                Kind::Exists,
                format!(
                    "{} was created by this run, but belongs to another resource now: a second state with the same name ran at the same \
                     time. Choose another name for one of the two, or keep only one of them; xeks can't distinguish two states with the \
                     same names",
                    key.name
                ),
            ),
            engine::Error::UnknownKind => of_kind(
                Kind::Other,
                format!(
                    "this version of the provider does not know objects of that kind, and did not delete {}; use the version that created \
                     it",
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
                explain(self.cx, error)
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
            format!("{} no longer belongs to this resource", key.name),
            format!(
                "The {} that this resource created in {} no longer exists, and {} has taken its place without this resource's tags. {} \
                 xeks changes and deletes neither that object nor anything that belongs to it. The next apply refuses it: delete it or \
                 choose another name. To keep it, set adopt = \"if_exists\", or import it with the ID {:?}.",
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
        (_, owner) if cx.ownership.is_of_composite(owner) && !observed.unexpected.is_empty() => format!(
            "{what} already exists, and no state names it. Its {TAG_RESOURCE} tag says that this resource created it, which a tag alone does not \
             prove: it has {}, which a create of this resource would not have made. {tags} To manage it with this resource, check it, and run \
             `terraform import` with the ID {import_id:?}. If an interrupted apply with another configuration left it, or it is the old half of \
             a replacement with create_before_destroy, delete it by hand, or remove create_before_destroy. It was not changed.",
            observed.unexpected.join(", ")
        ),
        (Some(advice), _) => format!(
            "{} already exists, and this resource did not create it: {advice}. It was not changed.\n\n{tags}",
            observed.id.as_deref().unwrap_or(&what)
        ),
        (None, Owner::Parent) => format!(
            "{what} already exists with other contents than configured, on an object that this resource did not create. Adoption never \
             overwrites what is there. Configure the existing contents, or change or delete them by hand, then run apply again."
        ),
        (None, Owner::Tagged { resource, .. }) => {
            let whose = match resource {
                Some(resource) => format!("its {TAG_RESOURCE} tag is {resource:?}."),
                None => "it has no tag of this provider.".to_owned(),
            };
            let other = match resource {
                Some(_) => {
                    "Choose other names for this resource, or destroy the other resource first. If the other resource is the old instance of a \
                     replacement that keeps some of its names, remove create_before_destroy: one object can't belong to both instances. If an \
                     interrupted run of the other resource created the object, apply that resource again and destroy it, or delete the object \
                     by hand. "
                }
                None => "",
            };
            format!(
                "{what} already exists, and this resource did not create it: {whose} It was not changed.\n\n{other}To use it as it is, set \
                 adopt = \"if_exists\" (or `existing = true` on a role). To manage it with this resource, run `terraform import` with the ID \
                 {import_id:?}. Otherwise choose another name or delete it.\n\n{tags}"
            )
        }
    };
    Error::of_kind(Kind::Exists, &key.kind, cx.label(key.side), message)
}

/// The warning that an apply takes over what a killed create of this resource left: summary and detail.
pub fn taken_over(cx: &Context, key: &Key, observed: &Observed) -> (String, String) {
    let since = observed.created.and_then(date).map(|date| format!(", created {date}")).unwrap_or_default();
    (
        format!("{} already exists and will be taken over", key.name),
        format!(
            "{}{since}, in {} carries this resource's {TAG_RESOURCE} tag, is in no state, and is exactly what a create of this resource makes: \
             an interrupted apply left it. The apply continues with it, and a destroy deletes it. If you do not expect it, find out who created \
             it (AWS CloudTrail) before you apply.",
            named(key, observed),
            cx.label(key.side)
        ),
    )
}

/// As `2026-11-26T18:00:00Z`.
fn date(seconds: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}

/// The error of an object that must exist and does not.
pub fn missing(cx: &Context, object: &dyn Object<Context>) -> Error {
    let key = object.key();
    Error::of_kind(Kind::Absent, &key.kind, cx.label(key.side), object.if_missing())
}

/// The error, and what to do about it. A denied caller may be another one than the user has in mind.
pub(super) fn explain(cx: &Context, error: &Error) -> String {
    let accounts = Side::BOTH.into_iter().filter_map(|side| cx.pair.opened(side));
    let mut denied = accounts.filter(|account| error.is(Kind::Denied) && account.label() == error.account);
    let caller = denied.find_map(unexpected_caller);
    [Some(error.to_string()), error.advice(), caller].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// A caller in another account must not take an object's absence for its deletion.
pub(super) fn same_accounts(env: &Env, private: &Private) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    for side in Side::BOTH {
        // Asked for only where the ledger has objects.
        let other = env.ledger.0.iter().find(|(key, entry)| key.side == side && entry.account_id != env.account_id(side));
        if let Some((key, entry)) = other {
            let now = env.identity(side);
            diagnostics.error(
                Path::root(),
                format!("The provider's {side}_account is not the account in the state"),
                format!(
                    "{key} is in account {}, but the caller is {}, in account {}. Nothing was read or changed. Set the provider's \
                     {side}_account (or this resource's workload_account) back to account {}. To move the objects to another account, \
                     destroy the resource first while the old account is configured.",
                    entry.account_id, now.arn, now.account_id, entry.account_id
                ),
            );
        }
    }
    if !diagnostics.has_error()
        && let (Some(recorded), Some(now)) = (&private.cluster_account_id, &env.cluster)
        && *recorded != now.account_id
    {
        diagnostics.error(
            Path::root(),
            "The provider's cluster_account is not the account in the state",
            format!(
                "The state is of a cluster in account {recorded}, but the caller is {}, in account {}. Nothing was read or changed. Set the \
                 provider's cluster_account back to account {recorded}. To use a cluster in account {}, destroy the resource first while the old \
                 account is configured, or, without access to the old account, with `terraform destroy -refresh=false`.",
                now.arn, now.account_id, now.account_id
            ),
        );
    }
    if diagnostics.has_error() { Err(diagnostics) } else { Ok(()) }
}

/// The way past a plan that fails.
const PAST: &str = "terraform destroy -refresh=false";

/// Adds to the errors of a plan how to destroy all the same, where they don't say it.
pub(super) fn destroy_past(diagnostics: &mut Diagnostics, what: &str) {
    let is_error = |found: &&mut Diagnostic| found.severity == Severity::Error && !found.detail.contains(PAST);
    for error in diagnostics.0.iter_mut().filter(is_error) {
        error.detail.push_str(&format!("\n\n{what}, run {PAST}."));
    }
}

/// The accounts of a connection are of one partition.
pub(super) fn one_partition(sides: Sides, pair: &Pair) -> Result<(), Diagnostics> {
    let Sides::Connected(why) = sides else { return Ok(()) };
    let [cluster, workload] = Side::BOTH.map(|side| pair.identity(side).partition.as_str());
    if cluster == workload {
        return Ok(());
    }
    let mut diagnostics = Diagnostics::new();
    diagnostics.error(Path::root(), "The accounts are in two partitions", two_partitions(cluster, workload, why));
    Err(diagnostics)
}

/// Says so where an apply found other objects than its plan did, with a state that is true. Without this, Terraform would report a defect.
pub(super) fn surprises(name: &str, planned: &Value, made: &Value, diagnostics: &mut Diagnostics) {
    let mut surprises = Vec::new();
    differences(&Path::root(), planned, made, &mut surprises);
    if !surprises.is_empty() {
        let paths: Vec<String> = surprises.iter().map(|p| format!("  {p}")).collect();
        diagnostics.error(
            Path::root(),
            format!("{name} was applied, but the result differs from the plan"),
            format!(
                "Objects changed outside of Terraform after they were last read (or the plan was made with -refresh=false), so these \
                 values differ from the plan:\n{}\n\nThe apply is complete, and the state is accurate. Run plan and apply once more.",
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

/// All tags except those that ignore_tags lists.
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
