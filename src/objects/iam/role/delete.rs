//! Deleting a role that this resource created, with all that is attached to it; removing from a foreign one what was added to it.

use std::time::Duration;

use aws_sdk_iam::types::InstanceProfile;
use futures::future::join_all;
use serde_json::Value;

use super::{INLINE_POLICY, POLICY_ATTACHMENT, attached_arns, get, inline_names, owned_facts, retag, trust};
use crate::aws::wait::retry_while;
use crate::aws::{Answer, Error, Kind as ErrorKind, Side, policy};
use crate::engine::{Deleted, Entry, Key, Origin, Tags};
use crate::objects::ownership::OWN_POLICIES;
use crate::objects::tags::{Additions, Keys};
use crate::objects::{Context, locks};

/// How long to wait for other xeks resources that are destroyed at the same time to leave the role.
const OTHERS: Duration = Duration::from_secs(20);

pub(super) async fn delete(cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
    let (side, name) = (key.side, key.name.as_str());
    if entry.origin == Origin::Adopted {
        // Another resource that leaves the role may have given this one a statement a moment ago.
        cx.look.end();
    }
    let Some(role) = get(cx, side, name).await? else { return Ok(Deleted::Now) };
    let (owner, facts) = owned_facts(&cx.ownership, &role);
    if entry.origin == Origin::Adopted {
        remove_statements(cx, side, name, entry, &facts.trusted).await?;
        let wanted = &Tags::new();
        let ours = Additions { keys: Keys::IgnoringCase, wanted, seen: &facts.tags, mark: &facts.mark, recorded: &entry.added };
        retag(cx, side, name, &ours.change()).await?;
        return Ok(Deleted::Now);
    }
    if !cx.may_delete(key, entry, &owner, entry.id.as_deref(), Some(role.role_id())) {
        return Ok(Deleted::Now);
    }
    let is_shared = !trust::guests(&facts.trusted).is_empty();
    // What this resource put on the role is gone already. IAM refuses to delete a role that has more.
    let alone = !is_shared && !cx.forced.contains(key);
    if !alone || !delete_bare(cx, side, name).await? {
        let limits = cx.limits().at_most(OTHERS);
        let look = || policies(cx, key, is_shared);
        let policies = retry_while(&limits, "other xeks resources to leave the role", |e| e.is(ErrorKind::NotYet), look).await?;
        cx.until_propagated(|e| e.is(ErrorKind::NotYet), || delete_with_policies(cx, key, &policies)).await?;
    }
    locks::mark_deleted(role.role_id());
    Ok(Deleted::Eventually(Box::new(Entry { id: Some(role.role_id), ..entry.clone() })))
}

async fn remove_statements(cx: &Context, side: Side, name: &str, entry: &Entry, trusted: &Value) -> Result<(), Error> {
    let change = |document: &Value| trust::without(document, &cx.ownership, entry.instance.as_deref());
    if change(trusted) == *trusted {
        return Ok(());
    }
    trust::until_kept(cx, side, name, change).await
}

/// Deletes a role that nothing is attached to. Whether it did: not where something is.
async fn delete_bare(cx: &Context, side: Side, name: &str) -> Result<bool, Error> {
    let iam = cx.iam(side);
    let send = || iam.delete_role().role_name(name).send();
    match cx.ask("iam:DeleteRole", side, cx.in_turn(side, name, send)).await.absent_is_none() {
        Err(error) if error.code.as_deref() == Some("DeleteConflict") => Ok(false),
        result => result.map(|_| true),
    }
}

/// What is attached to a role.
struct Policies {
    /// Names.
    inline: Vec<String>,
    /// ARNs.
    attached: Vec<String>,
}

/// The policies to remove before the role can be deleted. `is_shared`: whether other xeks resources are in the trust policy.
///
/// # Errors
/// Others use the role, and the configuration does not say `force_detach_policies`.
async fn policies(cx: &Context, key: &Key, is_shared: bool) -> Result<Policies, Error> {
    let (side, name) = (key.side, key.name.as_str());
    cx.look.end();
    let (inline, attached) = tokio::try_join!(inline_names(cx, side, name), attached_arns(cx, side, name))?;
    if !cx.forced.contains(key) {
        let trusted = if is_shared { get(cx, side, name).await?.map(|role| super::facts(&role, Tags::new()).trusted) } else { None };
        refuse_what_is_of_others(cx, key, &inline, &attached, &trusted.unwrap_or_default())?;
    }
    Ok(Policies { inline, attached })
}

/// A role can be deleted once nothing is attached to it (IAM, DeleteRole).
async fn delete_with_policies(cx: &Context, key: &Key, policies: &Policies) -> Result<(), Error> {
    let (side, name) = (key.side, key.name.as_str());
    let iam = cx.iam(side);
    for inline in &policies.inline {
        let send = || iam.delete_role_policy().role_name(name).policy_name(inline).send();
        cx.ask("iam:DeleteRolePolicy", side, cx.in_turn(side, name, send)).await.absent_is_none()?;
    }
    for arn in &policies.attached {
        let send = || iam.detach_role_policy().role_name(name).policy_arn(arn).send();
        cx.ask("iam:DetachRolePolicy", side, cx.in_turn(side, name, send)).await.absent_is_none()?;
    }
    let send = || iam.delete_role().role_name(name).send();
    match cx.ask("iam:DeleteRole", side, cx.in_turn(side, name, send)).await.absent_is_none() {
        Err(error) if error.code.as_deref() == Some("DeleteConflict") => Err(conflict(cx, side, name, error).await),
        result => result.map(drop),
    }
}

/// What no entry of the ledger has, and what does not carry this connection in its name, is of others. Another xeks resource may be about to remove
/// what it put there: that is waited for.
fn refuse_what_is_of_others(cx: &Context, key: &Key, inline: &[String], attached: &[String], trusted: &Value) -> Result<(), Error> {
    let is_recorded = |kind: &str, policy: &str| cx.recorded.get(&Key::new(key.side, kind, format!("{}/{policy}", key.name))).is_some();
    let account_id = &cx.account(key.side).identity().account_id;
    let is_deleted = |name: &str| locks::is_deleted(&locks::inline_policy(account_id, &key.name, name));
    let is_own = |name: &str| name.starts_with(OWN_POLICIES) && name.ends_with(cx.ownership.connection());
    let inline = inline.iter().filter(|name| !is_own(name) && !is_recorded(INLINE_POLICY, name) && !is_deleted(name));
    let (siblings, foreign): (Vec<&String>, Vec<&String>) = inline.partition(|name| name.starts_with(OWN_POLICIES));
    let attached: Vec<&String> = attached.iter().filter(|arn| !is_recorded(POLICY_ATTACHMENT, arn)).collect();
    let sids = trust::guests(trusted);
    let statements: Vec<&str> = sids.iter().filter_map(policy::sid_of).collect();
    let all: Vec<String> = siblings
        .iter()
        .chain(&foreign)
        .map(|name| format!("inline policy {name}"))
        .chain(attached.iter().map(|arn| format!("managed policy {arn}")))
        .chain(statements.iter().map(|sid| format!("statement {sid} of the trust policy")))
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    let kind = if foreign.is_empty() && attached.is_empty() { ErrorKind::NotYet } else { ErrorKind::Conflict };
    let message = format!(
        "role {} is in use by others, who added to it: {}. The role was kept. Destroy the xeks resources that use it and remove \
         the other policies (aws iam delete-role-policy, detach-role-policy), or set force_detach_policies = true on the role and run apply; \
         then destroy it again",
        key.name,
        all.join(", ")
    );
    Err(Error::of_kind(kind, "iam:DeleteRole", cx.label(key.side), message))
}

/// Why a role can't be deleted: an instance profile of others holds it; or what was removed from it still counts. A list may show the
/// profiles that this run deleted or emptied, so that a profile is only believed to hold the role if it says so itself.
async fn conflict(cx: &Context, side: Side, name: &str, error: Error) -> Error {
    let iam = cx.iam(side);
    let pages = || iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send().try_collect();
    let listed: Vec<InstanceProfile> = cx.ask("iam:ListInstanceProfilesForRole", side, pages).await.unwrap_or_default();
    let is_gone = |profile: &InstanceProfile| {
        let id = profile.instance_profile_id();
        locks::is_deleted(id) || locks::is_deleted(&locks::membership(id, name))
    };
    let reads = listed.iter().filter(|profile| !is_gone(profile)).map(|profile| async {
        let name_of = profile.instance_profile_name();
        let send = || iam.get_instance_profile().instance_profile_name(name_of).send();
        let holds = match cx.ask("iam:GetInstanceProfile", side, send).await.absent_is_none() {
            Ok(answer) => answer.and_then(|a| a.instance_profile).is_some_and(|p| p.roles().iter().any(|role| role.role_name() == name)),
            Err(_) => true,
        };
        holds.then(|| name_of.to_owned())
    });
    let names: Vec<String> = join_all(reads).await.into_iter().flatten().collect();
    if names.is_empty() {
        return Error { kind: ErrorKind::NotYet, ..error };
    }
    let what = names.join(", ");
    let message = format!(
        "role {name} can't be deleted while it is in the instance profile {what}, which this resource did not create. Remove it (aws iam \
         remove-role-from-instance-profile) and run Terraform again"
    );
    Error { message, ..error }
}
