//! The one role that an instance profile holds, named after both: `PROFILE/ROLE`.

use async_trait::async_trait;
use serde_json::json;

use super::instance_profile;
use crate::aws::{Answer, Error, Kind, Side};
use crate::engine::{Entry, Key, Made, Object, Observed, OnExisting, Owner, Reconcile};
use crate::objects::context::Context;
use crate::objects::{removal, tags};

pub const KIND: &str = "iam_instance_profile_role";

#[derive(Clone, Debug)]
pub struct InstanceProfileRole {
    pub profile: String,
    pub role: String,
    pub depends_on: Vec<Key>,
    pub on_existing: OnExisting,
}

#[async_trait]
impl Object<Context> for InstanceProfileRole {
    fn key(&self) -> Key {
        Key::new(Side::Workload, KIND, format!("{}/{}", self.profile, self.role))
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    /// Absent where the profile holds no role, or another one: that one's place is taken by `create`.
    async fn observe(&self, cx: &Context, _: &Reconcile) -> Result<Option<Observed>, Error> {
        let profile = instance_profile::get(cx, &self.profile).await?;
        let holds = profile.is_some_and(|p| instance_profile::roles(&p).contains(&self.role));
        Ok(holds.then(|| Observed {
            arn: None,
            id: None,
            document: None,
            tags: None,
            owner: Owner::Parent,
            differs: false,
            facts: json!({}),
        }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        match self.put_in(cx).await {
            // A profile holds one role (IAM quotas): this one, if the answer to a first attempt was lost, or another.
            Err(error) if error.code.as_deref() == Some("LimitExceeded") => {
                if self.observe(cx, reconcile).await?.is_none() {
                    self.make_room(cx, reconcile).await?;
                    self.put_in(cx).await?;
                }
            }
            result => result?,
        }
        Ok(Made::default())
    }

    async fn update(&self, _: &Context, _: &Reconcile, _: &Observed) -> Result<Made, Error> {
        Ok(Made::default())
    }
}

impl InstanceProfileRole {
    async fn put_in(&self, cx: &Context) -> Result<(), Error> {
        let iam = cx.iam(Side::Workload);
        let send = || iam.add_role_to_instance_profile().instance_profile_name(&self.profile).role_name(&self.role).send();
        cx.ask_until_seen("iam:AddRoleToInstanceProfile", Side::Workload, send).await.map(drop)
    }

    /// Takes another role out of a profile that is ours alone.
    async fn make_room(&self, cx: &Context, reconcile: &Reconcile) -> Result<(), Error> {
        let Some(profile) = instance_profile::get(cx, &self.profile).await? else { return Ok(()) };
        let others: Vec<String> = instance_profile::roles(&profile).into_iter().filter(|role| *role != self.role).collect();
        let key = Key::new(Side::Workload, instance_profile::KIND, &self.profile);
        let own = reconcile.dependencies.get(&key).is_some_and(|entry| entry.origin.is_own());
        for role in others {
            if !own {
                let message = format!(
                    "the instance profile {} was there before and holds the role {role}; a profile holds one role, and adoption never takes out \
                     what others put there. Set another workload_role.instance_profile_name, or take the role out",
                    self.profile
                );
                return Err(Error::of_kind(Kind::Exists, "iam:AddRoleToInstanceProfile", cx.label(Side::Workload), message));
            }
            take_out(cx, &self.profile, &role).await?;
        }
        Ok(())
    }
}

async fn take_out(cx: &Context, profile: &str, role: &str) -> Result<(), Error> {
    let iam = cx.iam(Side::Workload);
    let send = || iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send();
    cx.ask("iam:RemoveRoleFromInstanceProfile", Side::Workload, send).await.absent_is_none().map(drop)
}

/// Takes the role out, unless the profile was taken over by another create.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some((name, role)) = key.name.split_once('/') else { return Ok(()) };
    let Some(profile) = instance_profile::get(cx, name).await? else { return Ok(()) };
    let (owner, _) = cx.ownership.split(tags::from_iam(profile.tags()));
    let holds = instance_profile::roles(&profile).iter().any(|held| held == role);
    if holds && removal::is_ours_on(cx, entry, &Key::new(Side::Workload, instance_profile::KIND, name), &owner) {
        take_out(cx, name, role).await?;
        cx.deleted(key, entry);
    }
    Ok(())
}

/// Whether readers are still shown the role in the profile that it was taken out of.
pub(in crate::objects) async fn is_shown(cx: &Context, key: &Key) -> Result<bool, Error> {
    let Some((name, role)) = key.name.split_once('/') else { return Ok(false) };
    let profile = instance_profile::get(cx, name).await?;
    Ok(profile.is_some_and(|profile| instance_profile::roles(&profile).iter().any(|held| held == role)))
}
