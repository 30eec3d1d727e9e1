//! The principal of an access entry: a role, which the ledger names by its bare name.

use std::borrow::Cow;

use super::entries;
use crate::aws::{Arn, Error, Side, arn};
use crate::engine::{Entry, Reconcile};
use crate::objects::Context;
use crate::objects::context::CLEANUP;
use crate::objects::iam::role;
use crate::schema::placeholder;

/// The principal of the entry for the role of that name: as the composite's ledger has the role, else looked up among the cluster's
/// entries, since the entry's own key has neither its account nor its path. `None` where there is none.
pub(super) async fn find(cx: &Context, cluster: &str, role: &str, entry: &Entry) -> Result<Option<String>, Error> {
    let roles = cx.recorded.0.iter().filter(|(key, _)| key.kind == role::KIND);
    let recorded: Vec<String> = roles.filter_map(|(_, entry)| entry.arn.clone()).collect();
    let listed = if recorded.iter().any(|arn| is_role(arn, role)) { recorded } else { entries::principals(cx, cluster, entry).await? };
    let accounts = Side::BOTH.map(|side| cx.pair.identity(side).account_id.clone());
    let mut found = matching(&listed, role, &accounts, entry.arn.as_deref());
    if found.len() > 1 {
        // Roles of that name have entries from both accounts: the one that this composite created is meant.
        let mut ours = Vec::new();
        for principal in found {
            let owner = entries::owner(cx, cluster, &principal, entry).await?;
            if owner.is_some_and(|owner| cx.ownership.is_of_composite(&owner)) {
                ours.push(principal);
            }
        }
        if ours.len() != 1 {
            cx.warn(CLEANUP, format!(
                "The access entry of the role {role} on the cluster {cluster} was kept: roles of that name in both accounts have entries, and \
                 not exactly one of them carries this resource's tag. Delete the entries that you do not want by hand (aws eks \
                 list-access-entries)."
            ));
            return Ok(None);
        }
        found = ours;
    }
    Ok(found.pop())
}

/// The ARN to read an entry of the ledger by. It is not known of a role that exists under some path, once the role is gone: then it is that of
/// the entry. `None` where there is no such entry.
pub(super) async fn known<'a>(
    cx: &Context,
    (cluster, role): (&str, &str),
    arn: &'a str,
    reconcile: &Reconcile,
) -> Result<Option<Cow<'a, str>>, Error> {
    match &reconcile.entry {
        _ if !placeholder::is_in(arn) => Ok(Some(Cow::Borrowed(arn))),
        Some(entry) => Ok(find(cx, cluster, role, entry).await?.map(Cow::Owned)),
        None => Ok(None),
    }
}

fn is_role(principal: &str, name: &str) -> bool {
    Arn::parse(principal).ok().and_then(|arn| arn.role()).is_some_and(|(_, found)| found == name)
}

/// Principals that are roles of that name in one of the accounts; in the entry's own where its ARN tells it
/// (`arn:P:eks:REGION:ACCOUNT:access-entry/CLUSTER/role/PRINCIPAL_ACCOUNT/NAME/ID`).
fn matching(principals: &[String], role: &str, accounts: &[String], entry_arn: Option<&str>) -> Vec<String> {
    let account = entry_arn.and_then(|arn| arn.split('/').nth(3)).filter(|account| arn::is_account_id(account));
    let matches = |arn: &Arn| {
        arn.role().is_some_and(|(_, name)| name == role)
            && account.map_or_else(|| accounts.contains(&arn.account), |account| account == arn.account)
    };
    principals.iter().filter(|p| Arn::parse(p).is_ok_and(|arn| matches(&arn))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
