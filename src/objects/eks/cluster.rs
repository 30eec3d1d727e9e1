//! A cluster as EKS describes it. Not an object: xeks creates no cluster.

use aws_sdk_eks::types;

use crate::aws::{Account, Answer, Error, Named, Side};
use crate::engine::Tags;
use crate::objects::Context;

/// What DescribeCluster says, as far as connections need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterDescription {
    pub arn: String,
    pub name: String,
    /// Such as `ACTIVE`.
    pub status: Option<String>,
    pub version: Option<String>,
    pub platform_version: Option<String>,
    /// URL of the API server; none while the cluster is being made.
    pub endpoint: Option<String>,
    /// The certificate authority, in base64.
    pub certificate_authority: Option<String>,
    /// URL of the OIDC issuer, with `https://`.
    pub issuer: Option<String>,
    /// `CONFIG_MAP`, `API_AND_CONFIG_MAP` or `API`.
    pub authentication_mode: Option<String>,
    pub vpc_id: Option<String>,
    /// The cluster security group, which EKS made.
    pub security_group_id: Option<String>,
    pub subnet_ids: Vec<String>,
    /// Further security groups of the control plane.
    pub security_group_ids: Vec<String>,
    pub endpoint_public_access: bool,
    pub endpoint_private_access: bool,
    pub public_access_cidrs: Vec<String>,
    /// `ipv4` or `ipv6`: of pods and services, and of what the API server answers on besides IPv4.
    pub ip_family: Option<String>,
    pub tags: Tags,
}

/// The cluster; `None` where there is none of that name in the region.
pub async fn describe(cx: &Context, region: &str, name: &str) -> Result<Option<ClusterDescription>, Error> {
    let eks = cx.eks(Some(region));
    let answer = cx.ask("eks:DescribeCluster", Side::Cluster, || eks.describe_cluster().name(name).send()).await.absent_is_none()?;
    Ok(answer.and_then(|a| a.cluster).map(|c| described(&c)))
}

/// The same for a caller that has an account but no connection.
pub async fn describe_in(account: &Account, region: &str, name: &str) -> Result<Option<ClusterDescription>, Error> {
    let answer = account.eks(Some(region)).describe_cluster().name(name).send().await;
    let answer = answer.named("eks:DescribeCluster", account.label()).absent_is_none()?;
    Ok(answer.and_then(|a| a.cluster).map(|c| described(&c)))
}

/// ARNs of the access policies that EKS knows in the region.
pub async fn access_policies(cx: &Context, region: &str) -> Result<Vec<String>, Error> {
    let eks = cx.eks(Some(region));
    let pages = || eks.list_access_policies().into_paginator().items().send().try_collect();
    let policies = cx.ask("eks:ListAccessPolicies", Side::Cluster, pages).await?;
    Ok(policies.into_iter().filter_map(|p| p.arn).collect())
}

fn described(cluster: &types::Cluster) -> ClusterDescription {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let some = |value: Option<&str>| value.filter(|v| !v.is_empty()).map(str::to_owned);
    let vpc = cluster.resources_vpc_config();
    let mode = cluster.access_config().and_then(|a| a.authentication_mode());
    ClusterDescription {
        arn: text(cluster.arn()),
        name: text(cluster.name()),
        status: some(cluster.status().map(types::ClusterStatus::as_str)),
        version: some(cluster.version()),
        platform_version: some(cluster.platform_version()),
        endpoint: some(cluster.endpoint()),
        certificate_authority: some(cluster.certificate_authority().and_then(|c| c.data())),
        issuer: some(cluster.identity().and_then(|i| i.oidc()).and_then(|o| o.issuer())),
        // Clusters from before access entries have no access configuration: theirs is the config map.
        authentication_mode: Some(mode.unwrap_or(&types::AuthenticationMode::ConfigMap).as_str().to_owned()),
        vpc_id: some(vpc.and_then(|v| v.vpc_id())),
        security_group_id: some(vpc.and_then(|v| v.cluster_security_group_id())),
        subnet_ids: vpc.map(|v| v.subnet_ids().to_vec()).unwrap_or_default(),
        security_group_ids: vpc.map(|v| v.security_group_ids().to_vec()).unwrap_or_default(),
        endpoint_public_access: vpc.is_some_and(|v| v.endpoint_public_access()),
        endpoint_private_access: vpc.is_some_and(|v| v.endpoint_private_access()),
        public_access_cidrs: vpc.map(|v| v.public_access_cidrs().to_vec()).unwrap_or_default(),
        ip_family: some(cluster.kubernetes_network_config().and_then(|n| n.ip_family()).map(types::IpFamily::as_str)),
        tags: cluster.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_access_configuration_is_on_the_config_map() {
        let described = described(&types::Cluster::builder().name("old").build());
        assert_eq!((described.name.as_str(), described.authentication_mode.as_deref()), ("old", Some("CONFIG_MAP")));
        assert_eq!(described.endpoint, None);
    }
}
