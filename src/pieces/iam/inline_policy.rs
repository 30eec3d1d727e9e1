//! An inline policy of a role, named after the role and the policy: `ROLE/POLICY`.
//!
//! A stamped policy carries its owner in the Sids of its statements, since a policy has no tags and the role may be somebody
//! else's. Ledger: `document`, without those Sids.

use async_trait::async_trait;
use serde_json::Value;

use super::{role, trust};
use crate::aws::{Answer, Error, Kind, policy};
use crate::engine::{Entry, Job, Key, Made, Observed, Origin, Owner, Piece, Side, Welcome, Writers};
use crate::pieces::cloud::Cloud;
use crate::pieces::ownership::Ownership;
use crate::pieces::removal;

pub const KIND: &str = "iam_role_policy";

#[derive(Clone, Debug)]
pub struct InlinePolicy {
    pub side: Side,
    pub role: String,
    pub name: String,
    /// JSON, as the ledger shows it while the policy means the same.
    pub document: String,
    /// Whether the statements carry whose they are. For policies whose name is ours, such as `xeks-eks-describe`: these are ours
    /// on anybody's role, so that `AsParent` means `Overwrite` for them.
    pub stamped: bool,
    pub needs: Vec<Key>,
    pub welcome: Welcome,
}

pub fn key(side: Side, role: &str, policy: &str) -> Key {
    Key::new(side, KIND, format!("{role}/{policy}"))
}

#[async_trait]
impl Piece<Cloud> for InlinePolicy {
    fn key(&self) -> Key {
        key(self.side, &self.role, &self.name)
    }

    fn needs(&self) -> Vec<Key> {
        self.needs.clone()
    }

    fn welcome(&self) -> Welcome {
        match &self.welcome {
            Welcome::AsParent(_) if self.stamped => Welcome::Overwrite,
            welcome => welcome.clone(),
        }
    }

    /// A policy whose name is ours may be wanted on somebody's role by several resources: one of them gets it.
    fn writers(&self, job: &Job) -> Writers {
        let theirs = job.needed.get(&role::key(self.side, &self.role)).is_some_and(|role| !role.origin.is_own());
        if self.stamped && theirs { Writers::Racing } else { Writers::One }
    }

    async fn observe(&self, cloud: &Cloud, job: &Job) -> Result<Option<Observed>, Error> {
        let Some(found) = get(cloud, self.side, &self.role, &self.name).await? else { return Ok(None) };
        let mut owner = if self.stamped { owner_of(&found, &cloud.ownership) } else { Owner::Parent };
        if self.is_late(cloud, job, &owner).await? {
            owner = Owner::Parent;
        }
        let same = self.means(&found);
        Ok(Some(Observed {
            arn: None,
            id: None,
            document: Some(if same { self.document.clone() } else { policy::canonical_text(&plain(&found, &cloud.ownership)) }),
            tags: None,
            owner,
            differs: !same,
            facts: Value::Null,
        }))
    }

    async fn create(&self, cloud: &Cloud, job: &Job) -> Result<Made, Error> {
        self.put(cloud, job).await
    }

    async fn update(&self, cloud: &Cloud, job: &Job, observed: &Observed) -> Result<Made, Error> {
        if let Owner::Tagged { resource, .. } = &observed.owner
            && resource.as_deref() != Some(&cloud.ownership.resource)
        {
            let message = format!(
                "the inline policy {} of the role {} was made by another resource of this provider, for another cluster or account: use \
                 another role for one of the two",
                self.name, self.role
            );
            return Err(Error::of_kind(Kind::Exists, "iam:PutRolePolicy", cloud.label(self.side), message));
        }
        self.put(cloud, job).await
    }
}

/// The policy's document, canonical; `None` where there is no such policy.
pub async fn document(cloud: &Cloud, side: Side, role: &str, name: &str) -> Result<Option<String>, Error> {
    Ok(get(cloud, side, role, name).await?.map(|found| policy::canonical_text(&plain(&found, &cloud.ownership))))
}

/// Deletes the policy, unless it belongs to another create or its role was taken over by one.
pub(in crate::pieces) async fn remove(cloud: &Cloud, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some((role, name)) = key.name.split_once('/') else { return Ok(()) };
    let (found, parent) = tokio::try_join!(get(cloud, key.side, role, name), role::owner(cloud, key.side, role))?;
    let (Some(found), Some(parent)) = (found, parent) else { return Ok(()) };
    let on_role = removal::is_ours_on(cloud, entry, &role::key(key.side, role), &parent);
    let ours = match owner_of(&found, &cloud.ownership) {
        owner @ Owner::Tagged { .. } if entry.origin != Origin::Found => {
            is_of_composite(&owner, cloud) && (removal::is_ours(entry, &owner) || removal::is_ours(entry, &parent) && on_role)
        }
        _ => on_role,
    };
    if !ours {
        return Ok(());
    }
    let iam = cloud.iam(key.side);
    let send = || iam.delete_role_policy().role_name(role).policy_name(name).send();
    cloud.ask("iam:DeleteRolePolicy", key.side, send).await.absent_is_none()?;
    cloud.deleted(key, entry);
    Ok(())
}

/// Whether readers are still shown the policy that was deleted.
pub(in crate::pieces) async fn is_shown(cloud: &Cloud, key: &Key) -> Result<bool, Error> {
    let Some((role, name)) = key.name.split_once('/') else { return Ok(false) };
    Ok(get(cloud, key.side, role, name).await?.is_some())
}

impl InlinePolicy {
    /// Whether what was found means what the piece says. Sids of a stamped policy say only whose it is.
    fn means(&self, found: &Value) -> bool {
        let Ok(wanted) = policy::parse(&self.document) else { return false };
        match self.stamped {
            true => policy::equivalent(&trust::without_sids(found), &trust::without_sids(&wanted)),
            false => policy::equivalent(found, &wanted),
        }
    }

    /// Whether the Sids name another create of this composite, and the role is ours all the same: the last call of a provider that was
    /// killed may land when a later run has taken the role over and is done. On somebody else's role nothing tells that from the newer
    /// half of a replacement, and the policy is not ours.
    async fn is_late(&self, cloud: &Cloud, job: &Job, owner: &Owner) -> Result<bool, Error> {
        let another = is_of_composite(owner, cloud) && job.entry.as_ref().is_some_and(|entry| !removal::is_ours(entry, owner));
        match job.needed.get(&role::key(self.side, &self.role)) {
            Some(entry) if another && entry.origin.is_own() => {
                Ok(role::owner(cloud, self.side, &self.role).await?.is_some_and(|owner| removal::is_ours(entry, &owner)))
            }
            _ => Ok(false),
        }
    }

    /// Makes or replaces the policy (IAM, PutRolePolicy).
    async fn put(&self, cloud: &Cloud, job: &Job) -> Result<Made, Error> {
        let text = match self.stamp(job) {
            Some(instance) => stamped(&self.document, &cloud.ownership, instance),
            None => self.document.clone(),
        };
        let iam = cloud.iam(self.side);
        let send = || iam.put_role_policy().role_name(&self.role).policy_name(&self.name).policy_document(&text).send();
        cloud.ask_until_seen("iam:PutRolePolicy", self.side, send).await?;
        Ok(Made { document: Some(self.document.clone()), ..Made::default() })
    }

    /// The instance to write into the Sids. What was imported keeps the one that it was found with, or none.
    fn stamp<'a>(&self, job: &'a Job) -> Option<&'a str> {
        match (self.stamped, job.origin, &job.entry) {
            (false, _, _) => None,
            (true, Origin::Imported, Some(entry)) => entry.instance.as_deref(),
            (true, _, _) => Some(&job.instance),
        }
    }
}

async fn get(cloud: &Cloud, side: Side, role: &str, name: &str) -> Result<Option<Value>, Error> {
    let iam = cloud.iam(side);
    let send = || iam.get_role_policy().role_name(role).policy_name(name).send();
    let answer = cloud.ask("iam:GetRolePolicy", side, send).await.absent_is_none()?;
    // A document that can't be read is like no other: it differs.
    Ok(answer.map(|a| policy::parse(a.policy_document()).unwrap_or_default()))
}

fn is_of_composite(owner: &Owner, cloud: &Cloud) -> bool {
    matches!(owner, Owner::Tagged { resource: Some(resource), .. } if *resource == cloud.ownership.resource)
}

/// Whose the statements are by their Sids. Without any of ours, the policy goes with its role.
fn owner_of(document: &Value, ownership: &Ownership) -> Owner {
    let sids = || policy::statements_of(document).into_iter().filter_map(policy::sid_of);
    if let Some(instance) = sids().find_map(|sid| ownership.sid_instance(sid)) {
        return Owner::Tagged { resource: Some(ownership.resource.clone()), instance: Some(instance.to_owned()) };
    }
    match sids().find(|sid| Ownership::is_sid_of_any(sid)) {
        Some(sid) => Owner::Tagged { resource: Some(format!("another (Sid {sid})")), instance: None },
        None => Owner::Parent,
    }
}

fn stamped(document: &str, ownership: &Ownership, instance: &str) -> String {
    let Ok(parsed) = policy::parse(document) else { return document.to_owned() };
    let statements = policy::statements_of(&parsed).into_iter().enumerate().map(|(i, s)| trust::with_sid(s, ownership.sid(instance, i)));
    policy::document(statements).to_string()
}

/// The document without the Sids that say whose it is.
fn plain(document: &Value, ownership: &Ownership) -> Value {
    if matches!(owner_of(document, ownership), Owner::Tagged { .. }) { trust::without_sids(document) } else { document.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn piece(stamped: bool) -> InlinePolicy {
        let document = policy::document([json!({"Sid": "Describe", "Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"})]);
        InlinePolicy {
            side: Side::Cluster,
            role: "access".into(),
            name: "xeks-eks-describe".into(),
            document: policy::canonical_text(&document),
            stamped,
            needs: vec![],
            welcome: Welcome::AsParent(role::key(Side::Cluster, "access")),
        }
    }

    #[test]
    fn a_stamped_policy_says_whose_it_is_and_means_the_same() {
        let (us, them) = (Ownership::new(&["us"]), Ownership::new(&["them"]));
        let piece = piece(true);
        let found = policy::parse(&stamped(&piece.document, &us, "i1")).unwrap();
        assert!(piece.means(&found));
        assert_eq!(owner_of(&found, &us), Owner::Tagged { resource: Some("us".into()), instance: Some("i1".into()) });
        assert!(matches!(owner_of(&found, &them), Owner::Tagged { resource: Some(r), instance: None } if r != "them"));
        assert_eq!(plain(&found, &us), trust::without_sids(&policy::parse(&piece.document).unwrap()));
    }

    #[test]
    fn a_plain_policy_goes_with_its_role_and_its_sids_count() {
        let us = Ownership::new(&["us"]);
        let piece = piece(false);
        let found = policy::parse(&piece.document).unwrap();
        assert!(piece.means(&found));
        assert!(!piece.means(&trust::without_sids(&found)));
        assert_eq!(owner_of(&found, &us), Owner::Parent);
        assert_eq!(piece.welcome(), Welcome::AsParent(role::key(Side::Cluster, "access")));
    }

    #[test]
    fn a_policy_whose_name_is_ours_is_ours_on_anybodys_role() {
        assert_eq!(piece(true).welcome(), Welcome::Overwrite);
    }

    #[test]
    fn an_imported_policy_keeps_the_instance_that_it_was_found_with() {
        let entry = crate::engine::found("1", None, Origin::Imported);
        let mut job =
            Job { entry: Some(entry), origin: Origin::Imported, instance: "i2".into(), renewed: false, needed: Default::default() };
        assert_eq!(piece(true).stamp(&job), None);
        job.entry.as_mut().unwrap().instance = Some("i1".into());
        assert_eq!(piece(true).stamp(&job), Some("i1"));
        job.origin = Origin::Created;
        assert_eq!(piece(true).stamp(&job), Some("i2"));
        assert_eq!(piece(false).stamp(&job), None);
    }
}
