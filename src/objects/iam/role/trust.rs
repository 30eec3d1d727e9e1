//! The statements that this resource adds to the trust policy of a foreign role: known by their Sids, beside those of others, which are
//! never changed.

use aws_config::retry::RetryConfig;
use serde_json::Value;

use crate::aws::wait::Pauses;
use crate::aws::{Error, Kind, Named, Side, policy};
use crate::objects::context::{Context, PROPAGATION, QUIET};
use crate::objects::locks;
use crate::objects::ownership::Ownership;

/// The statements of this resource, of any instance, without their Sids. `None` where there are none.
pub(super) fn own(document: &Value, ownership: &Ownership) -> Option<Value> {
    let statements: Vec<Value> = ownership.marked(document).map(|(_, s)| policy::without_sid(s)).collect();
    (!statements.is_empty()).then(|| policy::document(statements))
}

/// Whether all statements of this resource are of that instance.
pub(super) fn is_current(document: &Value, ownership: &Ownership, instance: &str) -> bool {
    ownership.marked(document).all(|(sid, _)| ownership.sid_instance(sid) == Some(instance))
}

/// The document with exactly these statements of this resource, those of other instances replaced.
pub(super) fn with(document: &Value, ownership: &Ownership, instance: &str, statements: &[Value]) -> Value {
    let wanted: Vec<(String, &Value)> = statements.iter().enumerate().map(|(i, s)| (ownership.sid(instance, i), s)).collect();
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
    cx.ask_until_visible("iam:UpdateAssumeRolePolicy", side, send).await.map(drop)
}

/// Changes the trust policy of a role that others may be changing too: reads, writes and reads back, until nothing is left to change. IAM
/// takes the whole document at a time (UpdateAssumeRolePolicy), without a condition on what it was before, and the last writer wins. So
/// one call's time passes between a read and the write that rests on it, and no more: after an error that passes by itself, the document
/// is read again. A process that wrote in that time reads once more afterwards, as the apply and `until_kept` do. `again` writes even what
/// the document has already: a principal that was recreated is trusted only after that.
pub(super) async fn edit(cx: &Context, side: Side, role: &str, again: bool, change: impl Fn(&Value) -> Value + Sync) -> Result<(), Error> {
    let _exclusive = locks::exclusive(&format!("{}/{role}", cx.label(side))).await;
    let mut again = again;
    let limits = cx.limits().at_most(PROPAGATION);
    let what = format!("the trust policy of {role} to show the change");
    let mut pauses = Pauses::new(&limits, &what);
    loop {
        let now = read(cx, side, role).await?;
        let wanted = change(&now);
        if wanted == now && !again {
            return Ok(());
        }
        let reason = match put_once(cx, side, role, &wanted).await {
            Ok(()) => {
                again = false;
                let after = read(cx, side, role).await?;
                if change(&after) == after {
                    return Ok(());
                }
                let why =
                    format!("the trust policy of {role} does not show the change: another process may be changing it at the same time");
                Error::of_kind(Kind::NotYet, "iam:UpdateAssumeRolePolicy", cx.label(side), why)
            }
            Err(error) if error.is_transient() || error.is(Kind::Unreachable) => error,
            Err(error) => return Err(error),
        };
        if let Err(end) = pauses.next(&reason).await {
            return Err(Error { message: format!("{} ({end})", reason.message), ..reason });
        }
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
        let Some(now) = read_if_there(cx, side, role).await? else { return Ok(()) };
        if change(&now) == now {
            return Ok(());
        }
    }
}

/// One attempt: the SDK would send the same document again after a pause, over what others wrote meanwhile.
async fn put_once(cx: &Context, side: Side, role: &str, document: &Value) -> Result<(), Error> {
    const CALL: &str = "iam:UpdateAssumeRolePolicy";
    tracing::debug!(call = CALL, account = cx.label(side), "calling AWS");
    let request = cx.iam(side).update_assume_role_policy().role_name(role).policy_document(document.to_string());
    let once = aws_sdk_iam::Config::builder().retry_config(RetryConfig::disabled());
    request.customize().config_override(once).send().await.named(CALL, cx.label(side)).map(drop)
}

async fn read(cx: &Context, side: Side, role: &str) -> Result<Value, Error> {
    let found = read_if_there(cx, side, role).await?;
    let absent = || Error::of_kind(Kind::Absent, "iam:GetRole", cx.label(side), format!("the role {role} does not exist any more"));
    found.ok_or_else(absent)
}

async fn read_if_there(cx: &Context, side: Side, role: &str) -> Result<Option<Value>, Error> {
    let Some(role) = super::get(cx, side, role).await? else { return Ok(None) };
    let parsed = policy::parse(role.assume_role_policy_document().unwrap_or_default());
    let unreadable =
        |why| Error::of_kind(Kind::Other, "iam:GetRole", cx.label(side), format!("the trust policy of {}: {why}", role.role_name()));
    parsed.map(Some).map_err(unreadable)
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
}
