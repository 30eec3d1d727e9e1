//! What `xeks_irsa_trust` needs on either side.

use serde_json::json;

use super::grants::{ALWAYS, Grants};
use super::place::{Place, flag, text};
use super::roles::{self, Use};
use super::{Side, Sides};
use crate::aws::arn;
use crate::schema::Value;

pub(super) fn grant(sides: &mut Sides, wanted: &Value) {
    let adopt = text(wanted, "adopt").as_deref() == Some("if_exists");
    let region = text(wanted, "cluster_region");
    let clusters: Vec<String> = text(wanted, "cluster_name").into_iter().chain(wanted.get("cluster_names").strings()).collect();
    let of_cluster = |name: &String| sides.cluster.place.regional("eks", region.as_deref(), &format!("cluster/{name}"));
    let cluster_arns: Vec<String> = clusters.iter().map(of_cluster).collect();
    sides.cluster.grants.allow("Clusters", &["eks:DescribeCluster"], &cluster_arns, ALWAYS);

    let role = wanted.get("role");
    let has_inline = role.get("inline_policies").is_given() || !flag(role, "existing", false);
    let target = Use { role, adopt, trusted: true, inline: has_inline };
    target.grant(&mut sides.workload.grants, &sides.workload.place);
    roles::trusted(sides, role);
    let chained = text(wanted, "mode").as_deref() == Some("chained");
    if chained {
        let pod_role = Use { role: wanted.get("pod_role"), adopt, trusted: true, inline: true };
        pod_role.grant(&mut sides.cluster.grants, &sides.cluster.place);
    }
    let issuers = issuers_of_eks(&sides.cluster.place, region.as_deref());
    let Side { place, grants } = if chained { &mut sides.cluster } else { &mut sides.workload };
    providers(grants, place, wanted, &issuers);
}

/// The OIDC providers of the issuers, which several trusts share.
fn providers(grants: &mut Grants, place: &Place, wanted: &Value, issuers: &str) {
    let urls = wanted.get("issuer_urls").strings();
    let providers: Vec<String> = match urls.as_slice() {
        [] => vec![place.iam("oidc-provider", "/", issuers)],
        urls => urls.iter().map(|url| arn::oidc_provider(&place.partition, &place.account_id, url)).collect(),
    };
    let manage = text(wanted, "oidc_provider.manage");
    let (is_existing, is_retained) = (manage.as_deref() == Some("existing"), manage.as_deref() == Some("retain"));
    let mut allow = |actions: &[&str]| grants.allow("Providers", actions, &providers, ALWAYS);
    // A tag marks each client ID that is added to a foreign provider, and each setting that is changed on one that xeks created.
    allow(&["iam:GetOpenIDConnectProvider", "iam:AddClientIDToOpenIDConnectProvider"]);
    allow(&["iam:TagOpenIDConnectProvider", "iam:UntagOpenIDConnectProvider"]);
    if !is_existing {
        allow(&["iam:CreateOpenIDConnectProvider"]);
    }
    if !is_existing && !is_retained {
        allow(&["iam:DeleteOpenIDConnectProvider"]);
    }
    if !is_retained {
        allow(&["iam:RemoveClientIDFromOpenIDConnectProvider"]);
    }
    if !is_existing {
        let created_by_xeks = json!({"StringEquals": {"aws:ResourceTag/xeks:managed": "shared"}});
        grants.allow("ProvidersCreatedByXeks", &["iam:UpdateOpenIDConnectProviderThumbprint"], &providers, created_by_xeks);
    }
    if is_retained {
        return;
    }
    // Whoever leaves looks whether a role still names the provider, or its audience. ListRoles knows no resource.
    grants.allow("RolesThatNameAProvider", &["iam:ListRoles"], &["*".to_owned()], ALWAYS);
}

/// Those of the cluster's account. EKS user guide, "Create an IAM OIDC provider for your cluster".
fn issuers_of_eks(place: &Place, region: Option<&str>) -> String {
    let suffix = if place.partition_of(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("oidc.eks.{}.{suffix}/id/*", region.unwrap_or(&place.region))
}
