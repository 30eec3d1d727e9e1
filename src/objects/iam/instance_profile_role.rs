//! The one role that an instance profile holds: `PROFILE/ROLE`. It has no tags and belongs to the owner of its profile.

use async_trait::async_trait;

use super::role::INSTANCE_PROFILE_ROLE;
use super::{instance_profile, role};
use crate::aws::{Error, Kind as ErrorKind, Side};
use crate::diagnostics::Path;
use crate::engine::{BadName, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Written, parts};
use crate::objects::{Context, Env, tags};

pub const KIND: &str = INSTANCE_PROFILE_ROLE;

#[derive(Clone, Debug)]
pub struct InstanceProfileRole {
    pub profile: String,
    pub role: String,
    pub attribute: Path,
}

#[async_trait]
impl Object<Context> for InstanceProfileRole {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &InstanceProfileRoleKind
    }

    fn key(&self) -> Key {
        Key::new(Side::Workload, KIND, format!("{}/{}", self.profile, self.role))
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![instance_profile::key(&self.profile), role::key(Side::Workload, &self.role)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(instance_profile::key(&self.profile))
    }

    fn planned(&self, _: &Env) -> Planned {
        Planned::default()
    }

    /// Absent where the profile holds no role, or another one, whose place `create` takes.
    async fn read(&self, cx: &Context, _: &Reconcile) -> Result<Option<Observed>, Error> {
        let profile = instance_profile::get(cx, &self.profile).await?;
        let holds = profile.is_some_and(|p| instance_profile::roles(&p).contains(&self.role));
        Ok(holds.then(|| Observed::attached(false)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, _: &str) -> Result<Written, Error> {
        match self.add(cx).await {
            // A profile holds one role (IAM quotas): this one, if the answer to a first attempt was lost, or another.
            Err(error) if error.code.as_deref() == Some("LimitExceeded") => {
                if self.read(cx, reconcile).await?.is_none() {
                    self.remove_other_roles(cx, reconcile).await?;
                    self.add(cx).await?;
                }
            }
            result => result?,
        }
        Ok(Written::default())
    }

    async fn update(&self, _: &Context, _: &Reconcile, _: &str, _: &Observed) -> Result<Written, Error> {
        Ok(Written::default())
    }
}

pub struct InstanceProfileRoleKind;

#[async_trait]
impl Kind<Context> for InstanceProfileRoleKind {
    fn name(&self) -> &'static str {
        KIND
    }

    fn delete_order(&self, _: Origin) -> u8 {
        0
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        split(name).map(drop)
    }

    fn parents(&self, key: &Key) -> Vec<Key> {
        split(&key.name).map(|[profile, _]| instance_profile::key(profile)).into_iter().collect()
    }

    /// The deletion of a profile takes out whatever role it holds.
    fn goes_with_parent(&self) -> bool {
        true
    }

    /// Removes the role from the profile, unless another create took the profile over.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [name, role] = split(&key.name)?;
        let Some(profile) = instance_profile::get(cx, name).await? else { return Ok(Deleted::Now) };
        let (owner, _) = cx.ownership.split(tags::from_iam(profile.tags()));
        let holds = instance_profile::roles(&profile).iter().any(|held| held == role);
        if !holds || !cx.ownership.may_detach(entry, cx.recorded.get(&instance_profile::key(name)), &owner) {
            return Ok(Deleted::Now);
        }
        instance_profile::remove(cx, &profile, role).await?;
        Ok(Deleted::Eventually(Box::new(entry.clone())))
    }

    async fn still_visible(&self, cx: &Context, key: &Key, _: &Entry) -> Result<bool, Error> {
        let [name, role] = split(&key.name)?;
        let profile = instance_profile::get(cx, name).await?;
        Ok(profile.is_some_and(|profile| instance_profile::roles(&profile).iter().any(|held| held == role)))
    }
}

/// Profile and role of a name.
fn split(name: &str) -> Result<[&str; 2], BadName> {
    parts(name, "PROFILE/ROLE")
}

impl InstanceProfileRole {
    async fn add(&self, cx: &Context) -> Result<(), Error> {
        let iam = cx.iam(Side::Workload);
        let send = || iam.add_role_to_instance_profile().instance_profile_name(&self.profile).role_name(&self.role).send();
        cx.ask_until_visible("iam:AddRoleToInstanceProfile", Side::Workload, cx.in_turn(Side::Workload, &self.role, send)).await.map(drop)
    }

    /// Removes another role from a profile of this resource.
    async fn remove_other_roles(&self, cx: &Context, reconcile: &Reconcile) -> Result<(), Error> {
        let Some(profile) = instance_profile::get(cx, &self.profile).await? else { return Ok(()) };
        let others: Vec<String> = instance_profile::roles(&profile).into_iter().filter(|role| *role != self.role).collect();
        let own = reconcile.dependencies.get(&instance_profile::key(&self.profile)).is_some_and(|entry| entry.origin.is_own());
        for role in others {
            if !own {
                let message = format!(
                    "the instance profile {} existed before and holds the role {role}. A profile holds one role, and adoption never removes what \
                     others put there. Set another workload_role.instance_profile_name, or remove the role from the profile",
                    self.profile
                );
                return Err(Error::of_kind(ErrorKind::Exists, "iam:AddRoleToInstanceProfile", cx.label(Side::Workload), message));
            }
            instance_profile::remove(cx, &profile, &role).await?;
        }
        Ok(())
    }
}
