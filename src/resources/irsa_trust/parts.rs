//! The pieces of `xeks_irsa_trust`: which objects there are, in which account, and what they need before them.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::model::Model;
use crate::aws::arn;
use crate::aws::policy::statements;
use crate::engine::{Declared, Side, Welcome};
use crate::pieces::iam::oidc_provider::{self, Manage, OidcProvider};
use crate::resources::common::{document_text, users_document};
use crate::resources::place::{Part, Place};
use crate::schema::{Value, hole};

pub fn parts(model: &Model, place: &Place) -> Vec<Part> {
    let mut parts: Vec<Part> = model.issuers.iter().map(|issuer| provider(model, place, issuer)).collect();
    let providers = model.issuers.iter().map(|issuer| model.provider_key(issuer)).collect();
    match &model.pod_role {
        None => parts.push(model.role.part(Side::Workload, web_identity_trust(model, place), providers, place)),
        Some(pod_role) => {
            let trust = vec![statements::trust_principals("", &[place.role_arn(Side::Cluster, pod_role)], None)];
            let assume = statements::assume_policy(&[place.role_arn(Side::Workload, &model.role)]);
            let assume_name = assume_policy_name(&model.role.name);
            parts.push(pod_role.part(Side::Cluster, web_identity_trust(model, place), providers, place));
            parts.push(pod_role.inline_policy_part(Side::Cluster, &assume_name, document_text(&assume), vec![], place));
            parts.push(model.role.part(Side::Workload, trust, vec![pod_role.key(Side::Cluster)], place));
        }
    }
    for (name, document) in &model.inline_policies {
        parts.push(model.role.inline_policy_part(Side::Workload, name, users_document(document), vec![], place));
    }
    parts.extend(model.managed_policies.iter().map(|policy| model.role.attachment_part(Side::Workload, policy, place)));
    parts
}

/// Name of the inline policy that lets the pod role assume the role.
pub fn assume_policy_name(role: &str) -> String {
    format!("xeks-assume-{role}")
}

/// One statement an issuer: condition keys carry the issuer's name.
pub fn web_identity_trust(model: &Model, place: &Place) -> Vec<Json> {
    let identity = place.identity(model.trusting_side());
    let statement = |issuer: &String| {
        let provider = arn::oidc_provider(&identity.partition, &identity.account_id, issuer);
        statements::trust_web_identity("", &provider, &model.service_accounts, &model.audiences)
    };
    model.issuers.iter().map(statement).collect()
}

fn provider(model: &Model, place: &Place, issuer: &str) -> Part {
    let side = model.trusting_side();
    let identity = place.identity(side);
    let welcome = if model.manage == Manage::Existing { Welcome::Require } else { Welcome::Share };
    let document = hole::value(oidc_provider::document(&model.audiences, model.manage));
    let declared = Declared {
        arn: hole::value(arn::oidc_provider(&identity.partition, &identity.account_id, issuer)),
        adopted_document: document.clone(),
        document,
        // Set when it is made, never churned.
        tags: Value::Unknown,
        adopted_tags: Value::Null,
        ..place.declare(model.provider_key(issuer), welcome)
    };
    let piece = OidcProvider {
        side,
        issuer: issuer.to_owned(),
        client_ids: model.audiences.iter().cloned().collect::<BTreeSet<_>>(),
        thumbprints: model.thumbprints.clone(),
        tags: model.oidc_tags.clone(),
        manage: model.manage,
    };
    Part { declared, piece: Box::new(piece) }
}
