//! Taking objects away by their ledger entries alone: which kind is whose, and in which round it goes.

use super::context::Context;
use super::{ec2, eks, iam};
use crate::aws::{Error, Kind};
use crate::engine::{Entry, Key, Origin, Owner, Reconcile};

/// Removes the object of an entry as far as it is ours. What is gone, or was taken over by another create, is done already.
pub(super) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    match key.kind.as_str() {
        iam::role::KIND => iam::role::remove(cx, key, entry).await,
        iam::inline_policy::KIND => iam::inline_policy::remove(cx, key, entry).await,
        iam::policy_attachment::KIND => iam::policy_attachment::remove(cx, key, entry).await,
        iam::instance_profile::KIND => iam::instance_profile::remove(cx, key, entry).await,
        iam::instance_profile_role::KIND => iam::instance_profile_role::remove(cx, key, entry).await,
        iam::oidc_provider::KIND => iam::oidc_provider::remove(cx, key, entry).await,
        eks::access_entry::KIND => eks::access_entry::remove(cx, key, entry).await,
        eks::policy_association::KIND => eks::policy_association::remove(cx, key, entry).await,
        ec2::peering::KIND => ec2::peering::remove(cx, key, entry).await,
        ec2::acceptance::KIND => ec2::acceptance::remove(cx, key, entry).await,
        ec2::usage::KIND => ec2::usage::remove(cx, key, entry).await,
        ec2::dns_resolution::KIND => ec2::dns_resolution::remove(cx, key, entry).await,
        ec2::route::KIND => ec2::route::remove(cx, key, entry).await,
        ec2::rule::KIND => ec2::rule::remove(cx, key, entry).await,
        // The authentication mode has no way back.
        eks::access_config::KIND => Ok(()),
        kind => Err(Error::of_kind(
            Kind::Other,
            kind,
            cx.label(key.side),
            format!(
                "this version of the provider does not know objects of that kind, and left {} as it is; use the version that made it",
                key.name
            ),
        )),
    }
}

/// Those of the deleted objects that readers are still shown. What hung on another that was deleted goes with that one.
pub(super) async fn still_shown(cx: &Context, deleted: &[(Key, Entry)]) -> Result<Vec<Key>, Error> {
    let goes_with = |key: &Key| {
        let parent = key.name.split_once('/').map(|(parent, _)| parent);
        deleted.iter().any(|(other, _)| {
            let holds = matches!(other.kind.as_str(), iam::role::KIND | iam::instance_profile::KIND);
            holds && other.side == key.side && other != key && Some(other.name.as_str()) == parent
        })
    };
    let looks = deleted.iter().filter(|(key, _)| !goes_with(key)).map(|(key, entry)| async move {
        let shown = match key.kind.as_str() {
            iam::role::KIND => iam::role::is_shown(cx, key, entry).await?,
            iam::inline_policy::KIND => iam::inline_policy::is_shown(cx, key).await?,
            iam::policy_attachment::KIND => iam::policy_attachment::is_shown(cx, key).await?,
            iam::instance_profile::KIND => iam::instance_profile::is_shown(cx, key, entry).await?,
            iam::instance_profile_role::KIND => iam::instance_profile_role::is_shown(cx, key).await?,
            iam::oidc_provider::KIND => iam::oidc_provider::is_shown(cx, key).await?,
            _ => false,
        };
        Ok(shown.then(|| key.clone()))
    });
    let shown: Vec<Option<Key>> = futures::future::try_join_all(looks).await?;
    Ok(shown.into_iter().flatten().collect())
}

/// Later rounds wait for earlier ones: what hangs on another object goes before that object.
pub(super) fn round(kind: &str) -> u8 {
    match kind {
        eks::access_entry::KIND => 1,
        iam::instance_profile::KIND => 2,
        iam::role::KIND => 3,
        iam::oidc_provider::KIND => 4,
        // Before anything is removed, the acceptance makes sure that nobody else uses the connection.
        ec2::route::KIND | ec2::rule::KIND | ec2::dns_resolution::KIND => 1,
        ec2::usage::KIND => 2,
        ec2::peering::KIND => 3,
        _ => 0,
    }
}

/// Whether an object may be deleted: ours alone, and still the one that the entry names.
pub(super) fn is_ours(entry: &Entry, owner: &Owner) -> bool {
    match owner {
        Owner::Tagged { instance, .. } => entry.origin.is_own() && entry.is_of(instance.as_deref()),
        Owner::Parent => false,
    }
}

/// Whether what hangs on an object may be taken off it. Others' things stay, and so does what another create of this composite
/// has taken over together with the object, and what hangs on an object that somebody else put in the place of ours.
pub(super) fn is_ours_on(cx: &Context, entry: &Entry, parent: &Key, owner: &Owner) -> bool {
    let Owner::Tagged { resource, instance } = owner else { return false };
    if cx.recorded.get(parent).is_some_and(|parent| parent.origin.is_own() && !is_ours(parent, owner)) {
        return false;
    }
    let taken_over = resource.as_deref() == Some(&cx.ownership.resource) && !entry.is_of(instance.as_deref());
    match entry.origin {
        Origin::Found => true,
        Origin::Created | Origin::Imported => !taken_over,
        Origin::Adopted | Origin::Shared => false,
    }
}

/// Whether an object was made by the very create that is running: its first answer was lost.
pub(super) fn is_made_by(owner: &Owner, cx: &Context, reconcile: &Reconcile) -> bool {
    let (resource, instance) = (Some(cx.ownership.resource.clone()), Some(reconcile.instance.clone()));
    *owner == Owner::Tagged { resource, instance }
}
