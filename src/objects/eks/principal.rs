//! The principal of an access entry: a role, which the ledger names by its bare name.

use super::access_entry;
use crate::aws::{Answer, Arn, Error, Side};
use crate::engine::{Entry, Reconcile};
use crate::objects::context::Context;
use crate::objects::iam::role;

/// The ARN of the role of that name that this object needs, with the path that AWS told; else what the object says.
pub(super) fn arn<'a>(reconcile: &'a Reconcile, role: &str, said: &'a str) -> &'a str {
    let dependencies = reconcile.dependencies.iter().find(|(key, _)| key.kind == role::KIND && key.name == role);
    dependencies.and_then(|(_, entry)| entry.arn.as_deref()).unwrap_or(said)
}

/// The user name that an entry gets where none is asked for (EKS, CreateAccessEntry). The path of the role is not in it.
pub(super) fn default_username(principal: &str) -> Option<String> {
    let arn = Arn::parse(principal).ok()?;
    let (_, name) = arn.role()?;
    Some(format!("arn:{}:sts::{}:assumed-role/{name}/{{{{SessionName}}}}", arn.partition, arn.account))
}

/// The principal of the entry for the role of that name: as the composite's ledger names the role, else looked up by the cluster's
/// entries, since the entry's own key holds neither its account nor its path. `None` where there is none.
pub(super) async fn find(cx: &Context, cluster: &str, role: &str, entry: &Entry) -> Result<Option<String>, Error> {
    let listed = if !cx.role_arns.iter().any(|arn| is_role(arn, role)) { list(cx, cluster, entry).await? } else { cx.role_arns.clone() };
    let accounts = [Side::Cluster, Side::Workload].map(|side| cx.pair.identity(side).account_id.clone());
    let mut found = matching(&listed, role, &accounts, entry.arn.as_deref());
    if found.len() > 1 {
        // Roles of that name have entries from both accounts: the one that this composite made is meant.
        let mut ours = Vec::new();
        for principal in found {
            if access_entry::is_of_composite(cx, cluster, &principal, entry).await? {
                ours.push(principal);
            }
        }
        if ours.len() != 1 {
            cx.warn(format!(
                "The access entry of the role {role} on the cluster {cluster} was left as it is: roles of that name in both accounts have \
                 entries, and none carries this resource's tag alone. Take off by hand what is not wanted (aws eks list-access-entries)."
            ));
            return Ok(None);
        }
        found = ours;
    }
    Ok(found.pop())
}

fn is_role(principal: &str, name: &str) -> bool {
    Arn::parse(principal).ok().and_then(|arn| arn.role()).is_some_and(|(_, found)| found == name)
}

/// Principals of all entries of the cluster; none where there is no cluster.
async fn list(cx: &Context, cluster: &str, entry: &Entry) -> Result<Vec<String>, Error> {
    let eks = cx.eks(entry.region.as_deref());
    let pages = || eks.list_access_entries().cluster_name(cluster).into_paginator().items().send().try_collect();
    let listed = cx.ask("eks:ListAccessEntries", Side::Cluster, pages).await.absent_is_none();
    Ok(access_entry::without_entries_is_none(listed)?.unwrap_or_default())
}

/// Principals that are roles of that name in one of the accounts; in the entry's own where its ARN tells it
/// (`arn:P:eks:REGION:ACCOUNT:access-entry/CLUSTER/role/PRINCIPAL_ACCOUNT/NAME/ID`).
fn matching(principals: &[String], role: &str, accounts: &[String], entry_arn: Option<&str>) -> Vec<String> {
    let told = entry_arn.and_then(|arn| arn.split('/').nth(3)).filter(|account| crate::aws::arn::is_account_id(account));
    let matches = |arn: &Arn| {
        arn.role().is_some_and(|(_, name)| name == role)
            && told.map_or_else(|| accounts.contains(&arn.account), |account| account == arn.account)
    };
    principals.iter().filter(|p| Arn::parse(p).is_ok_and(|arn| matches(&arn))).cloned().collect()
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
    fn a_principal_is_found_by_role_name_and_account() {
        let arn = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
        let (a, b, c) = ("183295435445", "185863138492", "111111111111");
        let all = [arn(a, "access"), arn(b, "x/access"), arn(c, "access"), arn(a, "access2")];
        let accounts = [a.to_owned(), b.to_owned()];
        assert_eq!(matching(&all, "access", &accounts, None), [arn(a, "access"), arn(b, "x/access")]);
        let entry = format!("arn:aws:eks:ap-south-1:{a}:access-entry/prod/role/{b}/access/0123");
        assert_eq!(matching(&all, "access", &accounts, Some(&entry)), [arn(b, "x/access")]);
        assert!(matching(&all, "none", &accounts, None).is_empty());
    }
}
