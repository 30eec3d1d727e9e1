//! What pods and charts are handed: annotations, manifests, and in mode `chained` the AWS config file.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::model::{Model, STS_AUDIENCE};
use crate::aws::policy::statements::ServiceAccount;
use crate::objects::Env;
use crate::resources::aws_config::{self, Profile};
use crate::resources::yaml;
use crate::schema::{Value, placeholder};

/// Where a chained pod's token and config file are mounted. Not the webhook's folder: its variables must not be there, since the Go
/// and Java SDKs would use the pod role whatever the profile says.
const TOKEN_FOLDER: &str = "/var/run/secrets/xeks/serviceaccount";
const CONFIG_FOLDER: &str = "/etc/xeks/aws";
/// The profile with the pod role's credentials.
const POD_PROFILE: &str = "xeks-pod";
/// Lifetime of a projected token in seconds, as the pod identity webhook asks for it.
const TOKEN_SECONDS: i64 = 86_400;

pub fn outputs(model: &Model, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
    let role = objects.get(&model.role.key().to_string());
    let issuers_known = !model.issuers.iter().any(|issuer| placeholder::is_in(issuer));
    let providers = model.issuers.iter().map(|issuer| {
        let arn = objects.get(&model.provider_key(issuer).to_string()).get("arn").clone();
        (format!("https://{issuer}"), arn)
    });
    let role_arn = model.role.arn_of(env, objects);
    let pod_role_arn = model.pod_role.as_ref().map_or(Value::Null, |pod| pod.arn_of(env, objects));
    let annotations = annotations(model, &role_arn);
    let config = config(model, env, &role_arn, &pod_role_arn);
    BTreeMap::from([
        ("role_arn", role_arn),
        ("role_id", role.get("id").clone()),
        ("pod_role_arn", pod_role_arn),
        ("oidc_provider_arns", if issuers_known { Value::map(providers) } else { Value::Unknown }),
        ("service_account_manifests", manifests(model, &annotations, config.as_deref())),
        // Whether there is an annotation for the audience depends on which one it is.
        (
            "service_account_annotations",
            if placeholder::is_in(model.token_audience()) { Value::Unknown } else { placeholder::map_value(&annotations) },
        ),
        ("aws_config", config.map_or(Value::Null, placeholder::value)),
    ])
}

/// EKS user guide, "Assign IAM roles to Kubernetes service accounts"; amazon-eks-pod-identity-webhook for the audience.
fn annotations(model: &Model, role_arn: &Value) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    if model.pod_role.is_none() {
        annotations.insert("eks.amazonaws.com/role-arn".to_owned(), placeholder::text(role_arn).unwrap_or_default());
        if model.token_audience() != STS_AUDIENCE {
            annotations.insert("eks.amazonaws.com/audience".to_owned(), model.token_audience().to_owned());
        }
    }
    annotations
}

/// The default profile assumes the role, with the pod role's credentials from the projected token. Chained sessions end after an hour.
fn config(model: &Model, env: &Env, role_arn: &Value, pod_role_arn: &Value) -> Option<String> {
    model.pod_role.as_ref()?;
    let text = |value: &Value| placeholder::text(value).unwrap_or_default();
    let (role_arn, pod_role_arn, token) = (text(role_arn), text(pod_role_arn), format!("{TOKEN_FOLDER}/token"));
    let profile = |name, arn, source| {
        let common = [("sts_regional_endpoints", "regional"), ("region", env.region.as_str())];
        Profile { name, settings: [vec![("role_arn", arn), source], common.to_vec()].concat() }
    };
    let target = profile("default", role_arn.as_str(), ("source_profile", POD_PROFILE));
    Some(aws_config::file(&[target, profile(POD_PROFILE, pod_role_arn.as_str(), ("web_identity_token_file", token.as_str()))]))
}

/// YAML documents; service accounts with a wildcard have none.
fn manifests(model: &Model, annotations: &BTreeMap<String, String>, config: Option<&str>) -> Value {
    let mut documents = Vec::new();
    for account in model.service_accounts.iter().filter(|account| !account.has_wildcard()) {
        documents.push(service_account(account, annotations));
        if let Some(config) = config {
            documents.push(config_map(account, config));
            documents.push(pod_template(account, model.token_audience()));
        }
    }
    placeholder::value(documents.iter().map(yaml::document).collect::<Vec<_>>().join("---\n"))
}

fn service_account(account: &ServiceAccount, annotations: &BTreeMap<String, String>) -> Json {
    let mut metadata = json!({"name": account.name, "namespace": account.namespace});
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
}

fn config_map(account: &ServiceAccount, config: &str) -> Json {
    let metadata = json!({"name": config_map_name(account), "namespace": account.namespace});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config": config}})
}

fn config_map_name(account: &ServiceAccount) -> String {
    format!("{}-aws-config", account.name)
}

/// What a pod's template depends_on: the token, the config file, and the variable that points to it. To be merged into the workload's own.
fn pod_template(account: &ServiceAccount, audience: &str) -> Json {
    let token = json!({"serviceAccountToken": {"audience": audience, "expirationSeconds": TOKEN_SECONDS, "path": "token"}});
    let mounts = json!([
        {"name": "xeks-token", "mountPath": TOKEN_FOLDER, "readOnly": true},
        {"name": "xeks-aws-config", "mountPath": CONFIG_FOLDER, "readOnly": true},
    ]);
    let container = json!({
        "name": "app",
        "image": "REPLACE-WITH-YOUR-IMAGE",
        "env": [{"name": "AWS_CONFIG_FILE", "value": format!("{CONFIG_FOLDER}/config")}],
        "volumeMounts": mounts,
    });
    let spec = json!({
        "serviceAccountName": account.name,
        "containers": [container],
        "volumes": [
            {"name": "xeks-token", "projected": {"sources": [token]}},
            {"name": "xeks-aws-config", "configMap": {"name": config_map_name(account)}},
        ],
    });
    let metadata = json!({"name": format!("{}-chained", account.name), "namespace": account.namespace});
    json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata, "template": {"spec": spec}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chained_pod_gets_a_token_of_the_audience_and_its_config_file() {
        let account = ServiceAccount { namespace: "nodejs".into(), name: "nodejs-sa".into() };
        let text = yaml::document(&pod_template(&account, "sts.amazonaws.com"));
        assert!(text.contains("audience: \"sts.amazonaws.com\"") && text.contains("value: \"/etc/xeks/aws/config\""), "{text}");
    }
}
