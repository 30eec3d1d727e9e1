//! An instance profile of the workload account: what an EC2 instance has to get a role's credentials.
//!
//! Ledger: `arn`, `id`, `tags`, `added`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_iam::types;

use super::role::{INSTANCE_PROFILE, has_arn};
use crate::aws::{Answer, Error, Kind as ErrorKind, Side, arn};
use crate::diagnostics::Path;
use crate::engine::{
    Added, BadName, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Tags, Written, parts,
};
use crate::objects::ownership::is_made_by;
use crate::objects::tags::{Additions, Keys, Mark};
use crate::objects::{Context, Env, Ownership, locks, tags};
use crate::schema::{Value, placeholder};

pub const KIND: &str = INSTANCE_PROFILE;

#[derive(Clone, Debug)]
pub struct InstanceProfile {
    pub name: String,
    /// Immutable. None: `/`.
    pub path: Option<String>,
    /// Name of the role that the resource puts into it.
    pub role: String,
    pub tags: Tags,
    pub on_existing: OnExisting,
    pub attribute: Path,
}

/// All tags of a profile but the ownership tags and those that the provider ignores.
#[derive(Default)]
struct SeenTags {
    tags: Tags,
    /// Which of them this resource added to a foreign profile.
    mark: Mark,
}

pub fn key(name: &str) -> Key {
    Key::new(Side::Workload, KIND, name)
}

#[async_trait]
impl Object<Context> for InstanceProfile {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &InstanceProfileKind
    }

    fn key(&self) -> Key {
        key(&self.name)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    fn create_is_refused_if_it_exists(&self) -> bool {
        true
    }

    fn planned(&self, env: &Env) -> Planned {
        let tags = placeholder::map_value(&self.tags);
        let arn = match (env.arns.get(&self.key()), &self.on_existing) {
            (Some(arn), _) => Value::string(arn),
            (None, OnExisting::Adopt) => Value::Unknown,
            (None, _) => {
                let path = self.path.as_deref().unwrap_or("/");
                placeholder::value(arn::instance_profile(&env.workload.partition, &env.workload.account_id, path, &self.name))
            }
        };
        Planned { arn, has_id: true, tags: tags.clone(), adopted_tags: tags, ..Planned::default() }
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(profile) = get(cx, &self.name).await? else { return Ok(None) };
        let (owner, seen) = owned_tags(&cx.ownership, &profile);
        let (own, recorded) = (reconcile.origin.is_own(), reconcile.added());
        let additions = seen.additions(&self.tags, &recorded);
        let owned = tags::owned(Keys::Exact, &self.tags, seen.tags.clone(), reconcile, &owner);
        let change = if own { tags::exclusive(Keys::Exact, &self.tags, &owned) } else { additions.change() };
        let shown = if own { owned } else { additions.shown() };
        Ok(Some(Observed {
            arn: Some(profile.arn().to_owned()),
            id: Some(profile.instance_profile_id().to_owned()),
            tags: Some(shown),
            unexpected: if cx.ownership.may_be_left(reconcile, &owner) { self.unexpected(&profile, &seen.tags) } else { Vec::new() },
            created: Some(profile.create_date().secs()),
            owner,
            facts: Facts::new(seen),
            ..Observed::attached(!change.is_none())
        }))
    }

    async fn create(&self, cx: &Context, _: &Reconcile, instance: &str) -> Result<Written, Error> {
        let mut all = self.tags.clone();
        all.extend(cx.ownership.tags(instance));
        let iam = cx.iam(Side::Workload);
        let send = || {
            let call = iam.create_instance_profile().instance_profile_name(&self.name).set_path(self.path.clone());
            call.set_tags(Some(tags::to_iam(&all))).send()
        };
        match cx.ask("iam:CreateInstanceProfile", Side::Workload, send).await {
            Ok(answer) => Ok(self.written(answer.instance_profile())),
            // The answer to a first attempt was lost: the profile that it created exists.
            Err(error) if error.is(ErrorKind::Exists) => match get(cx, &self.name).await? {
                Some(profile) if is_made_by(&cx.ownership.split(tags::from_iam(profile.tags())).0, &cx.ownership, instance) => {
                    Ok(self.written(Some(&profile)))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        let (arn, id) = (observed.arn.clone(), observed.id.clone());
        let written = Written { arn, id, tags: Some(self.tags.clone()), ..Written::default() };
        if reconcile.origin.is_own() {
            retag(cx, &self.name, &tags::own(Keys::Exact, &cx.ownership, reconcile, instance, &self.tags, observed)).await?;
            return Ok(written);
        }
        let (recorded, none) = (reconcile.added(), SeenTags::default());
        let additions = observed.facts.get().unwrap_or(&none).additions(&self.tags, &recorded);
        retag(cx, &self.name, &additions.change()).await?;
        Ok(Written { added: additions.after(), ..written })
    }
}

pub struct InstanceProfileKind;

#[async_trait]
impl Kind<Context> for InstanceProfileKind {
    fn name(&self) -> &'static str {
        KIND
    }

    fn delete_order(&self, _: Origin) -> u8 {
        2
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<1>(name, "PROFILE").map(drop)
    }

    /// Deletes a profile that this resource created, whatever role it holds; removes the added tags from an adopted one.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let Some(profile) = get(cx, &key.name).await? else { return Ok(Deleted::Now) };
        let (owner, seen) = owned_tags(&cx.ownership, &profile);
        if entry.origin == Origin::Adopted {
            retag(cx, &key.name, &seen.additions(&Tags::new(), &entry.added).change()).await?;
            return Ok(Deleted::Now);
        }
        if !cx.may_delete(key, entry, &owner, entry.id.as_deref(), Some(profile.instance_profile_id())) {
            return Ok(Deleted::Now);
        }
        for role in roles(&profile) {
            remove(cx, &profile, &role).await?;
        }
        let iam = cx.iam(Side::Workload);
        let send = || iam.delete_instance_profile().instance_profile_name(&key.name).send();
        // A role that was removed a moment ago may still count as held (IAM, DeleteInstanceProfile).
        let held = |error: &Error| error.code.as_deref() == Some("DeleteConflict");
        let delete = || async { cx.ask("iam:DeleteInstanceProfile", Side::Workload, send).await.absent_is_none() };
        cx.until_visible("IAM to show that the instance profile holds no role", held, delete).await?;
        locks::mark_deleted(profile.instance_profile_id());
        Ok(Deleted::Eventually(Box::new(Entry { id: Some(profile.instance_profile_id), ..entry.clone() })))
    }

    async fn still_visible(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<bool, Error> {
        Ok(get(cx, &key.name).await?.is_some_and(|profile| Some(profile.instance_profile_id()) == entry.id.as_deref()))
    }
}

impl SeenTags {
    fn additions<'a>(&'a self, wanted: &'a Tags, recorded: &'a BTreeSet<Added>) -> Additions<'a> {
        Additions { keys: Keys::Exact, wanted, seen: &self.tags, mark: &self.mark, recorded }
    }
}

/// Whose the profile is, and its tags.
fn owned_tags(ownership: &Ownership, profile: &types::InstanceProfile) -> (Owner, SeenTags) {
    let all: Tags = tags::from_iam(profile.tags()).collect();
    let mark = Mark::of(ownership, &all);
    let (owner, tags) = ownership.split(all);
    (owner, SeenTags { tags, mark })
}

impl InstanceProfile {
    /// What a create of this configuration would not have made, as a message lists it.
    fn unexpected(&self, profile: &types::InstanceProfile, seen: &Tags) -> Vec<String> {
        let mut found = Vec::new();
        let path = self.path.as_deref().unwrap_or("/");
        if !placeholder::is_in(path) && profile.path() != path {
            found.push(format!("path {} (configured: {path})", profile.path()));
        }
        if !placeholder::is_in(&self.role) {
            found.extend(roles(profile).iter().filter(|role| **role != self.role).map(|role| format!("role {role}")));
        }
        found.extend(tags::unexpected(Keys::Exact, &self.tags, seen));
        found
    }

    fn written(&self, profile: Option<&types::InstanceProfile>) -> Written {
        Written {
            arn: profile.map(|p| p.arn().to_owned()),
            id: profile.map(|p| p.instance_profile_id().to_owned()),
            tags: Some(self.tags.clone()),
            ..Written::default()
        }
    }
}

/// The profile; `None` where there is none. IAM may show a new profile with its ID in place of its ARN: then it is not visible yet.
pub(super) async fn get(cx: &Context, name: &str) -> Result<Option<types::InstanceProfile>, Error> {
    let iam = cx.iam(Side::Workload);
    let read = || async {
        let send = || iam.get_instance_profile().instance_profile_name(name).send();
        let found = cx.ask("iam:GetInstanceProfile", Side::Workload, send).await.absent_is_none()?.and_then(|a| a.instance_profile);
        match found {
            Some(profile) => has_arn(profile.arn(), "iam:GetInstanceProfile", cx.label(Side::Workload)).map(|()| Some(profile)),
            None => Ok(None),
        }
    };
    let ask = || Box::pin(cx.until_propagated(|error| error.is(ErrorKind::NotYet), read));
    cx.look.once(format!("instance profile {name}"), ask).await
}

/// Removes the role from the profile, if it is there.
pub(super) async fn remove(cx: &Context, profile: &types::InstanceProfile, role: &str) -> Result<(), Error> {
    let iam = cx.iam(Side::Workload);
    let send = || iam.remove_role_from_instance_profile().instance_profile_name(profile.instance_profile_name()).role_name(role).send();
    cx.ask("iam:RemoveRoleFromInstanceProfile", Side::Workload, cx.in_turn(Side::Workload, role, send)).await.absent_is_none()?;
    locks::mark_deleted(&locks::membership(profile.instance_profile_id(), role));
    Ok(())
}

/// Names of the roles that the profile holds: at most one (IAM, AddRoleToInstanceProfile).
pub(super) fn roles(profile: &types::InstanceProfile) -> Vec<String> {
    profile.roles().iter().map(|role| role.role_name().to_owned()).collect()
}

/// The instance profile of the role that an import takes in: one with this resource's tag, else the only one that holds the role, unless
/// the role is a foreign one.
pub async fn to_import(cx: &Context, role: &str, existing: bool) -> Result<Option<String>, Error> {
    let mut names = of_role(cx, role).await?;
    for name in &names {
        let owner = get(cx, name).await?.map(|profile| cx.ownership.split(tags::from_iam(profile.tags())).0);
        if owner.is_some_and(|owner| cx.ownership.is_of_composite(&owner)) {
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
