//! What clients of the cluster are handed: the kubeconfig, the AWS profile that goes with it, and the exec block.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use super::model::Model;
use crate::objects::Env;
use crate::resources::aws_config::{self, Profile};
use crate::resources::yaml;
use crate::schema::{Value, placeholder};

/// The API version that `aws eks get-token` answers with; kubectl refuses a mismatch (aws-cli, eks/get_token.py).
const EXEC_API_VERSION: &str = "client.authentication.k8s.io/v1beta1";

pub fn outputs(model: &Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
    let principal = model.principal();
    let workload = objects.get(&model.workload.key().to_string());
    let access = model.access.as_ref().map_or(&Value::Null, |access| objects.get(&access.key().to_string()));
    let profile = model.instance_profile_key().map_or(&Value::Null, |key| objects.get(&key.to_string()));
    let session = format!(
        "arn:{}:sts::{}:assumed-role/{}/{{{{SessionName}}}}",
        env.identity(principal.side).partition,
        env.identity(principal.side).account_id,
        principal.name
    );
    let workload_arn = model.workload.arn_of(env, objects);
    let access_arn = model.access.as_ref().map_or(Value::Null, |access| access.arn_of(env, objects));
    let client = Client::of(model, value, env, &access_arn);
    // What is not known of the client decides which lines and arguments there are at all.
    let shaped = value.get("client").is_wholly_known();
    let when_shaped = |output: Value| if shaped { output } else { Value::Unknown };
    BTreeMap::from([
        ("access_role_arn", access_arn),
        ("access_role_id", access.get("id").clone()),
        ("workload_role_arn", workload_arn),
        ("workload_role_id", workload.get("id").clone()),
        ("instance_profile_arn", profile.get("arn").clone()),
        ("access_entry_arn", objects.get(&model.entry_key().to_string()).get("arn").clone()),
        ("username", placeholder::value(model.username.clone().unwrap_or(session))),
        ("kubeconfig", when_shaped(client.kubeconfig(value.get("cluster")))),
        ("aws_config", when_shaped(client.aws_config())),
        ("exec", when_shaped(client.exec())),
    ])
}

/// How a client authenticates.
struct Client {
    cluster: String,
    region: String,
    profile: Option<String>,
    /// Names of context and user in the kubeconfig.
    context: String,
    user: String,
    config_file: Option<String>,
    session_name: Option<String>,
    credential_source: String,
    source_profile: Option<String>,
    by_role_arn: bool,
    /// Of the access role; `None` in mode `direct`.
    role_arn: Option<String>,
    external_id: Option<String>,
}

impl Client {
    fn of(model: &Model, value: &Value, env: &Env, role_arn: &Value) -> Self {
        let client = value.get("client");
        let text = |name: &str| placeholder::text(client.get(name));
        let by_role_arn = client.get("auth").as_str() == Some("role_arn");
        let profile = match (text("profile_name"), &model.access) {
            (Some(name), _) => Some(name),
            (None, Some(_)) if !by_role_arn => Some(model.client_name()),
            // The workload role's own credentials, as the instance finds them.
            _ => None,
        };
        Client {
            cluster: model.cluster.clone(),
            region: env.region.clone(),
            profile,
            context: text("context_name").unwrap_or_else(|| model.client_name()),
            user: text("user_name").unwrap_or_else(|| model.client_name()),
            config_file: text("config_file"),
            session_name: text("session_name"),
            credential_source: text("credential_source").unwrap_or_else(|| "Ec2InstanceMetadata".to_owned()),
            source_profile: text("source_profile"),
            by_role_arn,
            role_arn: model.access.as_ref().map(|_| placeholder::text(role_arn).unwrap_or_else(placeholder::unknown)),
            external_id: model.external_id.clone(),
        }
    }

    /// `--profile`, not AWS_PROFILE: that one loses to keys in the environment.
    fn args(&self) -> Vec<String> {
        let mut args = vec!["--region".to_owned(), self.region.clone()];
        let profile = if self.by_role_arn { self.source_profile.as_ref().or(self.profile.as_ref()) } else { self.profile.as_ref() };
        if let Some(profile) = profile {
            args.extend(["--profile".to_owned(), profile.clone()]);
        }
        args.extend(["eks", "get-token", "--cluster-name", &self.cluster].map(str::to_owned));
        if let Some(role_arn) = self.role_arn.as_ref().filter(|_| self.by_role_arn) {
            args.extend(["--role-arn".to_owned(), role_arn.clone()]);
        }
        args.extend(["--output", "json"].map(str::to_owned));
        args
    }

    fn env(&self) -> Vec<(String, String)> {
        self.config_file.iter().map(|file| ("AWS_CONFIG_FILE".to_owned(), file.clone())).collect()
    }

    fn exec(&self) -> Value {
        Value::object([
            ("api_version", Value::string(EXEC_API_VERSION)),
            ("command", Value::string("aws")),
            ("args", Value::List(self.args().into_iter().map(placeholder::value).collect())),
            ("env", Value::map(self.env().into_iter().map(|(name, value)| (name, placeholder::value(value))))),
        ])
    }

    /// Cluster, context and user have names of their own, so that kubectl merges several files (kubectl, "Organizing Cluster Access Using
    /// kubeconfig Files"). The cluster is called by its ARN, as `aws eks update-kubeconfig` does.
    fn kubeconfig(&self, cluster: &Value) -> Value {
        if cluster.is_null() {
            return Value::Null;
        }
        let text = |name: &str| placeholder::text(cluster.get(name)).unwrap_or_default();
        let env: Vec<_> = self.env().into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut yaml = String::from("apiVersion: v1\nkind: Config\n");
        // Writing to a string has no error of its own.
        let _ = write!(
            yaml,
            "clusters:\n- name: {name}\n  cluster:\n    server: {server}\n    certificate-authority-data: {ca}\n\
             contexts:\n- name: {context}\n  context:\n    cluster: {name}\n    user: {user}\n\
             current-context: {context}\n\
             users:\n- name: {user}\n  user:\n    exec:\n      apiVersion: {EXEC_API_VERSION}\n      command: aws\n      args: {args}\n      \
             env: {env}\n      interactiveMode: Never\n",
            name = yaml::text(&text("arn")),
            context = yaml::text(&self.context),
            user = yaml::text(&self.user),
            server = yaml::text(&text("endpoint")),
            ca = yaml::text(&text("certificate_authority")),
            args = yaml::flow(&json!(self.args())),
            env = yaml::flow(&json!(env)),
        );
        placeholder::value(yaml)
    }

    /// The profile of the AWS CLI that assumes the access role. Chained sessions end after an hour whatever is asked, so no duration.
    fn aws_config(&self) -> Value {
        let (Some(profile), Some(role_arn), false) = (&self.profile, &self.role_arn, self.by_role_arn) else { return Value::Null };
        let source = match &self.source_profile {
            Some(profile) => ("source_profile", profile),
            None => ("credential_source", &self.credential_source),
        };
        let name = self.session_name.as_ref().map(|name| ("role_session_name", name));
        let id = self.external_id.as_ref().map(|id| ("external_id", id));
        let mut settings = vec![("role_arn", role_arn.as_str())];
        settings.extend([Some(source), name, id].into_iter().flatten().map(|(setting, value)| (setting, value.as_str())));
        settings.extend([("sts_regional_endpoints", "regional"), ("region", &self.region)]);
        placeholder::value(aws_config::file(&[Profile { name: profile, settings }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client {
            cluster: "prac-eks-abhi".into(),
            region: "ap-south-1".into(),
            profile: Some("EKS-Access@prac-eks-abhi".into()),
            context: "EKS-Access@prac-eks-abhi".into(),
            user: "EKS-Access@prac-eks-abhi".into(),
            config_file: None,
            session_name: None,
            credential_source: "Ec2InstanceMetadata".into(),
            source_profile: None,
            by_role_arn: false,
            role_arn: Some("arn:aws:iam::183295435445:role/EKS-CrossAccount-Access-Role".into()),
            external_id: None,
        }
    }

    #[test]
    fn the_kubeconfig_asks_the_cli_by_profile_and_holds_no_secret() {
        let cluster = Value::object([
            ("arn", Value::string("arn:c")),
            ("endpoint", Value::string("https://e")),
            ("certificate_authority", Value::string("Q0E=")),
        ]);
        let yaml = client().kubeconfig(&cluster);
        let yaml = yaml.as_str().unwrap();
        assert!(yaml.contains(r#"args: ["--region","ap-south-1","--profile","EKS-Access@prac-eks-abhi","eks","get-token","--cluster-name","prac-eks-abhi","--output","json"]"#), "{yaml}");
        assert!(yaml.contains("apiVersion: client.authentication.k8s.io/v1beta1") && yaml.contains("interactiveMode: Never"), "{yaml}");
    }

    #[test]
    fn an_unknown_endpoint_leaves_the_kubeconfig_unknown_and_exec_known() {
        assert!(client().kubeconfig(&Value::Unknown).is_unknown());
        assert!(client().exec().is_wholly_known());
    }

    #[test]
    fn role_arn_is_passed_to_get_token_where_asked_for() {
        let client = Client { by_role_arn: true, profile: None, ..client() };
        assert!(client.args().join(" ").contains("--role-arn arn:aws:iam::183295435445:role/EKS-CrossAccount-Access-Role"));
        assert!(!client.args().contains(&"--profile".to_owned()));
    }

    /// A name of an older state, or an external ID that an import read from a trust policy of others.
    #[test]
    fn a_text_that_no_rule_has_seen_can_not_add_a_command_to_the_profile() {
        let command = "p]\ncredential_process = touch /tmp/x";
        let client = Client { profile: Some(command.into()), external_id: Some(command.into()), ..client() };
        let config = client.aws_config();
        let lines: Vec<&str> = config.as_str().unwrap().lines().collect();
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert!(lines.iter().all(|line| !line.starts_with("credential_process")), "{lines:?}");
        let yaml = client.kubeconfig(&Value::object([("arn", Value::string(command)), ("endpoint", Value::string(command))]));
        assert!(!yaml.as_str().unwrap().lines().any(|line| line.starts_with("credential_process")), "{yaml:?}");
    }
}
