//! Checks at plan time that only this resource has: the size of the trust policy, how far its patterns reach, and which settings of an OIDC
//! provider are others'.

use std::collections::BTreeSet;

use super::model::Model;
use super::objects;
use crate::aws::arn;
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::iam::oidc_provider::{self, OidcProvider, Setting, Settings, Values};
use crate::objects::{Context, Env};
use crate::resources::lifecycle::{Change, Run, Want};
use crate::resources::preflight;
use crate::resources::role::check::Wanted;
use crate::resources::role::{self, RoleModel};
use crate::resources::trusted_principals::{self, Trusting};
use crate::resources::values::users_document;
use crate::schema::{Value, placeholder};

const PRINCIPALS: &str = "role.trusted_principal_arns";

pub async fn check(model: &Model, cx: &Context, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics {
    let mut diagnostics = role::check::check(cx, env, run, &roles(model, cx, env)).await;
    // The plan's own values may not know the issuers yet.
    wants(model, env).iter().for_each(|want| diagnostics.extend(want.agreed(run, &cx.ownership.resource)));
    for provider in objects::providers(model).filter(is_known) {
        diagnostics.extend(refused_settings(&provider, cx, change).await);
    }
    diagnostics.extend(same_object_names(model, cx, run));
    diagnostics.extend(trusted(model, cx, change, env).await);
    let wide: Vec<String> =
        model.service_accounts.iter().filter(|account| account.has_wildcard()).map(|account| account.subject()).collect();
    if !wide.is_empty() && change.changes("service_accounts") {
        diagnostics.warning(
            Path::of("service_accounts"),
            "Wildcards in service_accounts",
            format!(
                "Users who can create a service account that matches {} can use role {} of account {}.",
                wide.join(", "),
                model.role.name,
                env.workload.account_id
            ),
        );
    }
    other_partition(model, change, env, &mut diagnostics);
    diagnostics
}

/// Principals that do not exist, and those that reach far.
async fn trusted(model: &Model, cx: &Context, change: Change<'_>, env: &Env) -> Diagnostics {
    if !change.changes(PRINCIPALS) {
        return Diagnostics::new();
    }
    let trusting = Trusting {
        path: PRINCIPALS,
        what: "The role",
        role: &model.role.name,
        gets: format!("its permissions in account {}", env.workload.account_id),
        third_account: None,
    };
    let mut diagnostics = trusted_principals::warnings(&model.trusted_principals, &trusting, env);
    diagnostics.extend(preflight::principals_exist(cx, env, &model.trusted_principals, &Path::of(PRINCIPALS)).await);
    diagnostics
}

/// The settings of OIDC providers that the configuration names.
pub fn wants(model: &Model, env: &Env) -> Vec<Want> {
    let of_provider = |provider: OidcProvider| {
        let account_id = &env.identity(provider.side).account_id;
        let want = |(setting, value): (Setting, String)| Want {
            what: format!("{setting} of the OIDC provider of https://{} in account {account_id}", provider.issuer),
            attribute: path(&setting),
            value,
        };
        provider.settings.named().into_iter().map(want).collect::<Vec<_>>()
    };
    objects::providers(model).filter(is_known).flat_map(of_provider).collect()
}

fn is_known(provider: &OidcProvider) -> bool {
    !placeholder::is_in(&provider.issuer)
}

/// Thumbprints and tags of an OIDC provider that exists, and that another resource or another tool decides.
async fn refused_settings(provider: &OidcProvider, cx: &Context, change: Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if provider.settings.named().is_empty() {
        return diagnostics;
    }
    match oidc_provider::refused(cx, provider, &named_in(change.prior)).await {
        Ok(refused) => refused.into_iter().for_each(|(setting, detail)| {
            diagnostics.error(path(&setting), format!("The {setting} of the OIDC provider can't be changed"), detail);
        }),
        Err(error) => return preflight::skipped(&error),
    }
    diagnostics
}

/// Another trust of this run whose ConfigMap has the same name in the same namespace of the same cluster.
fn same_object_names(model: &Model, cx: &Context, run: &Run) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if model.pod_role.is_none() && !model.client.is_given {
        return diagnostics;
    }
    let name = model.client.config_map();
    let namespaces: BTreeSet<&str> =
        model.service_accounts.iter().filter(|account| !account.has_wildcard()).map(|account| account.namespace.as_str()).collect();
    let of_issuer =
        |issuer: &String| namespaces.iter().map(|namespace| format!("{issuer} {namespace} ConfigMap {name}")).collect::<Vec<_>>();
    let named = model.issuers.iter().flat_map(of_issuer);
    let known = named.filter(|what| !placeholder::is_in(what)).collect::<Vec<_>>();
    let resource = &cx.ownership.resource;
    // All of them are noted for the plans that follow.
    let others: Vec<(String, String)> = known.iter().filter_map(|what| run.wants_otherwise(what, resource, resource)).collect();
    if let Some((other, _)) = others.first() {
        diagnostics.warning(
            Path::of("client.object_name"),
            "Two resources name their Kubernetes objects alike",
            format!(
                "The service_account_manifests of {other} have a ConfigMap {name} in the same namespace, with other contents: applied to one \
                 cluster, the second replaces the first. Set client.object_name in one of them."
            ),
        );
    }
    diagnostics
}

fn path(setting: &Setting) -> Path {
    match setting {
        Setting::Thumbprints => Path::of("oidc_provider.thumbprints"),
        Setting::Tag(key) => Path::of("oidc_provider.tags").key(key),
    }
}

/// The settings that a state names: what this resource last knew them to be.
fn named_in(state: &Value) -> Values {
    let (thumbprints, tags) = (state.at("oidc_provider.thumbprints"), state.at("oidc_provider.tags"));
    let thumbprints = (!thumbprints.is_null()).then(|| thumbprints.strings());
    Settings { thumbprints, tags: placeholder::map(tags), ..Settings::default() }.named()
}

/// STS knows the roles of its own partition only, and SDKs ask that of the pods' region (AWS SDKs and Tools Reference Guide, "AWS STS Regional
/// endpoints").
fn other_partition(model: &Model, change: Change<'_>, env: &Env, diagnostics: &mut Diagnostics) {
    let partition = env.workload.partition.as_str();
    let region_of = |issuer: &str| issuer.strip_prefix("oidc.eks.").and_then(|rest| rest.split('.').next()).map(str::to_owned);
    let regions = model.issuers.iter().filter_map(|issuer| region_of(issuer));
    let Some(region) = regions.into_iter().find(|region| arn::partition_of(region) != partition) else { return };
    if model.pod_role.is_none() && change.changes("issuers") {
        diagnostics.warning(
            Path::of("issuers"),
            "The pods and their role are in two partitions",
            format!(
                "The pods run in region {region}, in partition {}, and role {} is in partition {partition}. STS of the pods' own partition does \
                 not know the role. Set AWS_REGION of the pods to a region of the role's partition, such as {}, or AWS_ENDPOINT_URL_STS to a \
                 regional STS endpoint there.",
                arn::partition_of(&region),
                model.role.name,
                env.workload_region
            ),
        );
    }
}

fn roles<'a>(model: &'a Model, cx: &Context, env: &Env) -> Vec<Wanted<'a>> {
    let trusting_pods = |role: &'a RoleModel, trust, inline_policies, inline_path| Wanted {
        role,
        trust,
        trust_path: Path::of("service_accounts"),
        shorten: "Use a wildcard in a namespace of your own, fewer service accounts, or several roles",
        inline_policies,
        inline_path,
    };
    let inline_policies = model.inline_policies.iter().map(|(name, text)| (name.clone(), users_document(text))).collect();
    let inline_path = Path::of("role.inline_policies");
    let Some(pod_role) = &model.pod_role else {
        return vec![trusting_pods(&model.role, objects::role_trust(model, env), inline_policies, inline_path)];
    };
    let assume = objects::assume_policy(model, env, &cx.ownership);
    let target = Wanted {
        role: &model.role,
        trust: objects::role_trust(model, env),
        trust_path: if model.trusted_principals.is_empty() { model.role.name_path() } else { Path::of(PRINCIPALS) },
        shorten: "Trust fewer principals, remove statements from its trust policy, or use another role",
        inline_policies,
        inline_path,
    };
    vec![trusting_pods(pod_role, objects::web_identity_trust(model, env), [assume].into(), pod_role.name_path()), target]
}
