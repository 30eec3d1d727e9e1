//! An instance profile of the workload account: what an EC2 instance carries to get a role's credentials.

use async_trait::async_trait;
use aws_sdk_iam::types;
use serde_json::json;

use crate::aws::{Answer, Error, Kind, Side};
use crate::engine::{Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::{removal, tags};

pub const KIND: &str = "iam_instance_profile";

#[derive(Clone, Debug)]
pub struct InstanceProfile {
    pub name: String,
    /// Immutable. None: `/`.
    pub path: Option<String>,
    pub tags: Tags,
    pub on_existing: OnExisting,
}

#[async_trait]
impl Object<Context> for InstanceProfile {
    fn key(&self) -> Key {
        Key::new(Side::Workload, KIND, &self.name)
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(profile) = get(cx, &self.name).await? else { return Ok(None) };
        let (owner, seen) = cx.ownership.split(tags::from_iam(profile.tags()));
        let none = Default::default();
        let added = reconcile.entry.as_ref().map_or(&none, |e| &e.added);
        let own = reconcile.origin.is_own();
        let change = if own { tags::exclusive(&self.tags, &seen) } else { tags::additive(&self.tags, &seen, added) };
        Ok(Some(Observed {
            arn: Some(profile.arn().to_owned()),
            id: Some(profile.instance_profile_id().to_owned()),
            document: None,
            tags: Some(if own { seen.clone() } else { tags::shown(&self.tags, &seen, added) }),
            owner,
            differs: !change.is_none(),
            facts: json!({"roles": roles(&profile), "tags": seen}),
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let mut all = self.tags.clone();
        all.extend(cx.ownership.tags(&reconcile.instance));
        let iam = cx.iam(Side::Workload);
        let send = || {
            let call = iam.create_instance_profile().instance_profile_name(&self.name).set_path(self.path.clone());
            call.set_tags(Some(tags::to_iam(&all))).send()
        };
        match cx.ask("iam:CreateInstanceProfile", Side::Workload, send).await {
            Ok(answer) => Ok(self.made(answer.instance_profile())),
            // The answer to a first attempt was lost: what that one made is there.
            Err(error) if error.is(Kind::Exists) => match get(cx, &self.name).await? {
                Some(profile) if removal::is_made_by(&cx.ownership.split(tags::from_iam(profile.tags())).0, cx, reconcile) => {
                    Ok(self.made(Some(&profile)))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let (arn, id) = (observed.arn.clone(), observed.id.clone());
        let made = Made { arn, id, tags: Some(self.tags.clone()), ..Made::default() };
        if reconcile.origin.is_own() {
            retag(cx, &self.name, &tags::own(&cx.ownership, reconcile, &self.tags, observed)).await?;
            return Ok(made);
        }
        // Written by `observe` of this very type.
        let seen: Tags = serde_json::from_value(observed.facts["tags"].clone()).unwrap_or_default();
        let before = reconcile.entry.as_ref().map(|e| e.added.clone()).unwrap_or_default();
        let change = tags::additive(&self.tags, &seen, &before);
        retag(cx, &self.name, &change).await?;
        Ok(Made { added: tags::added_after(&before, &change), ..made })
    }
}

impl InstanceProfile {
    fn made(&self, profile: Option<&types::InstanceProfile>) -> Made {
        Made {
            arn: profile.map(|p| p.arn().to_owned()),
            id: profile.map(|p| p.instance_profile_id().to_owned()),
            tags: Some(self.tags.clone()),
            ..Made::default()
        }
    }
}

/// The profile; `None` where there is none.
pub(super) async fn get(cx: &Context, name: &str) -> Result<Option<types::InstanceProfile>, Error> {
    let iam = cx.iam(Side::Workload);
    let send = || iam.get_instance_profile().instance_profile_name(name).send();
    Ok(cx.ask("iam:GetInstanceProfile", Side::Workload, send).await.absent_is_none()?.and_then(|a| a.instance_profile))
}

/// Names of the roles that the profile holds: at most one (IAM, AddRoleToInstanceProfile).
pub(super) fn roles(profile: &types::InstanceProfile) -> Vec<String> {
    profile.roles().iter().map(|role| role.role_name().to_owned()).collect()
}

/// The instance profile of the role that an import takes in: one with this resource's tag, else the only one that holds the role,
/// unless the role is somebody else's.
pub async fn to_import(cx: &Context, role: &str, existing: bool) -> Result<Option<String>, Error> {
    let mut names = of_role(cx, role).await?;
    for name in &names {
        let owner = get(cx, name).await?.map(|profile| cx.ownership.split(tags::from_iam(profile.tags())).0);
        if matches!(owner, Some(Owner::Tagged { resource: Some(r), .. }) if r == cx.ownership.resource) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(if existing || names.len() > 1 { None } else { names.pop() })
}

/// Names of the workload account's instance profiles that hold the role.
async fn of_role(cx: &Context, role: &str) -> Result<Vec<String>, Error> {
    let iam = cx.iam(Side::Workload);
    let pages = || iam.list_instance_profiles_for_role().role_name(role).into_paginator().items().send().try_collect();
    let profiles = cx.ask("iam:ListInstanceProfilesForRole", Side::Workload, pages).await.absent_is_none()?;
    Ok(profiles.unwrap_or_default().into_iter().map(|p: types::InstanceProfile| p.instance_profile_name).collect())
}

async fn retag(cx: &Context, name: &str, change: &tags::Change) -> Result<(), Error> {
    let iam = cx.iam(Side::Workload);
    if !change.set.is_empty() {
        let send = || iam.tag_instance_profile().instance_profile_name(name).set_tags(Some(tags::to_iam(&change.set))).send();
        cx.ask("iam:TagInstanceProfile", Side::Workload, send).await?;
    }
    if !change.unset.is_empty() {
        let send = || iam.untag_instance_profile().instance_profile_name(name).set_tag_keys(Some(change.unset.clone())).send();
        cx.ask("iam:UntagInstanceProfile", Side::Workload, send).await?;
    }
    Ok(())
}

/// Deletes a profile of ours, whatever role it holds; from an adopted one takes our tags.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some(profile) = get(cx, &key.name).await? else { return Ok(()) };
    let (owner, seen) = cx.ownership.split(tags::from_iam(profile.tags()));
    if entry.origin == Origin::Adopted {
        return retag(cx, &key.name, &tags::additive(&Tags::new(), &seen, &entry.added)).await;
    }
    if !removal::is_ours(entry, &owner) {
        return Ok(());
    }
    let iam = cx.iam(Side::Workload);
    for role in roles(&profile) {
        let send = || iam.remove_role_from_instance_profile().instance_profile_name(&key.name).role_name(&role).send();
        cx.ask("iam:RemoveRoleFromInstanceProfile", Side::Workload, send).await.absent_is_none()?;
    }
    let send = || iam.delete_instance_profile().instance_profile_name(&key.name).send();
    cx.ask("iam:DeleteInstanceProfile", Side::Workload, send).await.absent_is_none()?;
    cx.deleted(key, &Entry { id: Some(profile.instance_profile_id), ..entry.clone() });
    Ok(())
}

/// Whether readers are still shown the profile that was deleted.
pub(in crate::objects) async fn is_shown(cx: &Context, key: &Key, entry: &Entry) -> Result<bool, Error> {
    Ok(get(cx, &key.name).await?.is_some_and(|profile| Some(profile.instance_profile_id()) == entry.id.as_deref()))
}
