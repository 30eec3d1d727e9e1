//! The objects of `xeks_irsa_trust`: which there are, in which account, and what they depend on.

use serde_json::Value as Json;

use super::model::Model;
use crate::aws::arn;
use crate::aws::policy::statements;
use crate::diagnostics::Path;
use crate::engine::Object;
use crate::objects::iam::inline_policy::InlinePolicy;
use crate::objects::iam::oidc_provider::{OidcProvider, Settings};
use crate::objects::{Context, Env, Ownership, statement_digest};
use crate::resources::role::{RoleModel, document_text};
use crate::resources::trusted_principals;
use crate::resources::values::users_document;

/// Name of the inline policy that lets the pod role assume the role.
pub fn assume_policy_name(model: &Model, ownership: &Ownership) -> String {
    ownership.policy_name("assume", &model.role.name)
}

pub fn objects(model: &Model, env: &Env, ownership: &Ownership) -> Vec<Box<dyn Object<Context>>> {
    let role = &model.role;
    let mut objects: Vec<Box<dyn Object<Context>>> = providers(model).map(|provider| Box::new(provider) as _).collect();
    let providers = model.issuers.iter().map(|issuer| model.provider_key(issuer)).collect();
    let inline_policies = model.inline_policies.iter().map(|(name, _)| name.clone()).collect();
    match &model.pod_role {
        None => objects.push(Box::new(role.object(&role_trust(model, env), inline_policies, providers))),
        Some(pod_role) => {
            let (name, document) = assume_policy(model, env, ownership);
            let trust = web_identity_trust(model, env);
            let relies_on = trust.iter().map(statement_digest).collect();
            objects.push(Box::new(pod_role.object(&trust, vec![name.clone()], providers)));
            objects.push(Box::new(InlinePolicy { relies_on, ..pod_role.inline_policy(&name, document, pod_role.name_path()) }));
            objects.push(Box::new(role.object(&role_trust(model, env), inline_policies, vec![pod_role.key()])));
        }
    }
    for (name, document) in &model.inline_policies {
        objects.push(Box::new(role.inline_policy(name, users_document(document), Path::of("role.inline_policies"))));
    }
    objects.extend(role.attachments().map(|attachment| Box::new(attachment) as _));
    objects
}

/// The inline policy that lets the pod role assume the role: name and document.
pub fn assume_policy(model: &Model, env: &Env, ownership: &Ownership) -> (String, String) {
    (assume_policy_name(model, ownership), document_text(&statements::assume_policy_passing(&[model.role.arn(env)], model.passed)))
}

/// The trust of the role: in the pods, or in the pod role where there is one, and in more principals.
pub fn role_trust(model: &Model, env: &Env) -> Vec<Json> {
    let mut trust = match &model.pod_role {
        Some(pod_role) => target_trust(model, pod_role, env),
        None => web_identity_trust(model, env),
    };
    trust.extend(trusted_principals::trust(&model.trusted_principals, None));
    trust
}

/// The trust in the pod role.
fn target_trust(model: &Model, pod_role: &RoleModel, env: &Env) -> Vec<Json> {
    statements::trust_principals_passing(&[pod_role.arn(env)], model.external_id.as_deref(), model.passed)
}

/// One statement for each issuer: condition keys carry the issuer's name.
pub fn web_identity_trust(model: &Model, env: &Env) -> Vec<Json> {
    let identity = env.identity(model.trusting_side());
    let statement = |issuer: &String| {
        let provider = arn::oidc_provider(&identity.partition, &identity.account_id, issuer);
        statements::trust_web_identity("", &provider, &model.service_accounts, &model.audiences)
    };
    model.issuers.iter().map(statement).collect()
}

/// The OIDC providers of the issuers.
pub fn providers(model: &Model) -> impl Iterator<Item = OidcProvider> {
    let settings = Settings { thumbprints: model.thumbprints.clone(), tags: model.oidc_tags.clone(), inherited_tags: model.tags.clone() };
    model.issuers.iter().map(move |issuer| OidcProvider {
        side: model.trusting_side(),
        issuer: issuer.to_owned(),
        client_ids: model.audiences.iter().cloned().collect(),
        settings: settings.clone(),
        manage: model.manage,
        attribute: Path::of("oidc_provider.manage"),
    })
}
