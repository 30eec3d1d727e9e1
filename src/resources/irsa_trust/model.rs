//! The configuration of `xeks_irsa_trust` as the rest of the resource reads it. Texts may have placeholders.

use std::collections::BTreeSet;

use super::client::Client;
use crate::aws::policy::statements::{Passed, ServiceAccount};
use crate::aws::{Side, arn};
use crate::engine::{Key, Tags};
use crate::objects::Env;
use crate::objects::iam::oidc_provider::{self, Manage};
use crate::resources::lifecycle::FromValue;
use crate::resources::role::{RoleAttribute, RoleModel};
use crate::resources::trusted_principals;
use crate::resources::values::Location;
use crate::schema::{Value, placeholder};

pub const POD_ROLE: RoleAttribute = RoleAttribute { name: "pod_role", side: Side::Cluster, lists_policies: false };
pub const ROLE: RoleAttribute = RoleAttribute { name: "role", side: Side::Workload, lists_policies: true };

/// The audience of tokens that STS accepts, unless another is asked for.
pub const STS_AUDIENCE: &str = "sts.amazonaws.com";

/// Whose tokens are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Cluster(String),
    /// A set of clusters, such as blue and green.
    Clusters(Vec<String>),
    /// URLs of issuers, whose clusters are not asked.
    Issuers(Vec<String>),
}

#[derive(Clone, Debug)]
pub struct Model {
    pub source: Source,
    pub location: Location,
    /// Issuers without `https://`, sorted; one placeholder where they are not known yet.
    pub issuers: Vec<String>,
    pub service_accounts: Vec<ServiceAccount>,
    /// The role in the cluster account; `None` in mode `federated`.
    pub pod_role: Option<RoleModel>,
    pub role: RoleModel,
    /// More principals that can assume the role: ARNs, and patterns of ARNs.
    pub trusted_principals: Vec<String>,
    /// Name and JSON, as the user wrote it.
    pub inline_policies: Vec<(String, String)>,
    pub audiences: Vec<String>,
    pub manage: Manage,
    pub thumbprints: Option<Vec<String>>,
    /// Those of `oidc_provider` itself.
    pub oidc_tags: Tags,
    /// The resource's, which an OIDC provider gets that it creates.
    pub tags: Tags,
    /// What the pod role must pass to assume the role.
    pub external_id: Option<String>,
    /// What the pod role may hand on to the role's session.
    pub passed: Passed,
    pub client: Client,
}

impl FromValue for Model {
    fn from_value(value: &Value, env: &Env) -> Self {
        let tags = env.tags_all(value);
        let chained = value.get("mode").as_str() == Some("chained");
        let oidc = value.get("oidc_provider");
        let urls = placeholder::texts(value.get("issuers"));
        let issuers: BTreeSet<String> = urls.iter().map(|url| arn::issuer_host(url).to_owned()).collect();
        Model {
            source: source(value),
            location: Location::of(value, env),
            issuers: issuers.into_iter().collect(),
            service_accounts: service_accounts(value.get("service_accounts")),
            pod_role: chained.then(|| RoleModel::of(POD_ROLE, value, &tags, env)),
            role: RoleModel::of(ROLE, value, &tags, env),
            trusted_principals: placeholder::texts(value.get(ROLE.name).get(trusted_principals::NAME)),
            inline_policies: placeholder::map(value.at("role.inline_policies")).into_iter().collect(),
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
            oidc_tags: placeholder::map(oidc.get("tags")),
            external_id: placeholder::text(value.get("external_id")),
            passed: Passed {
                session_tags: value.get("session_tags").as_bool().unwrap_or(false),
                source_identity: value.get("source_identity").as_bool().unwrap_or(false),
            },
            client: Client::of(value.get("client"), &placeholder::text(value.at("role.name")).unwrap_or_default()),
            tags,
        }
    }
}

impl Model {
    /// The clusters to ask for their issuers; none where the issuers are given.
    pub fn clusters(&self) -> &[String] {
        match &self.source {
            Source::Cluster(name) => std::slice::from_ref(name),
            Source::Clusters(names) => names,
            Source::Issuers(_) => &[],
        }
    }

    /// The attribute that names them.
    pub fn clusters_attribute(&self) -> &'static str {
        if matches!(self.source, Source::Clusters(_)) { "cluster_names" } else { "cluster_name" }
    }

    /// The account that trusts the cluster's tokens.
    pub fn trusting_side(&self) -> Side {
        if self.pod_role.is_some() { Side::Cluster } else { Side::Workload }
    }

    pub fn provider_key(&self, issuer: &str) -> Key {
        oidc_provider::key(self.trusting_side(), issuer)
    }

    /// The audience to ask for in a pod's token: STS's own where it is allowed, or may be.
    pub fn token_audience(&self) -> &str {
        let sts = self.audiences.iter().find(|a| *a == STS_AUDIENCE);
        let audience = sts.or(self.audiences.iter().find(|a| placeholder::is_in(a))).or(self.audiences.first());
        audience.map_or(STS_AUDIENCE, String::as_str)
    }
}

fn source(value: &Value) -> Source {
    let names = value.get("cluster_names");
    match placeholder::text(value.get("cluster_name")) {
        Some(name) => Source::Cluster(name),
        None if !names.is_null() => Source::Clusters(placeholder::texts(names)),
        None => Source::Issuers(placeholder::texts(value.get("issuer_urls"))),
    }
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
