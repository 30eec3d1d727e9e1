//! The objects of `xeks_irsa_trust`: which objects there are, in which account, and what they need before them.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::model::Model;
use crate::aws::policy::statements;
use crate::aws::{Side, arn};
use crate::engine::{Declared, OnExisting};
use crate::objects::iam::oidc_provider::{self, Manage, OidcProvider};
use crate::resources::common::{document_text, users_document};
use crate::resources::env::{Env, Part};
use crate::schema::{Value, placeholder};

pub fn objects(model: &Model, env: &Env) -> Vec<Part> {
    let mut parts: Vec<Part> = model.issuers.iter().map(|issuer| provider(model, env, issuer)).collect();
    let providers = model.issuers.iter().map(|issuer| model.provider_key(issuer)).collect();
    match &model.pod_role {
        None => parts.push(model.role.part(Side::Workload, web_identity_trust(model, env), providers, env)),
        Some(pod_role) => {
            let trust = vec![statements::trust_principals("", &[env.role_arn(Side::Cluster, pod_role)], None)];
            let assume = statements::assume_policy(&[env.role_arn(Side::Workload, &model.role)]);
            let assume_name = assume_policy_name(&model.role.name);
            parts.push(pod_role.part(Side::Cluster, web_identity_trust(model, env), providers, env));
            parts.push(pod_role.inline_policy_part(Side::Cluster, &assume_name, document_text(&assume), vec![], env));
            parts.push(model.role.part(Side::Workload, trust, vec![pod_role.key(Side::Cluster)], env));
        }
    }
    for (name, document) in &model.inline_policies {
        parts.push(model.role.inline_policy_part(Side::Workload, name, users_document(document), vec![], env));
    }
    parts.extend(model.managed_policies.iter().map(|policy| model.role.attachment_part(Side::Workload, policy, env)));
    parts
}

/// Name of the inline policy that lets the pod role assume the role.
pub fn assume_policy_name(role: &str) -> String {
    format!("xeks-assume-{role}")
}

/// One statement an issuer: condition keys carry the issuer's name.
pub fn web_identity_trust(model: &Model, env: &Env) -> Vec<Json> {
    let identity = env.identity(model.trusting_side());
    let statement = |issuer: &String| {
        let provider = arn::oidc_provider(&identity.partition, &identity.account_id, issuer);
        statements::trust_web_identity("", &provider, &model.service_accounts, &model.audiences)
    };
    model.issuers.iter().map(statement).collect()
}

fn provider(model: &Model, env: &Env, issuer: &str) -> Part {
    let side = model.trusting_side();
    let identity = env.identity(side);
    let on_existing = if model.manage == Manage::Existing { OnExisting::MustExist } else { OnExisting::Share };
    let document = placeholder::value(oidc_provider::document(&model.audiences, model.manage));
    let declared = Declared {
        arn: placeholder::value(arn::oidc_provider(&identity.partition, &identity.account_id, issuer)),
        adopted_document: document.clone(),
        document,
        // Set when it is made, never churned.
        tags: Value::Unknown,
        adopted_tags: Value::Null,
        ..env.declare(model.provider_key(issuer), on_existing)
    };
    let object = OidcProvider {
        side,
        issuer: issuer.to_owned(),
        client_ids: model.audiences.iter().cloned().collect::<BTreeSet<_>>(),
        thumbprints: model.thumbprints.clone(),
        tags: model.oidc_tags.clone(),
        manage: model.manage,
    };
    Part { declared, object: Box::new(object) }
}
