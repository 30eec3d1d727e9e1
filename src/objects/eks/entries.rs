//! Access entries and their policies as EKS describes them, and the calls on them.
//!
//! Knows no object: whether an entry is as it should be is `access_entry`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use aws_sdk_eks::types::{self, AccessScope, AccessScopeType, AssociatedAccessPolicy};
use serde::{Deserialize, Serialize};

use super::uses::Uses;
use crate::aws::{Answer, Arn, Error, Kind as ErrorKind, Side};
use crate::engine::{Added, Entry, Owner, Tags};
use crate::objects::tags::{Additions, Keys, Mark};
use crate::objects::{Context, tags};
use crate::terminal::visible_line;

/// The type of an entry for people and programs; the others are for nodes.
pub const STANDARD: &str = "STANDARD";

/// Where an access policy applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Cluster,
    Namespace,
}

impl Scope {
    /// As the configuration and the state have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Cluster => "cluster",
            Scope::Namespace => "namespace",
        }
    }
}

/// Where an associated policy applies, with the namespaces of scope `Namespace`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    pub scope: Scope,
    pub namespaces: BTreeSet<String>,
}

impl Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Cluster => f.write_str("scope cluster"),
            Scope::Namespace => write!(f, "scope namespace [{}]", self.namespaces.iter().cloned().collect::<Vec<_>>().join(", ")),
        }
    }
}

/// An access policy that is associated with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    pub policy_arn: String,
    pub reach: Reach,
}

impl Association {
    /// `None` for a scope that this version does not know.
    pub fn of(policy: &AssociatedAccessPolicy) -> Option<Self> {
        let scope = policy.access_scope()?;
        let reach = Reach {
            scope: match scope.r#type()? {
                AccessScopeType::Cluster => Scope::Cluster,
                AccessScopeType::Namespace => Scope::Namespace,
                _ => return None,
            },
            namespaces: scope.namespaces().iter().cloned().collect(),
        };
        Some(Association { policy_arn: policy.policy_arn()?.to_owned(), reach })
    }
}

/// What an entry is, beyond what the ledger has.
#[derive(Clone, Debug, Default)]
pub struct EntryFacts {
    /// ARN of the role that the entry is for.
    pub principal_arn: String,
    pub username: String,
    /// Whether the user name is the one that EKS gives where none is asked for.
    pub default_username: bool,
    pub groups: BTreeSet<String>,
    /// Such as `STANDARD`.
    pub entry_type: String,
    /// Seconds since 1970.
    pub created_at: i64,
    /// The entry was created for an earlier role of that ARN, and admits no session.
    pub stale: bool,
    /// All tags but the ownership tags and those that the provider ignores.
    pub tags: Tags,
    /// By ARN.
    pub policies: BTreeMap<String, Reach>,
    /// ARNs of associated policies with a scope that this version does not know.
    pub unknown_scopes: BTreeSet<String>,
    /// Which connections noted which policies.
    pub uses: Uses,
    /// Which of the tags this resource added to a foreign entry.
    pub mark: Mark,
}

impl EntryFacts {
    pub fn new(entry: &types::AccessEntry, (tags, mark): (Tags, Mark), policies: &[AssociatedAccessPolicy], principal: &str) -> Self {
        let username = entry.username().unwrap_or_default().to_owned();
        EntryFacts {
            principal_arn: principal.to_owned(),
            default_username: default_username(principal).as_deref() == Some(&username),
            username,
            groups: entry.kubernetes_groups().iter().cloned().collect(),
            entry_type: entry.r#type().unwrap_or(STANDARD).to_owned(),
            created_at: entry.created_at().map_or(0, |t| t.secs()),
            stale: false,
            tags,
            policies: reaches(policies),
            unknown_scopes: policies
                .iter()
                .filter(|p| Association::of(p).is_none())
                .filter_map(|p| p.policy_arn().map(str::to_owned))
                .collect(),
            uses: Uses::of(entry.tags().into_iter().flatten()),
            mark,
        }
    }
}

impl EntryFacts {
    /// Where each policy applies that no other resource of this provider uses on the entry, by ARN. An entry's own resource notes nothing.
    pub fn unshared_policies(&self) -> BTreeMap<String, Reach> {
        let is_unshared = |arn: &String| !self.uses.others_use("", arn.rsplit('/').next().unwrap_or(arn));
        self.policies.iter().filter(|(arn, _)| is_unshared(arn)).map(|(arn, reach)| (arn.clone(), reach.clone())).collect()
    }

    /// The tags that a resource which wants these adds to a foreign entry.
    pub(super) fn additions<'a>(&'a self, wanted: &'a Tags, recorded: &'a BTreeSet<Added>) -> Additions<'a> {
        Additions { keys: Keys::Exact, wanted, seen: &self.tags, mark: &self.mark, recorded }
    }

    /// The user name as an attribute has it. EKS sets no limit to its characters, and Terraform prints texts of several lines as they are.
    pub fn shown_username(&self) -> String {
        visible_line(&self.username).into_owned()
    }

    /// The groups as an attribute has them.
    pub fn shown_groups(&self) -> Vec<String> {
        self.groups.iter().map(|group| visible_line(group).into_owned()).collect()
    }

    /// Whether the policy is associated with the entry, whatever its scope.
    pub fn has_policy(&self, arn: &str) -> bool {
        self.policies.contains_key(arn) || self.unknown_scopes.contains(arn)
    }
}

/// Where each of the policies applies, by ARN.
pub fn reaches(policies: &[AssociatedAccessPolicy]) -> BTreeMap<String, Reach> {
    policies.iter().filter_map(Association::of).map(|association| (association.policy_arn, association.reach)).collect()
}

/// The user name that an entry gets where none is asked for (EKS, CreateAccessEntry). The path of the role is not in it.
pub(super) fn default_username(principal: &str) -> Option<String> {
    let arn = Arn::parse(principal).ok()?;
    let (_, name) = arn.role()?;
    Some(format!("arn:{}:sts::{}:assumed-role/{name}/{{{{SessionName}}}}", arn.partition, arn.account))
}

/// An entry to create.
pub(super) struct NewEntry<'a> {
    pub cluster: &'a str,
    pub region: &'a str,
    pub principal: &'a str,
    /// None: the name that EKS gives.
    pub username: Option<String>,
    pub groups: &'a BTreeSet<String>,
    pub tags: Tags,
}

impl NewEntry<'_> {
    /// Creates the entry (EKS, CreateAccessEntry); returns its ARN. EKS may count an entry that was deleted a moment ago as existing, and
    /// still show it: `deleted` is the ARN of the one that this run deleted.
    pub async fn create(&self, cx: &Context, deleted: Option<&str>) -> Result<Option<String>, Error> {
        let groups: Vec<String> = self.groups.iter().cloned().collect();
        let eks = cx.eks(Some(self.region));
        cx.look.end();
        let send = || {
            eks.create_access_entry()
                .cluster_name(self.cluster)
                .principal_arn(self.principal)
                .r#type(STANDARD)
                .set_username(self.username.clone())
                .set_kubernetes_groups((!groups.is_empty()).then(|| groups.clone()))
                .set_tags((!self.tags.is_empty()).then(|| self.tags.clone().into_iter().collect()))
                .send()
        };
        // The inner result is final; the outer error may pass.
        let attempt = || async {
            match cx.ask_until_visible("eks:CreateAccessEntry", Side::Cluster, send).await {
                Err(error) if error.is(ErrorKind::Exists) => {
                    let shown = describe(cx, Some(self.region), self.cluster, self.principal).await?;
                    let is_gone = shown.is_none_or(|entry| deleted.is_some() && entry.access_entry_arn() == deleted);
                    if is_gone { Err(error) } else { Ok(Err(error)) }
                }
                answer => Ok(answer),
            }
        };
        let what = "EKS to forget the deleted access entry";
        // In a box: the compiler follows futures within futures only so far.
        let answer = Box::pin(cx.until_visible(what, |e| e.is(ErrorKind::Exists), attempt)).await??;
        Ok(answer.access_entry().and_then(|e| e.access_entry_arn()).map(str::to_owned))
    }
}

/// The entry; `None` where there is none, or where the cluster takes none.
pub(super) async fn describe(
    cx: &Context,
    region: Option<&str>,
    cluster: &str,
    principal: &str,
) -> Result<Option<types::AccessEntry>, Error> {
    let eks = cx.eks(region);
    let send = || eks.describe_access_entry().cluster_name(cluster).principal_arn(principal).send();
    let ask = || async { without_entries_is_none(cx.ask("eks:DescribeAccessEntry", Side::Cluster, send).await.absent_is_none()) };
    let answer = cx.look.once(format!("access entry {region:?} {cluster} {principal}"), ask).await?;
    Ok(answer.and_then(|a| a.access_entry))
}

pub(super) async fn delete(cx: &Context, region: Option<&str>, cluster: &str, principal: &str) -> Result<(), Error> {
    let eks = cx.eks(region);
    let send = || eks.delete_access_entry().cluster_name(cluster).principal_arn(principal).send();
    cx.ask("eks:DeleteAccessEntry", Side::Cluster, send).await.absent_is_none().map(drop)
}

pub(super) async fn retag(cx: &Context, region: Option<&str>, arn: Option<&str>, change: &tags::Change) -> Result<(), Error> {
    let (Some(arn), eks) = (arn, cx.eks(region)) else { return Ok(()) };
    cx.look.end();
    if !change.set.is_empty() {
        let send = || eks.tag_resource().resource_arn(arn).set_tags(Some(change.set.clone().into_iter().collect())).send();
        cx.ask("eks:TagResource", Side::Cluster, send).await?;
    }
    if !change.unset.is_empty() {
        let send = || eks.untag_resource().resource_arn(arn).set_tag_keys(Some(change.unset.clone())).send();
        cx.ask("eks:UntagResource", Side::Cluster, send).await?;
    }
    Ok(())
}

/// Whose the entry is; `None` where there is none. `entry` has the region.
pub(super) async fn owner(cx: &Context, cluster: &str, principal: &str, entry: &Entry) -> Result<Option<Owner>, Error> {
    let found = describe(cx, entry.region.as_deref(), cluster, principal).await?;
    Ok(found.map(|f| cx.ownership.split(f.tags().cloned().unwrap_or_default()).0))
}

/// What the connections noted on the entry; nothing where there is none.
pub(super) async fn uses(cx: &Context, region: Option<&str>, cluster: &str, principal: &str) -> Result<Uses, Error> {
    let found = describe(cx, region, cluster, principal).await?;
    Ok(found.as_ref().and_then(types::AccessEntry::tags).map(Uses::of).unwrap_or_default())
}

/// Principals of all entries of the cluster; none where there is no cluster. `entry` has the region.
pub(super) async fn principals(cx: &Context, cluster: &str, entry: &Entry) -> Result<Vec<String>, Error> {
    let eks = cx.eks(entry.region.as_deref());
    let pages = || eks.list_access_entries().cluster_name(cluster).into_paginator().items().send().try_collect();
    let listed = cx.ask("eks:ListAccessEntries", Side::Cluster, pages).await.absent_is_none();
    Ok(without_entries_is_none(listed)?.unwrap_or_default())
}

/// The policies of an entry; none where there is no entry.
pub(super) async fn policies(
    cx: &Context,
    region: Option<&str>,
    cluster: &str,
    principal: &str,
) -> Result<Vec<AssociatedAccessPolicy>, Error> {
    let eks = cx.eks(region);
    let pages = || {
        eks.list_associated_access_policies().cluster_name(cluster).principal_arn(principal).into_paginator().items().send().try_collect()
    };
    let list =
        || async { without_entries_is_none(cx.ask("eks:ListAssociatedAccessPolicies", Side::Cluster, pages).await.absent_is_none()) };
    Ok(cx.look.once(format!("access policies {region:?} {cluster} {principal}"), list).await?.unwrap_or_default())
}

/// Associates the policy with the entry, or changes its scope.
pub(super) async fn associate(cx: &Context, region: &str, cluster: &str, principal: &str, wanted: &Association) -> Result<(), Error> {
    let scope_type = match wanted.reach.scope {
        Scope::Cluster => AccessScopeType::Cluster,
        Scope::Namespace => AccessScopeType::Namespace,
    };
    let namespaces = &wanted.reach.namespaces;
    let namespaces = (!namespaces.is_empty()).then(|| namespaces.iter().cloned().collect());
    let scope = AccessScope::builder().r#type(scope_type).set_namespaces(namespaces).build();
    let eks = cx.eks(Some(region));
    cx.look.end();
    let send = || {
        eks.associate_access_policy()
            .cluster_name(cluster)
            .principal_arn(principal)
            .policy_arn(&wanted.policy_arn)
            .access_scope(scope.clone())
            .send()
    };
    cx.ask_until_visible("eks:AssociateAccessPolicy", Side::Cluster, send).await.map(drop)
}

/// Takes the policy off the entry; nothing to do where it is not on it.
pub(super) async fn disassociate(cx: &Context, region: &str, cluster: &str, principal: &str, policy_arn: &str) -> Result<(), Error> {
    let eks = cx.eks(Some(region));
    cx.look.end();
    let send = || eks.disassociate_access_policy().cluster_name(cluster).principal_arn(principal).policy_arn(policy_arn).send();
    cx.ask("eks:DisassociateAccessPolicy", Side::Cluster, send).await.absent_is_none().map(drop)
}

/// A cluster whose authentication mode is CONFIG_MAP has no entries, and EKS refuses every call on them.
pub(super) fn without_entries_is_none<T>(answer: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(error) if error.code.as_deref() == Some("InvalidRequestException") && error.message.contains("authentication mode") => Ok(None),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_user_name_leaves_the_path_out() {
        let username = default_username("arn:aws-cn:iam::183295435445:role/teams/access").unwrap();
        assert_eq!(username, "arn:aws-cn:sts::183295435445:assumed-role/access/{{SessionName}}");
        assert_eq!(default_username("arn:aws:iam::183295435445:user/ops"), None);
    }

    #[test]
    fn namespaces_are_compared_as_a_set() {
        let of = |names: &[&str]| {
            let names = names.iter().map(|n| (*n).to_owned()).collect();
            let scope = AccessScope::builder().r#type(AccessScopeType::Namespace).set_namespaces(Some(names)).build();
            Association::of(&AssociatedAccessPolicy::builder().policy_arn("p").access_scope(scope).build())
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a"]), of(&["b"]));
    }

    #[test]
    fn what_an_entry_is_shows_as_one_line_that_no_terminal_obeys() {
        let groups = BTreeSet::from(["devs\u{9b}31m".to_owned()]);
        let facts = EntryFacts { username: "ops\n\u{1b}[2J".into(), groups, ..EntryFacts::default() };
        assert_eq!(facts.shown_username(), r"ops\u000a\u001b[2J");
        assert_eq!(facts.shown_groups(), [r"devs\u009b31m"]);
    }
}
