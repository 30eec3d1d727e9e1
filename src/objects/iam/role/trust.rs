//! The statements that this resource adds to the trust policy of a foreign role: known by their Sids, beside those of others. What is not of
//! this provider is never changed.

use std::collections::BTreeSet;

use aws_config::retry::RetryConfig;
use serde_json::Value;

use super::users::{self, others_let_in};
use crate::aws::wait::Pauses;
use crate::aws::{Answer, Error, Kind, Named, Side, arn, policy};
use crate::objects::context::{CLEANUP, Context, PROPAGATION, QUIET};
use crate::objects::locks;
use crate::objects::ownership::Ownership;

const UPDATE: &str = "iam:UpdateAssumeRolePolicy";

/// The statements of this resource, of any instance, without their Sids. `None` where there are none.
pub(super) fn own(document: &Value, ownership: &Ownership) -> Option<Value> {
    let statements: Vec<Value> = ownership.marked(document).map(|(_, s)| policy::without_sid(s)).collect();
    (!statements.is_empty()).then(|| policy::document(statements))
}

/// Whether the document lets in all that these statements do, and has no other statements of this resource.
pub(super) fn has_all(document: &Value, ownership: &Ownership, statements: &[Value]) -> bool {
    let lets_in = |wanted: &Value| has_own(document, ownership, wanted) || others_let_in(document, ownership, wanted);
    let is_wanted = |own: &Value| statements.iter().any(|wanted| is_same(own, wanted));
    statements.iter().all(lets_in) && ownership.marked(document).all(|(_, own)| is_wanted(own))
}

fn has_own(document: &Value, ownership: &Ownership, wanted: &Value) -> bool {
    ownership.marked(document).any(|(_, own)| is_same(own, wanted))
}

fn is_same(a: &Value, b: &Value) -> bool {
    let alone = |statement: &Value| policy::document([policy::without_sid(statement)]);
    policy::equivalent(&alone(a), &alone(b))
}

/// Whether all statements of this resource are of that instance.
pub(super) fn is_current(document: &Value, ownership: &Ownership, instance: &str) -> bool {
    ownership.marked(document).all(|(sid, _)| ownership.sid_instance(sid) == Some(instance))
}

/// The document with exactly these statements of this resource, those of other instances replaced. What the statements of others let in
/// already is not added.
pub(super) fn with(document: &Value, ownership: &Ownership, instance: &str, statements: &[Value]) -> Value {
    let is_due = |wanted: &Value| has_own(document, ownership, wanted) || !others_let_in(document, ownership, wanted);
    let all = statements.iter().enumerate().filter(|(_, wanted)| is_due(wanted));
    let wanted: Vec<(String, &Value)> = all.map(|(i, s)| (ownership.sid(instance, i), s)).collect();
    let stale: Vec<String> = ownership.marked(document).map(|(sid, _)| sid.to_owned()).collect();
    let mut out = document.clone();
    for sid in stale.iter().filter(|sid| !wanted.iter().any(|(w, _)| w == *sid)) {
        out = policy::remove(&out, sid);
    }
    for (sid, statement) in wanted {
        out = policy::upsert(&out, &policy::with_sid(statement, sid));
    }
    out
}

/// The document without the statements of this resource: those of one instance, or of all where the entry names none.
pub(super) fn without(document: &Value, ownership: &Ownership, instance: Option<&str>) -> Value {
    let sids: Vec<String> = ownership
        .marked(document)
        .filter(|(sid, _)| instance.is_none() || ownership.sid_instance(sid) == instance)
        .map(|(sid, _)| sid.to_owned())
        .collect();
    sids.iter().fold(document.clone(), |out, sid| policy::remove(&out, sid))
}

/// Replaces the whole trust policy. A principal that was made a moment ago may be unknown for a while.
pub(super) async fn put(cx: &Context, side: Side, role: &str, document: &Value) -> Result<(), Error> {
    let text = document.to_string();
    let iam = cx.iam(side);
    let send = || iam.update_assume_role_policy().role_name(role).policy_document(&text).send();
    cx.ask_until_visible(UPDATE, side, cx.in_turn(side, role, send)).await.map(drop)
}

/// Changes the trust policy of a role that others may be changing too: reads, writes and reads back, until nothing is left to change. IAM
/// takes the whole document at a time (UpdateAssumeRolePolicy), without a condition on what it was before, and the last writer wins. So
/// one call's time passes between a read and the write that rests on it, and no more: after an error that passes by itself, the document
/// is read again. A process that wrote in that time reads once more afterwards, as the apply and `until_kept` do. `again` writes even what
/// the document has already: a principal that was recreated is trusted only after that. Between two attempts, others of this process write.
///
/// IAM refuses a document that names the ID of a deleted principal, whichever statement has it. An ID that it refused twice is dropped from
/// the statements of other resources of this provider, and with its last principal the statement.
///
/// # Errors
/// A statement of others names a deleted principal: at once, since waiting does not help.
pub(super) async fn edit(cx: &Context, side: Side, role: &str, again: bool, change: impl Fn(&Value) -> Value + Sync) -> Result<(), Error> {
    let mut edit = Edit { cx, side, role, again, refused: BTreeSet::new(), dead: BTreeSet::new() };
    let (all, short) = (cx.limits(), cx.limits().at_most(PROPAGATION));
    let what = format!("the trust policy of {role} to show the change");
    // Other writers may hold a write up for as long as the operation may take; AWS shows what was written sooner than that.
    let (mut held_up, mut pauses) = (Pauses::new(&all, &what), Pauses::new(&short, &what));
    loop {
        let reason = match edit.once(&change).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                let why =
                    format!("the trust policy of {role} does not show the change: another process may be changing it at the same time");
                Error::of_kind(Kind::Other, UPDATE, cx.label(side), why)
            }
            Err(error) if error.is_transient() || error.is(Kind::Unreachable) => error,
            Err(error) => return Err(error),
        };
        let pauses = if reason.is(Kind::Busy) || reason.is(Kind::Throttled) { &mut held_up } else { &mut pauses };
        if let Err(end) = pauses.next(&reason).await {
            return Err(Error { message: format!("{} ({end})", reason.message), ..reason });
        }
    }
}

/// The change of one trust policy, over all its attempts.
struct Edit<'a> {
    cx: &'a Context,
    side: Side,
    role: &'a str,
    again: bool,
    /// The IDs that IAM refused once: of a role that it does not know yet, or of a deleted one.
    refused: BTreeSet<String>,
    /// Those that it refused twice.
    dead: BTreeSet<String>,
}

impl Edit<'_> {
    /// One attempt. Whether IAM shows the change.
    async fn once(&mut self, change: &(impl Fn(&Value) -> Value + Sync)) -> Result<bool, Error> {
        let Edit { cx, side, role, .. } = *self;
        let _exclusive = locks::exclusive(&locks::role(&cx.account(side).identity().account_id, role)).await;
        let (id, shown) = read(cx, side, role).await?;
        let latest = latest::of(&id, &shown);
        let changed = users::keep(cx, side, role, &latest, change(&latest)).await?;
        if changed == latest && !self.again {
            return Ok(change(&shown) == shown);
        }
        let wanted = without_principals(&changed, &self.dead);
        if policy::statements_of(&wanted).is_empty() {
            self.warn_of_last_statement();
            return Ok(true);
        }
        if let Err(error) = put_once(cx, side, role, &wanted).await {
            return Err(self.judge(&wanted, error));
        }
        self.again = false;
        if wanted != changed {
            self.warn_of_dropped();
        }
        latest::record(&id, [shown, latest], wanted);
        let (_, after) = read(cx, side, role).await?;
        Ok(change(&after) == after)
    }

    /// The error of a refused write, after the IDs that it names are noted.
    fn judge(&mut self, wanted: &Value, error: Error) -> Error {
        let named = dead_principals(wanted, &error);
        let foreign = policy::statements_of(wanted).into_iter().find(|s| !is_of_provider(s) && names_any(s, &named));
        if let (Some(statement), Some(id)) = (foreign, named.first()) {
            return foreign_dead(self.cx, self.side, self.role, statement, id, error);
        }
        for id in named {
            if !self.refused.insert(id.clone()) {
                self.dead.insert(id);
            }
        }
        error
    }

    fn warn_of_dropped(&self) {
        self.cx.warn(
            "A trust policy named deleted principals",
            format!(
                "Removed {} from the trust policy of role {} in {}: IDs of deleted principals, in statements of other xeks resources. IAM \
                 accepts no change to a policy that names one.",
                self.dead.iter().cloned().collect::<Vec<_>>().join(", "),
                self.role,
                self.cx.label(self.side)
            ),
        );
    }

    fn warn_of_last_statement(&self) {
        self.cx.warn(
            CLEANUP,
            format!(
                "The trust policy of the role {} in {} was kept: its only statements are those of xeks resources, and IAM accepts no trust \
                 policy without a statement. Delete the role, or give it another trust policy.",
                self.role,
                self.cx.label(self.side)
            ),
        );
    }
}

/// The unique IDs in the document that IAM refused it for. One of a role that this process created is not dead: IAM does not know it yet.
fn dead_principals(document: &Value, error: &Error) -> BTreeSet<String> {
    if !error.is(Kind::NotYet) {
        return BTreeSet::new();
    }
    let ids = policy::statements_of(document).into_iter().flat_map(unique_ids);
    ids.filter(|id| error.message.contains(id.as_str()) && !locks::is_created(id)).collect()
}

/// The IDs of deleted principals that the statement names. IAM shows the ARN of a principal that exists (IAM user guide, "AWS JSON policy
/// elements: Principal").
pub(super) fn unique_ids(statement: &Value) -> Vec<String> {
    policy::values_of(&statement["Principal"]["AWS"]).into_iter().filter(|principal| arn::is_unique_id(principal)).collect()
}

/// Whether a resource of this provider wrote the statement, by its Sid.
pub(super) fn is_of_provider(statement: &Value) -> bool {
    policy::sid_of(statement).is_some_and(Ownership::is_sid_of_any)
}

/// The document without the statements of resources of this provider: what a role of this resource has from its own configuration.
pub(super) fn without_guests(document: &Value) -> Value {
    policy::with_statements(document, policy::statements_of(document).into_iter().filter(|s| !is_of_provider(s)).cloned().collect())
}

/// The statements that resources of this provider added to a role of another one: they stay, whoever rewrites the rest.
pub(super) fn guests(document: &Value) -> Vec<Value> {
    policy::statements_of(document).into_iter().filter(|s| is_of_provider(s)).cloned().collect()
}

fn names_any(statement: &Value, principals: &BTreeSet<String>) -> bool {
    unique_ids(statement).iter().any(|id| principals.contains(id))
}

/// The document without these principals in the statements of this provider, and without the statements that have no other.
fn without_principals(document: &Value, dropped: &BTreeSet<String>) -> Value {
    if dropped.is_empty() {
        return document.clone();
    }
    let statements = policy::statements_of(document).into_iter().filter_map(|statement| {
        if !is_of_provider(statement) || !names_any(statement, dropped) {
            return Some(statement.clone());
        }
        let mut kept = policy::values_of(&statement["Principal"]["AWS"]);
        kept.retain(|principal| !dropped.contains(principal));
        let mut statement = statement.clone();
        statement["Principal"]["AWS"] = Value::from(kept.clone());
        (!kept.is_empty()).then_some(statement)
    });
    policy::with_statements(document, statements.collect())
}

fn foreign_dead(cx: &Context, side: Side, role: &str, statement: &Value, id: &str, error: Error) -> Error {
    let what = describe(statement);
    let message = format!(
        "{}. {what} of the trust policy of role {role} in {} names {id}, the ID of a deleted principal, and IAM accepts no change to the policy \
         before that is gone. This resource did not create the statement. Remove {id} from it, or remove the statement (aws iam \
         update-assume-role-policy --role-name {role})",
        error.message.trim_end_matches('.'),
        cx.label(side)
    );
    Error { kind: Kind::Invalid, message, ..error }
}

/// How a message names a statement: by its Sid, else by what it allows.
pub(super) fn describe(statement: &Value) -> String {
    match policy::sid_of(statement) {
        Some(sid) => format!("Statement {sid}"),
        None => format!("The statement {}", policy::canonical_text(&policy::document([statement.clone()]))),
    }
}

/// Changes the trust policy, and reads it again once a write that rests on an older read would have come.
pub(super) async fn until_kept(cx: &Context, side: Side, role: &str, change: impl Fn(&Value) -> Value + Sync) -> Result<(), Error> {
    loop {
        edit(cx, side, role, false, &change).await?;
        tokio::select! {
            () = tokio::time::sleep(QUIET) => {}
            () = cx.stop.cancelled() => return Ok(()),
        }
        let Some((_, now)) = read_if_there(cx, side, role).await? else { return Ok(()) };
        let wanted = change(&now);
        if wanted == now || policy::statements_of(&wanted).is_empty() {
            return Ok(());
        }
    }
}

/// One attempt: the SDK would send the same document again after a pause, over what others wrote meanwhile.
async fn put_once(cx: &Context, side: Side, role: &str, document: &Value) -> Result<(), Error> {
    tracing::debug!(call = UPDATE, account = cx.label(side), "calling AWS");
    cx.account(side).bulk().write(role);
    let request = cx.iam(side).update_assume_role_policy().role_name(role).policy_document(document.to_string());
    let once = aws_sdk_iam::Config::builder().retry_config(RetryConfig::disabled());
    request.customize().config_override(once).send().await.named(UPDATE, cx.label(side)).map(drop)
}

/// RoleId and trust policy.
async fn read(cx: &Context, side: Side, role: &str) -> Result<(String, Value), Error> {
    let found = read_if_there(cx, side, role).await?;
    let absent = || Error::of_kind(Kind::Absent, "iam:GetRole", cx.label(side), format!("the role {role} does not exist any more"));
    found.ok_or_else(absent)
}

/// One attempt, for a lock is held. A new role that IAM shows with an ID in place of its ARN has its trust policy all the same.
async fn read_if_there(cx: &Context, side: Side, role: &str) -> Result<Option<(String, Value)>, Error> {
    tracing::debug!(call = "iam:GetRole", account = cx.label(side), "calling AWS");
    let answer = cx.iam(side).get_role().role_name(role).send().await.named("iam:GetRole", cx.label(side)).absent_is_none()?;
    let Some(role) = answer.and_then(|answer| answer.role) else { return Ok(None) };
    let parsed = policy::parse(role.assume_role_policy_document().unwrap_or_default());
    let unreadable =
        |why| Error::of_kind(Kind::Other, "iam:GetRole", cx.label(side), format!("the trust policy of {}: {why}", role.role_name()));
    parsed.map(|document| Some((role.role_id().to_owned(), document))).map_err(unreadable)
}

/// What this process wrote last, for as long as IAM may show an older document: a write that rests on that one would undo what other
/// resources of the run have just written.
mod latest {
    use std::collections::HashMap;
    use std::sync::LazyLock;
    use std::time::Duration;

    use parking_lot::Mutex;
    use serde_json::Value;
    use tokio::time::Instant;

    use crate::aws::policy;
    use crate::objects::context::PROPAGATION;

    /// How long IAM is taken to show an older document rather than one that others wrote back.
    const LATE: Duration = PROPAGATION.saturating_sub(Duration::from_secs(30));

    struct Latest {
        written: Value,
        at: Instant,
        /// The documents that were replaced, canonical.
        replaced: Vec<String>,
    }

    /// By RoleId.
    static LATEST: LazyLock<Mutex<HashMap<String, Latest>>> = LazyLock::new(Mutex::default);

    /// The document that a change starts from: the one shown, unless that is one that this process has replaced.
    pub(super) fn of(role_id: &str, shown: &Value) -> Value {
        let all = LATEST.lock();
        let is_outdated = |latest: &&Latest| latest.at.elapsed() < LATE && latest.replaced.contains(&policy::canonical_text(shown));
        all.get(role_id).filter(is_outdated).map_or_else(|| shown.clone(), |latest| latest.written.clone())
    }

    pub(super) fn record(role_id: &str, replaced: [Value; 2], written: Value) {
        let mut all = LATEST.lock();
        let (now, text) = (Instant::now(), policy::canonical_text(&written));
        let latest = all.entry(role_id.to_owned()).or_insert_with(|| Latest { written: Value::Null, at: now, replaced: Vec::new() });
        if latest.at.elapsed() >= LATE {
            latest.replaced.clear();
        }
        latest.replaced.push(policy::canonical_text(&latest.written));
        latest.replaced.extend(replaced.iter().map(policy::canonical_text));
        latest.replaced.retain(|document| *document != text);
        (latest.written, latest.at) = (written, now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trusting(name: &str) -> Value {
        json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::185863138492:role/{name}")}, "Action": "sts:AssumeRole"})
    }

    fn theirs() -> Value {
        json!({"Version": "2008-10-17", "Id": "theirs", "Statement": {"Sid": "Ops", "Effect": "Deny", "Principal": "*", "Action": "sts:TagSession"}})
    }

    #[test]
    fn statements_are_added_beside_those_of_others_and_removed_without_a_trace() {
        let us = Ownership::new(&["us"]);
        let with = super::with(&theirs(), &us, "i1", &[trusting("a"), trusting("b")]);
        assert_eq!(with["Id"], "theirs");
        assert_eq!(policy::statements_of(&with).len(), 3);
        assert_eq!(own(&with, &us), Some(policy::document([trusting("a"), trusting("b")])));
        assert!(policy::equivalent(&without(&with, &us, Some("i1")), &theirs()));
        assert_eq!(without(&with, &us, Some("another")), with);
        assert_eq!(without(&with, &Ownership::new(&["them"]), None), with);
        assert_eq!(own(&theirs(), &us), None);
    }

    #[test]
    fn another_instances_statements_are_replaced_and_equal_ones_left_as_they_are() {
        let us = Ownership::new(&["us"]);
        let old = super::with(&theirs(), &us, "i1", &[trusting("a"), trusting("b")]);
        assert!(is_current(&old, &us, "i1") && !is_current(&old, &us, "i2"));
        let new = super::with(&old, &us, "i2", &[trusting("c")]);
        assert_eq!(own(&new, &us), Some(policy::document([trusting("c")])));
        assert_eq!(without(&new, &us, Some("i1")), new);
        assert_eq!(super::with(&new, &us, "i2", &[trusting("c")]), new);
    }

    const DEAD: &str = "AROAXXXXXXXXXXXXXXXXX";

    fn refusal(message: &str) -> Error {
        Error::from_code(UPDATE, "183295435445 (cluster)", "MalformedPolicyDocument", message, None)
    }

    #[test]
    fn a_deleted_principal_goes_from_statements_of_this_provider_and_with_the_last_one_the_statement() {
        let (us, them) = (Ownership::new(&["us"]), Ownership::new(&["them"]));
        let of = |principals: Value| json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"});
        let ours = super::with(&theirs(), &us, "i1", &[trusting("a")]);
        let all = super::with(&ours, &them, "i2", &[of(json!(DEAD)), of(json!([DEAD, "arn:aws:iam::185863138492:role/b"]))]);
        let dead = dead_principals(&all, &refusal(&format!("Invalid principal in policy: \"AWS\":\"{DEAD}\"")));
        assert_eq!(dead, BTreeSet::from([DEAD.to_owned()]));
        let left = without_principals(&all, &dead);
        assert_eq!(policy::statements_of(&left).len(), 3);
        assert!(policy::statements_of(&left).into_iter().all(|s| unique_ids(s).is_empty()));
        assert_eq!(own(&left, &us), own(&ours, &us));
        let foreign = policy::document([of(json!(DEAD))]);
        assert_eq!(without_principals(&foreign, &dead), foreign, "what others wrote is never changed");
    }

    #[test]
    fn an_id_that_iam_did_not_refuse_or_that_this_process_created_is_not_dead() {
        let document = policy::document([
            json!({"Effect": "Allow", "Principal": {"AWS": [DEAD, "AROAYYYYYYYYYYYYYYYYY"]}, "Action": "sts:AssumeRole"}),
        ]);
        let refused = |id: &str| dead_principals(&document, &refusal(&format!("Invalid principal in policy: \"AWS\":\"{id}\"")));
        let one = |id: &str| BTreeSet::from([id.to_owned()]);
        assert_eq!(refused("arn:aws:iam::185863138492:role/new"), BTreeSet::new());
        assert_eq!(refused(DEAD), one(DEAD));
        locks::mark_created("AROAYYYYYYYYYYYYYYYYY");
        assert_eq!(refused("AROAYYYYYYYYYYYYYYYYY"), BTreeSet::new(), "IAM does not know it yet");
        locks::mark_deleted("AROAYYYYYYYYYYYYYYYYY");
        assert_eq!(refused("AROAYYYYYYYYYYYYYYYYY"), one("AROAYYYYYYYYYYYYYYYYY"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_starts_from_what_was_written_last_as_long_as_iam_shows_what_was_before() {
        let (before, written) = (policy::document([trusting("a")]), policy::document([trusting("a"), trusting("b")]));
        latest::record("AROALATEST", [before.clone(), before.clone()], written.clone());
        assert_eq!(latest::of("AROALATEST", &before), written);
        assert_eq!(latest::of("AROALATEST", &theirs()), theirs(), "others wrote since");
        assert_eq!(latest::of("AROAOTHER", &before), before);
        tokio::time::advance(std::time::Duration::from_secs(91)).await;
        assert_eq!(latest::of("AROALATEST", &before), before, "others wrote it back");
    }
}
