//! An access policy that is associated with an access entry: `CLUSTER/ROLE/POLICY_NAME`. It has no tags and belongs to the owner of its
//! entry. On a foreign entry, several connections may use one association, as they note on the entry (`uses`): it is as the first of them
//! made it, and the last one to leave removes it.
//!
//! Ledger: nothing beyond its existence. Associating again changes the scope in place (EKS, AssociateAccessPolicy).

use async_trait::async_trait;

use super::entries::{self, Association, Reach};
use super::uses::{Use, Uses};
use super::{access_entry, principal};
use crate::aws::{Error, Kind as ErrorKind, Side, arn};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Written, parts,
};
use crate::objects::{Context, Env, locks};
use crate::schema::placeholder;

pub const KIND: &str = access_entry::POLICY_ASSOCIATION;

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
    Key::new(Side::Cluster, KIND, format!("{cluster}/{role}/{}", access_entry::policy_name(policy)))
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

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let known = principal::known(cx, (&self.cluster, &self.role), &self.principal_arn, reconcile).await?;
        let Some(principal) = known.as_deref() else { return Ok(None) };
        let all = entries::policies(cx, Some(&self.region), &self.cluster, principal).await?;
        let Some(policy) = all.iter().find(|p| p.policy_arn() == Some(&self.policy_arn)) else { return Ok(None) };
        let found = Association::of(policy);
        let differs = found.as_ref() != Some(&self.wanted());
        let owner = self.owner(cx, reconcile, differs).await?;
        Ok(Some(Observed { owner, facts: found.map(Facts::new).unwrap_or_default(), ..Observed::attached(differs) }))
    }

    async fn create(&self, cx: &Context, _: &Reconcile, _: &str) -> Result<Written, Error> {
        self.associate(cx).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, _: &str, observed: &Observed) -> Result<Written, Error> {
        // The entry may have been created again with this association restored: nothing to do then.
        if !observed.differs {
            return Ok(Written::default());
        }
        if self.is_on_foreign(reconcile) && self.uses(cx).await?.others_use(cx.ownership.connection(), self.policy_name()) {
            let message = format!(
                "{} is associated with the access entry of {} in another scope than configured, and another xeks resource uses it, which may be \
                 changed by this apply. An access entry has each access policy once. Configure the same scope in all resources that share the \
                 entry, or use another role for this one",
                self.policy_name(),
                self.principal_arn
            );
            return Err(Error::of_kind(ErrorKind::Exists, "eks:AssociateAccessPolicy", cx.label(Side::Cluster), message));
        }
        self.associate(cx).await
    }
}

impl PolicyAssociation {
    fn policy_name(&self) -> &str {
        access_entry::policy_name(&self.policy_arn)
    }

    fn is_on_foreign(&self, reconcile: &Reconcile) -> bool {
        let entry = reconcile.dependencies.get(&access_entry::key(&self.cluster, &self.role));
        entry.is_some_and(|entry| !entry.origin.is_own())
    }

    async fn uses(&self, cx: &Context) -> Result<Uses, Error> {
        entries::uses(cx, Some(&self.region), &self.cluster, &self.principal_arn).await
    }

    /// This resource, where an apply finds an association that is in no ledger and that this resource noted on a foreign entry: it made
    /// it in a run that was killed, or shares it with another resource.
    async fn owner(&self, cx: &Context, reconcile: &Reconcile, differs: bool) -> Result<Owner, Error> {
        let (Some(instance), None) = (&reconcile.instance, &reconcile.entry) else { return Ok(Owner::Parent) };
        if !self.is_on_foreign(reconcile) {
            return Ok(Owner::Parent);
        }
        let (uses, connection) = (self.uses(cx).await?, cx.ownership.connection());
        let is_noted = uses.by(connection).is_some_and(|noted| noted.policies.contains(self.policy_name()));
        let is_shared = uses.others_use(connection, self.policy_name());
        Ok(if is_noted && !(differs && is_shared) { cx.ownership.owner(instance) } else { Owner::Parent })
    }

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

    fn goes_with_parent(&self) -> bool {
        true
    }

    /// Disassociates the policy, unless another create took the entry over, or another connection uses the policy.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [cluster, role, policy] = split(&key.name)?;
        let Some(principal) = principal::find(cx, cluster, role, entry).await? else { return Ok(Deleted::Now) };
        let Some(parent) = entries::owner(cx, cluster, &principal, entry).await? else { return Ok(Deleted::Now) };
        if !cx.ownership.may_detach(entry, cx.recorded.get(&access_entry::key(cluster, role)), &parent) {
            return Ok(Deleted::Now);
        }
        let removal = Removal { cx, cluster, principal: &principal, policy, entry };
        if cx.ownership.is_of_composite(&parent) {
            removal.disassociate().await?
        } else {
            removal.leave().await?
        }
        Ok(Deleted::Now)
    }

    /// Associating again is an upsert: nothing waits for a deletion to show.
    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        Ok(false)
    }
}

/// The removal of an association by its ledger entry.
struct Removal<'a> {
    cx: &'a Context,
    cluster: &'a str,
    principal: &'a str,
    /// Its name.
    policy: &'a str,
    entry: &'a Entry,
}

impl Removal<'_> {
    fn region(&self) -> &str {
        self.entry.region.as_deref().unwrap_or(&self.cx.region)
    }

    async fn disassociate(&self) -> Result<(), Error> {
        entries::disassociate(self.cx, self.region(), self.cluster, self.principal, &self.policy_arn()).await
    }

    /// Removes the association from a foreign entry with the last connection that uses it. Of connections that leave at the same time each
    /// removes its note before it looks for those of others, and one that came while the association was removed gets it back.
    async fn leave(&self) -> Result<(), Error> {
        let (cx, connection) = (self.cx, self.cx.ownership.connection());
        // What others note counts at each step.
        cx.look.end();
        let _exclusive = locks::exclusive(&locks::access_entry(self.cluster, self.principal)).await;
        let uses = self.uses().await?;
        let noted = uses.by(connection).filter(|noted| noted.policies.contains(self.policy));
        if noted.is_some_and(|noted| !noted.is_of(self.entry)) {
            // Another create of this connection has taken it over.
            return Ok(());
        }
        if uses.others_use(connection, self.policy) {
            if let Some(noted) = noted {
                let mut left = noted.clone();
                left.policies.remove(self.policy);
                self.note(&uses, &left).await?;
            }
            if self.uses().await?.others_use(connection, self.policy) {
                return Ok(());
            }
        }
        let policies = entries::policies(cx, Some(self.region()), self.cluster, self.principal).await?;
        let before = policies.iter().filter_map(Association::of).find(|association| association.policy_arn == self.policy_arn());
        self.disassociate().await?;
        if let Some(before) = before
            && self.uses().await?.others_use(connection, self.policy)
        {
            entries::associate(cx, self.region(), self.cluster, self.principal, &before).await?;
        }
        Ok(())
    }

    async fn uses(&self) -> Result<Uses, Error> {
        entries::uses(self.cx, Some(self.region()), self.cluster, self.principal).await
    }

    async fn note(&self, uses: &Uses, left: &Use) -> Result<(), Error> {
        let found = entries::describe(self.cx, Some(self.region()), self.cluster, self.principal).await?;
        let arn = found.as_ref().and_then(|found| found.access_entry_arn());
        entries::retag(self.cx, Some(self.region()), arn, &uses.change(self.cx.ownership.connection(), left)).await
    }

    fn policy_arn(&self) -> String {
        arn::access_policy(&self.cx.pair.identity(Side::Cluster).partition, self.policy)
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
