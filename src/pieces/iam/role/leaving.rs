//! Taking a role away: one of ours with all that hangs on it, and our additions out of somebody else's.

use serde_json::Value;

use super::{attached_arns, facts, get, inline_names, retag};
use crate::aws::{Answer, Error, Kind, policy};
use crate::engine::{Entry, Key, Origin, Side, Tags};
use crate::pieces::cloud::Cloud;
use crate::pieces::iam::trust;
use crate::pieces::{removal, tags, turns};

/// Deletes a role of ours with all that hangs on it, or takes our additions out of somebody else's.
pub(in crate::pieces) async fn remove(cloud: &Cloud, key: &Key, entry: &Entry) -> Result<(), Error> {
    let (side, name) = (key.side, key.name.as_str());
    let Some(role) = get(cloud, side, name).await? else { return Ok(()) };
    let (owner, seen) = cloud.ownership.split(tags::from_iam(role.tags()));
    if entry.origin == Origin::Adopted {
        release_trust(cloud, side, name, entry, &facts(&role, Tags::new()).trusted).await?;
        return retag(cloud, side, name, &tags::additive(&Tags::new(), &seen, &entry.added)).await;
    }
    if !removal::is_ours(entry, &owner) {
        return Ok(());
    }
    cloud.until_settled(|e| e.is(Kind::NotYet), || delete(cloud, side, name)).await?;
    turns::leave(role.role_id());
    cloud.deleted(key, &Entry { id: Some(role.role_id), ..entry.clone() });
    Ok(())
}

async fn release_trust(cloud: &Cloud, side: Side, name: &str, entry: &Entry, trusted: &Value) -> Result<(), Error> {
    let change = |document: &Value| trust::without(document, &cloud.ownership, entry.instance.as_deref());
    let rest = change(trusted);
    if rest == *trusted {
        return Ok(());
    }
    if policy::statements_of(&rest).is_empty() {
        cloud.warn(format!(
            "The trust policy of the role {name} in {} was left as it is: it has no statement but ours, and IAM takes none without any. Delete \
             the role, or give it another trust policy.",
            cloud.label(side)
        ));
        return Ok(());
    }
    trust::until_kept(cloud, side, name, change).await
}

/// A role can be deleted once nothing hangs on it (IAM, DeleteRole).
async fn delete(cloud: &Cloud, side: Side, name: &str) -> Result<(), Error> {
    let iam = cloud.iam(side);
    let (inline, attached) = tokio::try_join!(inline_names(cloud, side, name), attached_arns(cloud, side, name))?;
    for policy in &inline {
        let send = || iam.delete_role_policy().role_name(name).policy_name(policy).send();
        cloud.ask("iam:DeleteRolePolicy", side, send).await.absent_is_none()?;
    }
    for arn in &attached {
        let send = || iam.detach_role_policy().role_name(name).policy_arn(arn).send();
        cloud.ask("iam:DetachRolePolicy", side, send).await.absent_is_none()?;
    }
    match cloud.ask("iam:DeleteRole", side, || iam.delete_role().role_name(name).send()).await.absent_is_none() {
        Err(error) if error.code.as_deref() == Some("DeleteConflict") => Err(conflict(cloud, side, name, error).await),
        result => result.map(drop),
    }
}

/// Why a role can't be deleted: an instance profile that somebody put it into; or what we took off is not yet seen to be gone.
async fn conflict(cloud: &Cloud, side: Side, name: &str, error: Error) -> Error {
    let iam = cloud.iam(side);
    let pages = || iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send().try_collect();
    let profiles = cloud.ask("iam:ListInstanceProfilesForRole", side, pages).await;
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
