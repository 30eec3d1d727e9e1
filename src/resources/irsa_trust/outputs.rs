//! What pods and charts are handed: annotations, manifests, and the AWS config file.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::model::{Model, STS_AUDIENCE, Source};
use crate::aws::arn;
use crate::aws::policy::statements::ServiceAccount;
use crate::objects::Env;
use crate::resources::aws_config::{self, Profile};
use crate::resources::yaml;
use crate::schema::{Value, placeholder};

/// Where a chained pod's token and config file are mounted. Not the webhook's folder: its variables must not be there, since the Go
/// and Java SDKs would use the pod role whatever the profile says.
const TOKEN_FOLDER: &str = "/var/run/secrets/xeks/serviceaccount";
const CONFIG_FOLDER: &str = "/etc/xeks/aws";
/// Where EKS mounts the token of an annotated service account (amazon-eks-pod-identity-webhook, README, "EKS Walkthrough").
const WEBHOOK_TOKEN: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
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
        ("service_account_manifests", manifests(model, &annotations, &config)),
        // Whether there is an annotation for the audience depends on which one it is.
        (
            "service_account_annotations",
            if placeholder::is_in(model.token_audience()) { Value::Unknown } else { placeholder::map_value(&annotations) },
        ),
        ("aws_config", placeholder::value(config)),
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

/// A profile that gets the role with the pod's token; in mode `chained`, one that assumes the role, and one that gets the pod role with the
/// token, as its source. No durations: chained sessions end after an hour, which is also what SDKs ask for.
fn config(model: &Model, env: &Env, role_arn: &Value, pod_role_arn: &Value) -> String {
    let text = |value: &Value| placeholder::text(value).unwrap_or_default();
    let (role_arn, pod_role_arn, region) = (text(role_arn), text(pod_role_arn), pods_region(model, env));
    let profile = |name, more: &[(&'static str, &str)]| {
        let common = [("sts_regional_endpoints", "regional"), ("region", region)];
        aws_config::file(&[Profile { name, settings: [more, &common[..]].concat() }])
    };
    let name = &model.client.profile_name;
    if model.pod_role.is_none() {
        return profile(name, &[("role_arn", &role_arn), ("web_identity_token_file", WEBHOOK_TOKEN)]);
    }
    let (source, token) = (model.client.pod_profile(), format!("{TOKEN_FOLDER}/token"));
    let mut target = vec![("role_arn", role_arn.as_str()), ("source_profile", source.as_str())];
    target.extend(model.external_id.as_deref().map(|id| ("external_id", id)));
    [profile(name, &target), profile(&source, &[("role_arn", &pod_role_arn), ("web_identity_token_file", &token)])].join("\n")
}

/// The region whose STS gives the sessions: the cluster's; for a role of another partition, or without a cluster, the workload account's.
fn pods_region<'a>(model: &Model, env: &'a Env) -> &'a str {
    let trusting = &env.identity(model.trusting_side()).partition;
    let is_elsewhere = !placeholder::is_in(&env.region) && arn::partition_of(&env.region) != trusting;
    let is_workloads = model.pod_role.is_none() && (is_elsewhere || matches!(model.source, Source::Issuers(_)));
    if is_workloads { &env.workload_region } else { &env.region }
}

/// YAML documents; service accounts with a wildcard have none. In mode `federated`, EKS gives the pods the annotated role without a file.
fn manifests(model: &Model, annotations: &BTreeMap<String, String>, config: &str) -> Value {
    let is_chained = model.pod_role.is_some();
    let accounts: Vec<_> = model.service_accounts.iter().filter(|account| !account.has_wildcard()).collect();
    let mut documents = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        let is_of_namespace = |other: &&&ServiceAccount| other.namespace == account.namespace;
        documents.push(service_account(account, annotations));
        if (is_chained || model.client.is_given) && !accounts[..at].iter().any(|other| is_of_namespace(&other)) {
            documents.push(config_map(&account.namespace, &model.client.config_map(), config));
        }
        if is_chained {
            let is_alone = accounts.iter().filter(is_of_namespace).count() == 1;
            documents.push(pod_template(model, account, &model.client.pod_template(account, is_alone)));
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

fn config_map(namespace: &str, name: &str, config: &str) -> Json {
    let metadata = json!({"name": name, "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config": config}})
}

/// What a pod's template needs: the token, the config file, and the variable that points to it. To be merged into the workload's own.
fn pod_template(model: &Model, account: &ServiceAccount, name: &str) -> Json {
    let token = json!({"serviceAccountToken": {"audience": model.token_audience(), "expirationSeconds": TOKEN_SECONDS, "path": "token"}});
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
            {"name": "xeks-aws-config", "configMap": {"name": model.client.config_map()}},
        ],
    });
    let metadata = json!({"name": name, "namespace": account.namespace});
    json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata, "template": {"spec": spec}})
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use saphyr::{LoadableYamlNode, Yaml};

    use super::*;
    use crate::aws::Identity;
    use crate::engine::{Ledger, Tags};
    use crate::resources::lifecycle::FromValue;

    static ENV: LazyLock<Env> = LazyLock::new(|| {
        let identity = |account_id: &str| Identity { account_id: account_id.into(), arn: String::new(), partition: "aws".into() };
        Env {
            cluster: Some(identity("183295435445")),
            recorded_cluster_account_id: None,
            workload: identity("185863138492"),
            region: "ap-south-1".into(),
            home_region: "ap-south-1".into(),
            workload_region: "eu-west-1".into(),
            default_tags: Tags::new(),
            ignore_tags: Default::default(),
            arns: BTreeMap::new(),
            clusters: BTreeMap::new(),
            ledger: Ledger::default(),
            given: Default::default(),
        }
    });

    fn configured(mode: &str, role: &str, accounts: &[(&str, &str)], more: &[(&'static str, Value)]) -> Value {
        let account =
            |(namespace, name): &(&str, &str)| Value::object([("namespace", Value::string(*namespace)), ("name", Value::string(*name))]);
        let mut value = Value::object([
            ("cluster_name", Value::string("c")),
            ("mode", Value::string(mode)),
            ("service_accounts", Value::set(accounts.iter().map(account))),
            ("role", Value::object([("name", Value::string(role))])),
            ("pod_role", if mode == "chained" { Value::object([("name", Value::string("pod"))]) } else { Value::Null }),
        ]);
        let Value::Object(members) = &mut value else { panic!("an object") };
        members.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        value
    }

    fn made(value: &Value) -> BTreeMap<&'static str, Value> {
        outputs(&Model::from_value(value, &ENV), &ENV, &Value::Unknown)
    }

    fn client(members: &[(&'static str, &str)]) -> (&'static str, Value) {
        ("client", Value::object(members.iter().map(|(name, text)| (*name, Value::string(*text)))))
    }

    /// Kind, namespace and name of each object of the manifests.
    fn objects(outputs: &BTreeMap<&'static str, Value>) -> Vec<String> {
        let text = outputs["service_account_manifests"].as_str().unwrap();
        let read = |yaml: &Yaml<'_>| {
            let text = |value: &Yaml<'_>| value.as_str().unwrap().to_owned();
            let metadata = &yaml["metadata"];
            [text(&yaml["kind"]), text(&metadata["namespace"]), text(&metadata["name"])].join("/")
        };
        Yaml::load_from_str(text).unwrap().iter().map(read).collect()
    }

    fn sections(outputs: &BTreeMap<&'static str, Value>) -> Vec<String> {
        outputs["aws_config"].as_str().unwrap().lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect()
    }

    #[test]
    fn a_chained_pod_gets_a_token_of_the_audience_and_its_config_file() {
        let made = made(&configured("chained", "app", &[("nodejs", "nodejs-sa")], &[]));
        let text = made["service_account_manifests"].as_str().unwrap();
        assert!(text.contains("audience: \"sts.amazonaws.com\"") && text.contains("value: \"/etc/xeks/aws/config\""), "{text}");
        assert_eq!(
            objects(&made),
            ["ServiceAccount/nodejs/nodejs-sa", "ConfigMap/nodejs/app-aws-config", "PodTemplate/nodejs/app-chained"]
        );
        assert_eq!(sections(&made), ["[default]", "[profile xeks-pod]"]);
    }

    #[test]
    fn two_trusts_of_one_service_account_have_different_objects_and_profiles() {
        let accounts = [("velero", "velero")];
        for mode in ["chained", "federated"] {
            let of = |role: &str, members: &[(&'static str, &str)]| made(&configured(mode, role, &accounts, &[client(members)]));
            let payments = of("velero-payments", &[("profile_name", "payments")]);
            let search = of("velero-search", &[("profile_name", "search")]);
            let same_role = of("velero-payments", &[("profile_name", "eu"), ("object_name", "velero-eu")]);
            let objects: Vec<String> = [&payments, &search, &same_role].into_iter().flat_map(objects).collect();
            let distinct: std::collections::BTreeSet<&String> = objects.iter().collect();
            assert_eq!(objects.len() - distinct.len(), 2, "only the service account is in all of them: {objects:?}");
            let sections: Vec<String> = [&payments, &search, &same_role].into_iter().flat_map(sections).collect();
            assert_eq!(sections.iter().collect::<std::collections::BTreeSet<_>>().len(), sections.len(), "{sections:?}");
        }
    }

    #[test]
    fn several_service_accounts_of_a_namespace_share_the_config_map_and_have_a_template_each() {
        let made = made(&configured("chained", "app", &[("a", "x"), ("a", "y"), ("b", "x")], &[]));
        let of = |kind: &str| {
            let mut all: Vec<_> = objects(&made).into_iter().filter(|object| object.starts_with(kind)).collect();
            all.sort();
            all
        };
        assert_eq!(of("ConfigMap"), ["ConfigMap/a/app-aws-config", "ConfigMap/b/app-aws-config"]);
        assert_eq!(of("PodTemplate"), ["PodTemplate/a/app-chained.x", "PodTemplate/a/app-chained.y", "PodTemplate/b/app-chained"]);
    }

    #[test]
    fn a_federated_profile_gets_the_role_with_the_token_that_eks_mounts() {
        let outputs = made(&configured("federated", "app", &[("n", "s")], &[]));
        let expected = "[default]\nrole_arn = arn:aws:iam::185863138492:role/app\n\
                        web_identity_token_file = /var/run/secrets/eks.amazonaws.com/serviceaccount/token\n\
                        sts_regional_endpoints = regional\nregion = ap-south-1\n";
        assert_eq!(outputs["aws_config"].as_str(), Some(expected));
        assert_eq!(objects(&outputs), ["ServiceAccount/n/s"], "EKS needs the annotation only");
        let issuers = Value::set_of_strings(["https://oidc.example.com"]);
        let by_issuer = made(&configured("federated", "app", &[("n", "s")], &[("cluster_name", Value::Null), ("issuer_urls", issuers)]));
        assert!(by_issuer["aws_config"].as_str().unwrap().ends_with("region = eu-west-1\n"), "no cluster says where it is");
    }

    #[test]
    fn the_external_id_is_in_the_profile_that_assumes_the_role() {
        let made = made(&configured("chained", "app", &[("n", "s")], &[("external_id", Value::string("xeks"))]));
        let config = made["aws_config"].as_str().unwrap();
        let (target, source) = config.split_once("\n\n").unwrap();
        assert!(target.contains("external_id = xeks\n") && !source.contains("external_id"), "{config}");
    }

    #[test]
    fn an_unknown_name_makes_the_files_unknown() {
        let made = made(&configured("chained", "app", &[("n", "s")], &[("client", Value::Unknown)]));
        assert_eq!((&made["aws_config"], &made["service_account_manifests"]), (&Value::Unknown, &Value::Unknown));
    }
}
