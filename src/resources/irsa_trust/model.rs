//! The configuration of `xeks_irsa_trust` as the rest of the resource reads it. Texts may have holes.

use std::collections::BTreeSet;

use crate::aws::policy::statements::ServiceAccount;
use crate::aws::{Side, arn};
use crate::engine::{Key, Tags};
use crate::objects::iam;
use crate::objects::iam::oidc_provider::Manage;
use crate::resources::env::Env;
use crate::resources::roles::RoleModel;
use crate::schema::{Value, placeholder};

/// The audience of tokens that STS takes, unless another is asked for.
pub const STS_AUDIENCE: &str = "sts.amazonaws.com";

#[derive(Clone, Debug)]
pub struct Model {
    /// Clusters to ask for their issuers; none where the issuers are given.
    pub clusters: Vec<String>,
    /// Issuers without `https://`, sorted; one hole where they are not known yet.
    pub issuers: Vec<String>,
    pub service_accounts: Vec<ServiceAccount>,
    /// The role in the cluster account; `None` in mode `federated`.
    pub pod_role: Option<RoleModel>,
    pub role: RoleModel,
    /// Name and JSON, as the user wrote it.
    pub inline_policies: Vec<(String, String)>,
    pub managed_policies: Vec<String>,
    pub audiences: Vec<String>,
    pub manage: Manage,
    pub thumbprints: Option<Vec<String>>,
    pub oidc_tags: Tags,
}

impl Model {
    /// Reads a value with defaults in env.
    pub fn of(value: &Value, env: &Env) -> Self {
        let tags = env.tags_all(value);
        let adopt = value.get("adopt").as_str() == Some("if_exists");
        let chained = value.get("mode").as_str() == Some("chained");
        let oidc = value.get("oidc_provider");
        let issuers: BTreeSet<String> =
            placeholder::texts(value.get("issuers")).iter().map(|url| arn::issuer_host(url).to_owned()).collect();
        Model {
            clusters: clusters(value),
            issuers: issuers.into_iter().collect(),
            service_accounts: service_accounts(value.get("service_accounts")),
            pod_role: chained.then(|| RoleModel::of(value.get("pod_role"), adopt, &tags, env)),
            role: RoleModel::of(value.get("role"), adopt, &tags, env),
            inline_policies: placeholder::map(value.at("role.inline_policies")).into_iter().collect(),
            managed_policies: placeholder::texts(value.at("role.managed_policy_arns")),
            audiences: match placeholder::texts(value.get("audiences")) {
                audiences if audiences.is_empty() => vec![STS_AUDIENCE.to_owned()],
                audiences => audiences,
            },
            manage: match oidc.get("manage").as_str() {
                Some("existing") => Manage::Existing,
                Some("retain") => Manage::Retain,
                _ => Manage::Shared,
            },
            thumbprints: (!oidc.get("thumbprints").is_null()).then(|| placeholder::texts(oidc.get("thumbprints"))),
            oidc_tags: env.tags_over(&tags, oidc.get("tags")),
        }
    }

    /// The account that trusts the cluster's tokens.
    pub fn trusting_side(&self) -> Side {
        if self.pod_role.is_some() { Side::Cluster } else { Side::Workload }
    }

    pub fn provider_key(&self, issuer: &str) -> Key {
        Key::new(self.trusting_side(), iam::oidc_provider::KIND, issuer)
    }

    /// The audience to ask for in a pod's token: STS's own where it is allowed, or may be.
    pub fn token_audience(&self) -> &str {
        let sts = self.audiences.iter().find(|a| *a == STS_AUDIENCE);
        let audience = sts.or(self.audiences.iter().find(|a| placeholder::is_in(a))).or(self.audiences.first());
        audience.map_or(STS_AUDIENCE, String::as_str)
    }
}

/// The names of the clusters that are asked for their issuers.
pub fn clusters(value: &Value) -> Vec<String> {
    let one = placeholder::text(value.get("cluster_name"));
    one.into_iter().chain(placeholder::texts(value.get("cluster_names"))).collect()
}

fn service_accounts(value: &Value) -> Vec<ServiceAccount> {
    if value.is_unknown() {
        return vec![ServiceAccount { namespace: placeholder::unknown(), name: placeholder::unknown() }];
    }
    let text = |member: &Value, name: &str| {
        placeholder::text(member.get(name)).or_else(|| member.is_unknown().then(placeholder::unknown)).unwrap_or_default()
    };
    value.members().iter().map(|m| ServiceAccount { namespace: text(m, "namespace"), name: text(m, "name") }).collect()
}
