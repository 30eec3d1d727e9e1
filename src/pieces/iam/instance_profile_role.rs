//! The one role that an instance profile holds, named after both: `PROFILE/ROLE`.

use async_trait::async_trait;
use serde_json::json;

use super::instance_profile;
use crate::aws::{Answer, Error, Kind};
use crate::engine::{Entry, Job, Key, Made, Observed, Owner, Piece, Side, Welcome};
use crate::pieces::cloud::Cloud;
use crate::pieces::{removal, tags};

pub const KIND: &str = "iam_instance_profile_role";

#[derive(Clone, Debug)]
pub struct InstanceProfileRole {
    pub profile: String,
    pub role: String,
    pub needs: Vec<Key>,
    pub welcome: Welcome,
}

#[async_trait]
impl Piece<Cloud> for InstanceProfileRole {
    fn key(&self) -> Key {
        Key::new(Side::Workload, KIND, format!("{}/{}", self.profile, self.role))
    }

    fn needs(&self) -> Vec<Key> {
        self.needs.clone()
    }

    fn welcome(&self) -> Welcome {
        self.welcome.clone()
    }

    /// Absent where the profile holds no role, or another one: that one's place is taken by `create`.
    async fn observe(&self, cloud: &Cloud, _: &Job) -> Result<Option<Observed>, Error> {
        let profile = instance_profile::get(cloud, &self.profile).await?;
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

    async fn create(&self, cloud: &Cloud, job: &Job) -> Result<Made, Error> {
        match self.put_in(cloud).await {
            // A profile holds one role (IAM quotas): this one, if the answer to a first attempt was lost, or another.
            Err(error) if error.code.as_deref() == Some("LimitExceeded") => {
                if self.observe(cloud, job).await?.is_none() {
                    self.make_room(cloud, job).await?;
                    self.put_in(cloud).await?;
                }
            }
            result => result?,
        }
        Ok(Made::default())
    }

    async fn update(&self, _: &Cloud, _: &Job, _: &Observed) -> Result<Made, Error> {
        Ok(Made::default())
    }
}

impl InstanceProfileRole {
    async fn put_in(&self, cloud: &Cloud) -> Result<(), Error> {
        let iam = cloud.iam(Side::Workload);
        let send = || iam.add_role_to_instance_profile().instance_profile_name(&self.profile).role_name(&self.role).send();
        cloud.ask_until_seen("iam:AddRoleToInstanceProfile", Side::Workload, send).await.map(drop)
    }

    /// Takes another role out of a profile that is ours alone.
    async fn make_room(&self, cloud: &Cloud, job: &Job) -> Result<(), Error> {
        let Some(profile) = instance_profile::get(cloud, &self.profile).await? else { return Ok(()) };
        let others: Vec<String> = instance_profile::roles(&profile).into_iter().filter(|role| *role != self.role).collect();
        let key = Key::new(Side::Workload, instance_profile::KIND, &self.profile);
        let own = job.needed.get(&key).is_some_and(|entry| entry.origin.is_own());
        for role in others {
            if !own {
                let message = format!(
                    "the instance profile {} was there before and holds the role {role}; a profile holds one role, and adoption never takes out \
                     what others put there. Set another workload_role.instance_profile_name, or take the role out",
                    self.profile
                );
                return Err(Error::of_kind(Kind::Exists, "iam:AddRoleToInstanceProfile", cloud.label(Side::Workload), message));
            }
            take_out(cloud, &self.profile, &role).await?;
        }
        Ok(())
    }
}

async fn take_out(cloud: &Cloud, profile: &str, role: &str) -> Result<(), Error> {
    let iam = cloud.iam(Side::Workload);
    let send = || iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send();
    cloud.ask("iam:RemoveRoleFromInstanceProfile", Side::Workload, send).await.absent_is_none().map(drop)
}

/// Takes the role out, unless the profile was taken over by another create.
pub(in crate::pieces) async fn remove(cloud: &Cloud, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some((name, role)) = key.name.split_once('/') else { return Ok(()) };
    let Some(profile) = instance_profile::get(cloud, name).await? else { return Ok(()) };
    let (owner, _) = cloud.ownership.split(tags::from_iam(profile.tags()));
    let holds = instance_profile::roles(&profile).iter().any(|held| held == role);
    if holds && removal::is_ours_on(cloud, entry, &Key::new(Side::Workload, instance_profile::KIND, name), &owner) {
        take_out(cloud, name, role).await?;
        cloud.deleted(key, entry);
    }
    Ok(())
}

/// Whether readers are still shown the role in the profile that it was taken out of.
pub(in crate::pieces) async fn is_shown(cloud: &Cloud, key: &Key) -> Result<bool, Error> {
    let Some((name, role)) = key.name.split_once('/') else { return Ok(false) };
    let profile = instance_profile::get(cloud, name).await?;
    Ok(profile.is_some_and(|profile| instance_profile::roles(&profile).iter().any(|held| held == role)))
}
