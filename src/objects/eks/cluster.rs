//! A cluster as EKS describes it. Not an object: xeks creates no cluster.

use std::future::Future;

use aws_sdk_eks::error::SdkError;
use aws_sdk_eks::operation::describe_cluster::{DescribeClusterError, DescribeClusterOutput};
use aws_sdk_eks::types;

use crate::aws::arn::is_account_id;
use crate::aws::{Account, Answer, Arn, Error, Kind, Named, Side, names};
use crate::engine::Tags;
use crate::objects::Context;

/// What DescribeCluster says, as far as connections need it. What of it ends in policies and files keeps the rules of what users write.
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
///
/// # Errors
/// Also where EKS says of the cluster what no policy and no file of a client may contain.
pub async fn describe(cx: &Context, region: &str, name: &str) -> Result<Option<ClusterDescription>, Error> {
    let answers = cx.account(Side::Cluster).answers();
    // One that is being made is another a moment later.
    // In a box: the compiler follows futures within futures only so far.
    let found = answers.once(&question(region, name), || Box::pin(describe_begun(cx, region, name))).await?;
    if found.as_ref().is_some_and(|cluster| cluster.status.as_deref() != Some("ACTIVE")) {
        answers.forget(&question(region, name));
    }
    Ok(found)
}

fn question(region: &str, name: &str) -> String {
    format!("cluster {region}/{name}")
}

/// For the next resource that asks: the cluster was changed.
pub fn forget(cx: &Context, region: &str, name: &str) {
    cx.account(Side::Cluster).answers().forget(&question(region, name));
}

/// The cluster as it is at this moment.
pub async fn describe_now(cx: &Context, region: &str, name: &str) -> Result<Option<ClusterDescription>, Error> {
    let eks = cx.eks(Some(region));
    answered(cx, name, || eks.describe_cluster().name(name).send()).await
}

/// The cluster as it was described when the account was opened, else as it is at this moment.
async fn describe_begun(cx: &Context, region: &str, name: &str) -> Result<Option<ClusterDescription>, Error> {
    let eks = cx.eks(Some(region));
    let send = || async {
        match cx.account(Side::Cluster).begun_description(region, name).await {
            Some(answer) => answer,
            None => eks.describe_cluster().name(name).send().await,
        }
    };
    answered(cx, name, send).await
}

async fn answered<F, Fut>(cx: &Context, name: &str, send: F) -> Result<Option<ClusterDescription>, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<DescribeClusterOutput, SdkError<DescribeClusterError>>>,
{
    let answer = cx.ask("eks:DescribeCluster", Side::Cluster, send).await.absent_is_none()?;
    answer.and_then(|a| a.cluster).map(|c| checked(cx.label(Side::Cluster), name, described(&c))).transpose()
}

/// The same for a caller that has an account but no connection.
pub async fn describe_in(account: &Account, region: &str, name: &str) -> Result<Option<ClusterDescription>, Error> {
    let answer = account.eks(Some(region)).describe_cluster().name(name).send().await;
    let answer = answer.named("eks:DescribeCluster", account.label()).absent_is_none()?;
    answer.and_then(|a| a.cluster).map(|c| checked(account.label(), name, described(&c))).transpose()
}

/// Whether that account has a cluster of that name in the region, as far as it may be asked.
pub async fn exists_in(account: &Account, region: &str, name: &str) -> bool {
    account.eks(Some(region)).describe_cluster().name(name).send().await.is_ok()
}

/// ARNs of the access policies that EKS knows in the region.
pub async fn access_policies(cx: &Context, region: &str) -> Result<Vec<String>, Error> {
    let ask = || async {
        let eks = cx.eks(Some(region));
        let pages = || eks.list_access_policies().into_paginator().items().send().try_collect();
        let policies = cx.ask("eks:ListAccessPolicies", Side::Cluster, pages).await?;
        Ok::<_, Error>(Some(policies.into_iter().filter_map(|p| p.arn).collect()))
    };
    let policies: Option<Vec<String>> = cx.account(Side::Cluster).answers().once(&format!("access policies {region}"), ask).await?;
    Ok(policies.unwrap_or_default())
}

/// The cluster as it is described, if nothing of it breaks a rule. `name` was asked for in that account.
fn checked(account: &str, name: &str, cluster: ClusterDescription) -> Result<ClusterDescription, Error> {
    match broken_rule(name, &cluster) {
        None => Ok(cluster),
        Some((field, why)) => {
            let message = format!(
                "the answer for cluster {name} can't be used: {field} {why} xeks writes no policy and no file with it. Check which endpoint \
                 and proxy answer for EKS in this account"
            );
            Err(Error::of_kind(Kind::Invalid, "eks:DescribeCluster", account, message))
        }
    }
}

/// The first field that ends in a policy or a file and breaks its rule, and why.
fn broken_rule(name: &str, cluster: &ClusterDescription) -> Option<(&'static str, String)> {
    let broken = |text: &Option<String>, rule: fn(&str) -> Result<(), String>| text.as_deref().and_then(|text| rule(text).err());
    let checks = [
        ("name", (cluster.name != name).then(|| format!("is {:?}, another cluster's.", cluster.name))),
        ("arn", is_arn_of(name, &cluster.arn).err()),
        ("identity.oidc.issuer", broken(&cluster.issuer, names::issuer_url)),
        ("endpoint", broken(&cluster.endpoint, names::endpoint_url)),
        ("certificateAuthority.data", broken(&cluster.certificate_authority, names::certificate_authority)),
    ];
    checks.into_iter().find_map(|(field, why)| Some((field, why?)))
}

fn is_arn_of(name: &str, text: &str) -> Result<(), String> {
    let arn = Arn::parse(text)?;
    if arn.cluster() == Some(name) && names::region(&arn.region).is_ok() && is_account_id(&arn.account) {
        return Ok(());
    }
    Err(format!("{text:?} is not the ARN of that cluster, such as arn:aws:eks:ap-south-1:183295435445:cluster/{name}."))
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
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_cluster_without_access_configuration_is_on_the_config_map() {
        let described = described(&types::Cluster::builder().name("old").build());
        assert_eq!((described.name.as_str(), described.authentication_mode.as_deref()), ("old", Some("CONFIG_MAP")));
        assert_eq!(described.endpoint, None);
    }

    /// The certificate of a cluster, in PEM and base64 as EKS has it.
    fn authority() -> String {
        let certificate = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap().cert;
        let der = STANDARD.encode(certificate.der());
        STANDARD.encode(format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"))
    }

    fn answer() -> ClusterDescription {
        ClusterDescription {
            arn: "arn:aws:eks:ap-south-1:183295435445:cluster/prod".into(),
            name: "prod".into(),
            endpoint: Some("https://EXAMPLE.gr7.ap-south-1.eks.amazonaws.com".into()),
            certificate_authority: Some(authority()),
            issuer: Some("https://oidc.eks.ap-south-1.amazonaws.com/id/ABC".into()),
            ..ClusterDescription::default()
        }
    }

    #[test]
    fn a_good_answer_and_that_of_a_cluster_in_creation_pass() {
        let checked = |cluster: ClusterDescription| checked("183295435445 (cluster)", "prod", cluster.clone()) == Ok(cluster);
        assert!(checked(answer()));
        assert!(checked(ClusterDescription { endpoint: None, certificate_authority: None, issuer: None, ..answer() }));
    }

    #[test]
    fn an_answer_that_would_leave_its_place_in_a_policy_or_a_file_is_an_error() {
        let text = |text: &str| Some(text.to_owned());
        let issuer = |url: &str| ("identity.oidc.issuer", ClusterDescription { issuer: text(url), ..answer() });
        let endpoint = |url: &str| ("endpoint", ClusterDescription { endpoint: text(url), ..answer() });
        let data = |data: &str| ("certificateAuthority.data", ClusterDescription { certificate_authority: text(data), ..answer() });
        let arn = |arn: &str| ("arn", ClusterDescription { arn: arn.to_owned(), ..answer() });
        let answers = [
            issuer("http://oidc.example.com"),
            issuer("https://*.example.com"),
            issuer("https://oidc.example.com/${aws:username}"),
            issuer("https://user@oidc.example.com"),
            issuer("https://oidc.example.com:8443"),
            issuer("https://oidc.example.com?a"),
            issuer("https://oidc.example.com/\u{1b}[2J"),
            endpoint("http://EXAMPLE.gr7.ap-south-1.eks.amazonaws.com"),
            endpoint("https://a.example.com/\nusers: []"),
            data("not base64"),
            data("bm8gY2VydGlmaWNhdGU="),
            data(&format!("{}\n", authority())),
            arn("arn:aws:eks:ap-south-1:183295435445:cluster/prod\nx"),
            arn("arn:aws:eks:ap-south-1:183295435445:cluster/other"),
            ("name", ClusterDescription { name: "other".into(), ..answer() }),
        ];
        for (field, answer) in answers {
            let error = checked("183295435445 (cluster)", "prod", answer).unwrap_err().to_string();
            assert!(
                error.starts_with("eks:DescribeCluster in 183295435445 (cluster): the answer for cluster prod can't be used: "),
                "{error}"
            );
            assert!(error.contains(&format!("used: {field} ")), "{error}");
        }
    }
}
