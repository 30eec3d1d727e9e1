//! The calls of EKS on access entries.

use std::collections::BTreeSet;

use aws_sdk_eks::types;

use super::STANDARD;
use crate::aws::{Answer, Error, Side};
use crate::engine::Tags;
use crate::objects::context::Context;
use crate::objects::tags;

/// Makes the entry (EKS, CreateAccessEntry); returns its ARN.
pub(super) async fn create(
    cx: &Context,
    region: &str,
    cluster: &str,
    principal: &str,
    username: Option<String>,
    groups: &BTreeSet<String>,
    tags: Tags,
) -> Result<Option<String>, Error> {
    let groups: Vec<String> = groups.iter().cloned().collect();
    let eks = cx.eks(Some(region));
    let send = || {
        eks.create_access_entry()
            .cluster_name(cluster)
            .principal_arn(principal)
            .r#type(STANDARD)
            .set_username(username.clone())
            .set_kubernetes_groups((!groups.is_empty()).then(|| groups.clone()))
            .set_tags((!tags.is_empty()).then(|| tags.clone().into_iter().collect()))
            .send()
    };
    let answer = cx.ask_until_seen("eks:CreateAccessEntry", Side::Cluster, send).await?;
    Ok(answer.access_entry().and_then(|e| e.access_entry_arn()).map(str::to_owned))
}

pub(super) async fn describe(
    cx: &Context,
    region: Option<&str>,
    cluster: &str,
    principal: &str,
) -> Result<Option<types::AccessEntry>, Error> {
    let eks = cx.eks(region);
    let send = || eks.describe_access_entry().cluster_name(cluster).principal_arn(principal).send();
    let answer = cx.ask("eks:DescribeAccessEntry", Side::Cluster, send).await.absent_is_none();
    Ok(without_entries_is_none(answer)?.and_then(|a| a.access_entry))
}

pub(super) async fn delete(cx: &Context, region: Option<&str>, cluster: &str, principal: &str) -> Result<(), Error> {
    let eks = cx.eks(region);
    let send = || eks.delete_access_entry().cluster_name(cluster).principal_arn(principal).send();
    cx.ask("eks:DeleteAccessEntry", Side::Cluster, send).await.absent_is_none().map(drop)
}

pub(super) async fn retag(cx: &Context, region: Option<&str>, arn: Option<&str>, change: &tags::Change) -> Result<(), Error> {
    let (Some(arn), eks) = (arn, cx.eks(region)) else { return Ok(()) };
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

/// On a cluster whose authentication mode is CONFIG_MAP there are no entries, and EKS refuses every call on them.
pub(in crate::objects::eks) fn without_entries_is_none<T>(answer: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(error) if error.code.as_deref() == Some("InvalidRequestException") && error.message.contains("authentication mode") => Ok(None),
        answer => answer,
    }
}
