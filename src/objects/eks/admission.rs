//! Which principals a cluster admits, for a caller that has its account but no connection: its access entries and what each may do.
//!
//! Not an object: it reads what exists, regardless of who created it.

use std::collections::BTreeMap;

use super::entries::{EntryFacts, Reach, reaches, without_entries_is_none};
use crate::aws::{Account, Answer, Error, Named};

/// The access entry of a principal, without its policies; `None` where there is none, or where the cluster takes none.
pub async fn entry(account: &Account, region: &str, cluster: &str, principal: &str) -> Result<Option<EntryFacts>, Error> {
    let answer = account.eks(Some(region)).describe_access_entry().cluster_name(cluster).principal_arn(principal).send().await;
    let answer = without_entries_is_none(answer.named("eks:DescribeAccessEntry", account).absent_is_none())?;
    Ok(answer.and_then(|a| a.access_entry).map(|entry| EntryFacts::new(&entry, Default::default(), &[], principal)))
}

/// The policies of an entry and where each holds, by ARN; none where there is no entry.
pub async fn policies(account: &Account, region: &str, cluster: &str, principal: &str) -> Result<BTreeMap<String, Reach>, Error> {
    let pages = account.eks(Some(region)).list_associated_access_policies().cluster_name(cluster).principal_arn(principal);
    let listed = pages.into_paginator().items().send().try_collect().await;
    let listed = without_entries_is_none(listed.named("eks:ListAssociatedAccessPolicies", account).absent_is_none())?;
    Ok(reaches(&listed.unwrap_or_default()))
}

/// Principals of all access entries of the cluster; none where it takes none.
pub async fn principals(account: &Account, region: &str, cluster: &str) -> Result<Vec<String>, Error> {
    let pages = account.eks(Some(region)).list_access_entries().cluster_name(cluster).into_paginator().items().send().try_collect();
    let listed = without_entries_is_none(pages.await.named("eks:ListAccessEntries", account).absent_is_none())?;
    Ok(listed.unwrap_or_default())
}
