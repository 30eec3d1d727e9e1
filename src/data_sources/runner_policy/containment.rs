//! What a permissions boundary and names can't contain: refused where another value can, else a warning.
//!
//! docs/guides/compromised-pipeline.md lists what each policy leaves, and `tests/containment` computes it.

use serde_json::Value as Json;

use super::place::{Place, flag, is_any, text};
use crate::aws::arn;
use crate::diagnostics::{Diagnostics, Path};
use crate::evaluate::{self, Context, Identity, Principal, Request, Source};
use crate::schema::{Value, validators};

/// Combinations that can't be contained.
pub(super) fn refuse(config: &Value, diagnostics: &mut Diagnostics) {
    for (index, wanted) in config.get("irsa_trust").members().iter().enumerate() {
        issuers_need_a_region(config, wanted, &Path::of("irsa_trust").index(index), diagnostics);
    }
    for (index, wanted) in config.get("cross_account_access").members().iter().enumerate() {
        passing_needs_a_name(wanted.get("workload_role"), &Path::of("cross_account_access").index(index), diagnostics);
    }
}

/// The host of an EKS issuer contains its region, and a wildcard there also stands for `/`.
fn issuers_need_a_region(config: &Value, wanted: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let own = wanted.get("cluster_region");
    let region = if own.is_null() { config.get("region") } else { own };
    let of_clusters = ["cluster_name", "cluster_names"].iter().any(|name| !wanted.get(name).is_null());
    if !of_clusters || region.is_unknown() || region.as_str().is_some_and(|region| region != "*") {
        return;
    }
    validators::refuse(
        &path.attribute("cluster_region"),
        "Set cluster_region, or region of the data source, to one region. The policy limits OIDC providers by their issuer, and \
         oidc.eks.*.amazonaws.com would also match issuers of other domains, such as oidc.eks.x.evil.example/y.amazonaws.com. For clusters in \
         several regions, add a member of irsa_trust for each.",
        diagnostics,
    );
}

/// iam:PassRole carries no iam:PermissionsBoundary (Service Authorization Reference).
fn passing_needs_a_name(role: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let path_of_role = role.get("path");
    let any_path = path_of_role.is_null() || path_of_role.as_str().is_some_and(|path| path == "/" || is_any(path));
    let any = any_path && text(role, "name").is_some_and(|name| is_any(&name));
    let boundary = text(role, "permissions_boundary").is_some_and(|boundary| boundary != "*");
    if any && boundary && flag(role, "instance_profile", false) {
        validators::refuse(
            &path.attribute("workload_role").attribute("name"),
            "Limit the role's name or path, such as name = \"team-*\". With instance_profile = true, the pipeline can pass the role to EC2, and \
             IAM doesn't check the permissions boundary of a role that is passed: the pipeline could give an instance every role of the \
             account, those without this boundary included.",
            diagnostics,
        );
    }
}

/// Whether the policy allows to write the trust or the permissions of any role: one without a boundary, or one whose boundary was replaced by
/// AWS's policy that allows everything.
pub(super) fn is_administration(place: &Place, document: &Json) -> bool {
    let everything = format!("arn:{}:iam::aws:policy/AdministratorAccess", place.partition);
    // No pattern of names matches both, but for one that matches all.
    let roles = ["Administrator", "0"].map(|name| arn::role(&place.partition, &place.account_id, "/", name));
    let allows = |action: &str, role: &str, boundary: Option<&str>| {
        let Ok(caller) = Principal::of_arn(&arn::role(&place.partition, &place.account_id, "/", "pipeline")) else { return false };
        let context = Context::default().maybe("iam:PermissionsBoundary", boundary).maybe("iam:PolicyARN", Some(&everything));
        let mut request = Request::signed(caller, action, role);
        request.context = context;
        let identity = Identity { policies: vec![Source::new("the policy", document.clone())], ..Identity::default() };
        evaluate::permissions(&identity, &request).is_allowed()
    };
    ["iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:AttachRolePolicy"]
        .into_iter()
        .any(|action| [None, Some(everything.as_str())].into_iter().any(|boundary| roles.iter().all(|role| allows(action, role, boundary))))
}

pub(super) fn warn(side: &str, place: &Place, diagnostics: &mut Diagnostics) {
    diagnostics.warning(
        Path::of(&format!("{side}_policy")),
        format!("The policy for the {side} account is, in effect, administration of the account"),
        format!(
            "A role of this account has a name such as \"*\" and no permissions boundary that limits it. The policy therefore lets the pipeline \
             write the trust policies or the permissions of every role of account {}, administrators' roles included, and so do everything \
             that these roles can. To contain a compromised pipeline, set permissions_boundary to the ARN of a policy that the pipeline \
             can't change, and limit name or path, such as name = \"team-*\".",
            place.account_id
        ),
    );
}
