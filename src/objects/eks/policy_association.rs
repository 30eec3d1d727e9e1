//! An access policy that is associated with an access entry: `CLUSTER/ROLE/POLICY_NAME`. It has no tags and belongs to the owner of its
//! entry.
//!
//! Ledger: nothing beyond its existence. Associating again changes the scope in place (EKS, AssociateAccessPolicy).

use async_trait::async_trait;

use super::entries::{self, Association, Reach};
use super::{access_entry, principal};
use crate::aws::{Answer, Error, Side, arn};
use crate::diagnostics::Path;
use crate::engine::{BadName, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Written, parts};
use crate::objects::{Context, Env};
use crate::schema::placeholder;

pub const KIND: &str = "eks_access_policy_association";

#[derive(Clone, Debug)]
pub struct PolicyAssociation {
    pub cluster: String,
    pub region: String,
    pub role: String,
    pub principal_arn: String,
    pub policy_arn: String,
    /// A namespace may end in `*`.
    pub reach: Reach,
    pub attribute: Path,
}

/// `policy` is the policy's name or ARN.
pub fn key(cluster: &str, role: &str, policy: &str) -> Key {
    let name = policy.rsplit('/').next().unwrap_or(policy);
    Key::new(Side::Cluster, KIND, format!("{cluster}/{role}/{name}"))
}

#[async_trait]
impl Object<Context> for PolicyAssociation {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &PolicyAssociationKind
    }

    fn key(&self) -> Key {
        key(&self.cluster, &self.role, &self.policy_arn)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn region(&self) -> Option<String> {
        Some(self.region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![access_entry::key(&self.cluster, &self.role)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(access_entry::key(&self.cluster, &self.role))
    }

    fn planned(&self, _: &Env) -> Planned {
        Planned { is_readable: !placeholder::is_in(&self.principal_arn), ..Planned::default() }
    }

    async fn read(&self, cx: &Context, _: &Reconcile) -> Result<Option<Observed>, Error> {
        let all = entries::policies(cx, Some(&self.region), &self.cluster, &self.principal_arn).await?;
        let Some(policy) = all.iter().find(|p| p.policy_arn() == Some(&self.policy_arn)) else { return Ok(None) };
        let found = Association::of(policy);
        let differs = found.as_ref() != Some(&self.wanted());
        Ok(Some(Observed { facts: found.map(Facts::new).unwrap_or_default(), ..Observed::attached(differs) }))
    }

    async fn create(&self, cx: &Context, _: &Reconcile, _: &str) -> Result<Written, Error> {
        self.associate(cx).await
    }

    async fn update(&self, cx: &Context, _: &Reconcile, _: &str, observed: &Observed) -> Result<Written, Error> {
        // The entry may have been created again with this association restored: nothing to do then.
        if observed.differs { self.associate(cx).await } else { Ok(Written::default()) }
    }
}

impl PolicyAssociation {
    fn wanted(&self) -> Association {
        Association { policy_arn: self.policy_arn.clone(), reach: self.reach.clone() }
    }

    async fn associate(&self, cx: &Context) -> Result<Written, Error> {
        entries::associate(cx, &self.region, &self.cluster, &self.principal_arn, &self.wanted()).await?;
        Ok(Written::default())
    }
}

pub struct PolicyAssociationKind;

#[async_trait]
impl Kind<Context> for PolicyAssociationKind {
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
        split(&key.name).map(|[cluster, role, _]| access_entry::key(cluster, role)).into_iter().collect()
    }

    /// Disassociates the policy, unless another create took the entry over.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [cluster, role, policy] = split(&key.name)?;
        let Some(principal) = principal::find(cx, cluster, role, entry).await? else { return Ok(Deleted::Now) };
        let Some(parent) = entries::owner(cx, cluster, &principal, entry).await? else { return Ok(Deleted::Now) };
        if !cx.ownership.may_detach(entry, cx.recorded.get(&access_entry::key(cluster, role)), &parent) {
            return Ok(Deleted::Now);
        }
        let arn = arn::access_policy(&cx.pair.identity(Side::Cluster).partition, policy);
        let eks = cx.eks(entry.region.as_deref());
        let send = || eks.disassociate_access_policy().cluster_name(cluster).principal_arn(&principal).policy_arn(&arn).send();
        cx.ask("eks:DisassociateAccessPolicy", Side::Cluster, send).await.absent_is_none()?;
        Ok(Deleted::Now)
    }

    /// Associating again is an upsert: nothing waits for a deletion to show.
    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Cluster, role and policy of a name.
fn split(name: &str) -> Result<[&str; 3], BadName> {
    parts(name, "CLUSTER/ROLE/POLICY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_one_key_by_name_and_by_arn() {
        let arn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
        assert_eq!(key("prod", "access", arn), key("prod", "access", "AmazonEKSViewPolicy"));
        assert_eq!(key("prod", "access", arn).to_string(), "cluster/eks_access_policy_association/prod/access/AmazonEKSViewPolicy");
    }
}
