//! Taking a role away: one of ours with all that hangs on it, and our additions out of somebody else's.

use serde_json::Value;

use super::{attached_arns, facts, get, inline_names, retag};
use crate::aws::{Answer, Error, Kind, Side, policy};
use crate::engine::{Entry, Key, Origin, Tags};
use crate::objects::context::Context;
use crate::objects::iam::trust;
use crate::objects::{locks, removal, tags};

/// Deletes a role of ours with all that hangs on it, or takes our additions out of somebody else's.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let (side, name) = (key.side, key.name.as_str());
    let Some(role) = get(cx, side, name).await? else { return Ok(()) };
    let (owner, seen) = cx.ownership.split(tags::from_iam(role.tags()));
    if entry.origin == Origin::Adopted {
        release_trust(cx, side, name, entry, &facts(&role, Tags::new()).trusted).await?;
        return retag(cx, side, name, &tags::additive(&Tags::new(), &seen, &entry.added)).await;
    }
    if !removal::is_ours(entry, &owner) {
        return Ok(());
    }
    cx.until_propagated(|e| e.is(Kind::NotYet), || delete(cx, side, name)).await?;
    locks::mark_deleted(role.role_id());
    cx.deleted(key, &Entry { id: Some(role.role_id), ..entry.clone() });
    Ok(())
}

async fn release_trust(cx: &Context, side: Side, name: &str, entry: &Entry, trusted: &Value) -> Result<(), Error> {
    let change = |document: &Value| trust::without(document, &cx.ownership, entry.instance.as_deref());
    let rest = change(trusted);
    if rest == *trusted {
        return Ok(());
    }
    if policy::statements_of(&rest).is_empty() {
        cx.warn(format!(
            "The trust policy of the role {name} in {} was left as it is: it has no statement but ours, and IAM takes none without any. Delete \
             the role, or give it another trust policy.",
            cx.label(side)
        ));
        return Ok(());
    }
    trust::until_kept(cx, side, name, change).await
}

/// A role can be deleted once nothing hangs on it (IAM, DeleteRole).
async fn delete(cx: &Context, side: Side, name: &str) -> Result<(), Error> {
    let iam = cx.iam(side);
    let (inline, attached) = tokio::try_join!(inline_names(cx, side, name), attached_arns(cx, side, name))?;
    for policy in &inline {
        let send = || iam.delete_role_policy().role_name(name).policy_name(policy).send();
        cx.ask("iam:DeleteRolePolicy", side, send).await.absent_is_none()?;
    }
    for arn in &attached {
        let send = || iam.detach_role_policy().role_name(name).policy_arn(arn).send();
        cx.ask("iam:DetachRolePolicy", side, send).await.absent_is_none()?;
    }
    match cx.ask("iam:DeleteRole", side, || iam.delete_role().role_name(name).send()).await.absent_is_none() {
        Err(error) if error.code.as_deref() == Some("DeleteConflict") => Err(conflict(cx, side, name, error).await),
        result => result.map(drop),
    }
}

/// Why a role can't be deleted: an instance profile that somebody put it into; or what we took off is not yet seen to be gone.
async fn conflict(cx: &Context, side: Side, name: &str, error: Error) -> Error {
    let iam = cx.iam(side);
    let pages = || iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send().try_collect();
    let profiles = cx.ask("iam:ListInstanceProfilesForRole", side, pages).await;
    let names: Vec<String> = profiles.unwrap_or_default().into_iter().map(|p| p.instance_profile_name).collect();
    if names.is_empty() {
        return Error { kind: Kind::NotYet, ..error };
    }
    let what = names.join(", ");
    let message = format!(
        "the role {name} can't be deleted while it is in the instance profile {what}, which this resource did not make. Take it out \
         (aws iam remove-role-from-instance-profile) and run again"
    );
    Error { message, ..error }
}
