//! Names of users and texts of AWS on their way into files (`crate::fuzzing`): kubeconfig, AWS config files, manifests. Each file is read
//! again by a parser that knows nothing of xeks, and holds what was put into it, in its place, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env as ProcessEnv, Fs};
use configparser::ini::Ini;
use futures::FutureExt;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value as Json, json};

use super::{Run, cross_account_access, irsa_trust};
use crate::aws::{Identity, arn, names};
use crate::engine::{Ledger, Tags};
use crate::objects::Env;
use crate::provider::Resource;
use crate::schema::{Value, placeholder};
use crate::terminal::visible_line;

/// Between the texts of an input: no text has this byte.
pub const SEPARATOR: u8 = 0xff;

const CLUSTER_ACCOUNT: &str = "183295435445";
const WORKLOAD_ACCOUNT: &str = "185863138492";

/// An attribute that a text goes to, and a value that it always takes.
type Field = (&'static str, &'static str);

const ACCESS: [Field; 10] = [
    ("cluster_name", "prac-eks-abhi"),
    ("cluster_region", "ap-south-1"),
    ("client.profile_name", "p"),
    ("client.config_file", "~/.aws/config"),
    ("client.session_name", "me"),
    ("client.source_profile", "base"),
    ("access_role.name", "Access"),
    ("access_role.path", "/eks/"),
    ("access_role.external_id", "xeks"),
    ("workload_role.name", "Workload"),
];

const TRUST: [Field; 12] = [
    ("cluster_name", "prac-eks-abhi"),
    ("cluster_region", "ap-south-1"),
    ("service_accounts.namespace", "nodejs"),
    ("service_accounts.name", "nodejs-sa"),
    ("audiences", "sts.amazonaws.com"),
    ("role.name", "app"),
    ("role.path", "/"),
    ("pod_role.name", "pod"),
    ("pod_role.path", "/"),
    ("external_id", "xeks"),
    ("client.profile_name", "default"),
    ("client.object_name", "app"),
];

static RESOURCES: LazyLock<[Arc<dyn Resource>; 2]> =
    LazyLock::new(|| [cross_account_access::resource(Run::default()), irsa_trust::resource(Run::default())]);

/// The first byte says which files and whether the rules of attributes are asked; the rest is texts.
///
/// What is not asked of any rule stands for what an older state holds and what AWS says.
pub fn files(data: &[u8]) {
    let Some((options, rest)) = data.split_first() else { return };
    let texts: Vec<String> = rest.split(|byte| *byte == SEPARATOR).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    // It stands for what is not known yet: the files are unknown then.
    if texts.iter().any(|text| placeholder::is_in(text)) {
        return;
    }
    let option = |bit: u8| options & (1 << bit) != 0;
    if option(0) { trust(&texts, option(1), option(2), option(3)) } else { access(&texts, option(1), option(2), option(3)) }
}

fn access(texts: &[String], ruled: bool, by_role_arn: bool, has_source: bool) {
    let configured = |texts: &[String]| {
        let text = |at: usize| Value::string(&texts[at]);
        let mut client = Value::object([("profile_name", text(2)), ("config_file", text(3)), ("session_name", text(4))]);
        client.insert("auth", Value::string(if by_role_arn { "role_arn" } else { "profile" }));
        client.insert("source_profile", if has_source { text(5) } else { Value::Null });
        let mut role = Value::object([("name", text(6)), ("path", text(7))]);
        role.insert("external_id", if by_role_arn { Value::Null } else { text(8) });
        filled(
            0,
            [
                ("cluster_name", text(0)),
                ("cluster_region", text(1)),
                ("client", client),
                ("access_role", role),
                ("workload_role", Value::object([("name", text(9))])),
                ("kubernetes", Value::object([("groups", Value::set_of_strings(["devs"]))])),
            ],
        )
    };
    let texts = accepted(0, &ACCESS, texts, ruled, configured);
    let (mut value, answers) = (configured(&texts), &texts[ACCESS.len()..]);
    let env = env(&texts[1]);
    let answer = |at: usize, rule: fn(&str) -> Result<(), String>, good: &str| match answers.get(at) {
        Some(text) if !ruled || rule(text).is_ok() => text.clone(),
        _ => good.to_owned(),
    };
    let endpoint = answer(0, names::endpoint_url, "https://example.com");
    let authority = answer(1, names::certificate_authority, "Q0E=");
    let name = if ruled { env.cluster_arn(&texts[0]) } else { answer(2, |_| Ok(()), "arn") };
    value.insert(
        "cluster",
        Value::object([
            ("arn", Value::string(&name)),
            ("endpoint", Value::string(&endpoint)),
            ("certificate_authority", Value::string(&authority)),
        ]),
    );
    let made = cross_account_access::files(&value, &env);

    let [cluster, region, profile, config_file, session, source, role, path, external_id, _] = first(&texts);
    let role_arn = arn::role("aws", CLUSTER_ACCOUNT, path, role);
    let args = args(region, if by_role_arn && has_source { source } else { profile }, cluster, by_role_arn.then_some(&role_arn));
    assert_eq!(made["exec"].get("args").strings(), args);
    assert_eq!(made["exec"].get("env").get("AWS_CONFIG_FILE").as_str(), Some(config_file));
    let context = format!("{role}@{cluster}");
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
        "contexts": [{"name": context, "context": {"cluster": name, "user": context}}],
        "current-context": context,
        "users": [{"name": context, "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": args,
            "env": [{"name": "AWS_CONFIG_FILE", "value": config_file}],
            "interactiveMode": "Never",
        }}}],
    });
    assert_eq!(documents(&made["kubeconfig"]), [kubeconfig]);

    let origin = if has_source { ("source_profile", source) } else { ("credential_source", "Ec2InstanceMetadata") };
    let settings = [
        ("role_arn", role_arn.as_str()),
        origin,
        ("role_session_name", session),
        ("external_id", external_id),
        ("sts_regional_endpoints", "regional"),
        ("region", region),
    ];
    match made["aws_config"].as_str() {
        Some(file) => holds(file, &[(profile, &settings)], ruled),
        None => assert!(by_role_arn && made["aws_config"].is_null()),
    }
}

fn trust(texts: &[String], ruled: bool, chained: bool, named: bool) {
    let configured = |texts: &[String]| {
        let text = |at: usize| Value::string(&texts[at]);
        let role = |at: usize| Value::object([("name", text(at)), ("path", text(at + 1))]);
        let client = || Value::object([("profile_name", text(10)), ("object_name", text(11))]);
        filled(
            1,
            [
                ("cluster_name", text(0)),
                ("cluster_region", text(1)),
                ("service_accounts", Value::set([Value::object([("namespace", text(2)), ("name", text(3))])])),
                ("audiences", Value::set_of_strings([&texts[4]])),
                ("role", role(5)),
                ("pod_role", if chained { role(7) } else { Value::Null }),
                ("mode", Value::string(if chained { "chained" } else { "federated" })),
                ("external_id", if chained { text(9) } else { Value::Null }),
                ("client", if named { client() } else { Value::Null }),
            ],
        )
    };
    let texts = accepted(1, &TRUST, texts, ruled, configured);
    let made = irsa_trust::files(&configured(&texts), &env(&texts[1]));

    let [_, region, namespace, name, audience, role, path, pod, pod_path, external_id, profile, object] = first(&texts);
    let derived = irsa_trust::object_name(role);
    assert_eq!(names::kubernetes_object(&derived, 200), Ok(()));
    let (profile, object) = if named { (profile, object) } else { ("default", derived.as_str()) };
    let role_arn = arn::role("aws", WORKLOAD_ACCOUNT, path, role);
    let pod_arn = arn::role("aws", CLUSTER_ACCOUNT, pod_path, pod);
    let source = if profile == "default" { "xeks-pod".to_owned() } else { format!("xeks-pod-{profile}") };
    // A role of another partition than the cluster's is used in its own.
    let near = if chained || arn::partition_of(region) == "aws" { region } else { "ap-south-1" };
    let common = [("sts_regional_endpoints", "regional"), ("region", near)];
    let config = made["aws_config"].as_str().unwrap_or_else(|| panic!("a file"));
    if chained {
        let assumes = [("role_arn", role_arn.as_str()), ("source_profile", &source), ("external_id", external_id)];
        let token = ("web_identity_token_file", "/var/run/secrets/xeks/serviceaccount/token");
        let pods = [("role_arn", pod_arn.as_str()), token];
        holds(config, &[(profile, &[&assumes[..], &common[..]].concat()), (&source, &[&pods[..], &common[..]].concat())], ruled);
    } else {
        let token = ("web_identity_token_file", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token");
        holds(config, &[(profile, &[&[("role_arn", role_arn.as_str()), token], &common[..]].concat())], ruled);
    }
    let mut metadata = json!({"namespace": namespace, "name": name});
    if !chained {
        metadata["annotations"] = json!({"eks.amazonaws.com/role-arn": role_arn});
        if audience != "sts.amazonaws.com" {
            metadata["annotations"]["eks.amazonaws.com/audience"] = json!(audience);
        }
    }
    let mut expected = vec![json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})];
    if chained || named {
        let config_map = json!({"namespace": namespace, "name": format!("{object}-aws-config")});
        expected.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": config_map, "data": {"config": config}}));
    }
    if chained {
        expected.push(pod_template(namespace, name, audience, object));
    }
    let has_wildcard = format!("{namespace}{name}").contains(['*', '?']);
    assert_eq!(documents(&made["service_account_manifests"]), if has_wildcard { Vec::new() } else { expected });
}

fn pod_template(namespace: &str, name: &str, audience: &str, object: &str) -> Json {
    let token = json!({"serviceAccountToken": {"audience": audience, "expirationSeconds": 86_400, "path": "token"}});
    let container = json!({
        "name": "app",
        "image": "REPLACE-WITH-YOUR-IMAGE",
        "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/xeks/aws/config"}],
        "volumeMounts": [
            {"name": "xeks-token", "mountPath": "/var/run/secrets/xeks/serviceaccount", "readOnly": true},
            {"name": "xeks-aws-config", "mountPath": "/etc/xeks/aws", "readOnly": true},
        ],
    });
    let volumes = json!([
        {"name": "xeks-token", "projected": {"sources": [token]}},
        {"name": "xeks-aws-config", "configMap": {"name": format!("{object}-aws-config")}},
    ]);
    let spec = json!({"serviceAccountName": name, "containers": [container], "volumes": volumes});
    let metadata = json!({"name": format!("{object}-chained"), "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata, "template": {"spec": spec}})
}

/// The arguments of `aws eks get-token`.
fn args(region: &str, profile: &str, cluster: &str, role_arn: Option<&String>) -> Vec<String> {
    let mut args = vec!["--region", region, "--profile", profile, "eks", "get-token", "--cluster-name", cluster];
    args.extend(role_arn.into_iter().flat_map(|arn| ["--role-arn", arn]));
    args.extend(["--output", "json"]);
    args.into_iter().map(str::to_owned).collect()
}

/// The texts that the attributes take, and good values in place of those that a rule refuses or that the input lacks; what follows in the
/// input stays. Without the rules, all that there are.
fn accepted(resource: usize, fields: &[Field], texts: &[String], ruled: bool, configured: impl Fn(&[String]) -> Value) -> Vec<String> {
    let given = fields.iter().zip(0..).map(|((_, good), at)| texts.get(at).cloned().unwrap_or_else(|| (*good).to_owned()));
    let mut texts: Vec<String> = given.chain(texts.iter().skip(fields.len()).cloned()).collect();
    if !ruled {
        return texts;
    }
    let refused = |texts: &[String]| {
        let (resource, value) = (&RESOURCES[resource], configured(texts));
        let mut diagnostics = resource.schema().validate(&value);
        diagnostics.extend(resource.validate(&value, Default::default()));
        diagnostics.0.into_iter().map(|refused| refused.path.to_string()).collect::<BTreeSet<_>>()
    };
    let first = refused(&texts);
    for ((path, good), text) in fields.iter().zip(&mut texts) {
        // A path of a set's member ends at the set.
        if first.iter().any(|refused| path.starts_with(refused.as_str())) {
            text.clear();
            text.push_str(good);
        }
    }
    assert_eq!(if first.is_empty() { first } else { refused(&texts) }, BTreeSet::new(), "refused: {texts:?}");
    texts
}

fn first<const N: usize>(texts: &[String]) -> [&str; N] {
    std::array::from_fn(|at| texts[at].as_str())
}

/// A configuration with defaults.
fn filled<const N: usize>(resource: usize, given: [(&'static str, Value); N]) -> Value {
    let schema = RESOURCES[resource].schema();
    let mut value = Value::object(schema.attributes.iter().map(|attribute| (attribute.name, Value::Null)));
    given.into_iter().for_each(|(name, given)| value.insert(name, given));
    schema.with_defaults(&value)
}

fn env(region: &str) -> Env {
    let identity = |account_id: &str| Identity { account_id: account_id.into(), arn: String::new(), partition: "aws".into() };
    Env {
        cluster: Some(identity(CLUSTER_ACCOUNT)),
        recorded_cluster_account_id: None,
        workload: identity(WORKLOAD_ACCOUNT),
        region: region.into(),
        home_region: "ap-south-1".into(),
        workload_region: "ap-south-1".into(),
        default_tags: Tags::new(),
        ignore_tags: Default::default(),
        arns: BTreeMap::new(),
        clusters: BTreeMap::new(),
        ledger: Ledger::default(),
        given: Default::default(),
    }
}

/// The documents of a YAML file, read by saphyr.
fn documents(file: &Value) -> Vec<Json> {
    let text = file.as_str().unwrap_or_else(|| panic!("{file:?} is no file"));
    assert!(!text.chars().any(|c| crate::terminal::is_control(c) && c != '\n'), "{text:?}");
    let documents = Yaml::load_from_str(text).unwrap_or_else(|why| panic!("{why}: {text:?}"));
    documents.iter().map(json_of).collect()
}

fn json_of(yaml: &Yaml<'_>) -> Json {
    match yaml {
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::Boolean(truth)) => json!(truth),
        Yaml::Sequence(members) => members.iter().map(json_of).collect(),
        Yaml::Mapping(members) => {
            let members = members.iter().map(|(key, member)| match key {
                Yaml::Value(Scalar::String(key)) => (key.clone().into_owned(), json_of(member)),
                other => panic!("{other:?} is a key"),
            });
            Json::Object(members.collect::<Map<_, _>>())
        }
        other => panic!("{other:?} is nothing that xeks writes"),
    }
}

/// Profiles by name, each with its settings.
type Profiles<'a> = [(&'a str, &'a [(&'a str, &'a str)])];

/// The file has these profiles, these settings and nothing else: by its lines, by a parser of INI files, and by that of the AWS SDK. What
/// no rule has seen may be read as less than it is: a comment, or a profile of another name. Its lines are what they are.
fn holds(file: &str, profiles: &Profiles<'_>, ruled: bool) {
    let mut lines = file.lines();
    for (number, (name, settings)) in profiles.iter().enumerate() {
        assert!(number == 0 || lines.next() == Some(""), "{file:?}");
        let shown = visible_line(name).replace('[', "\\u005b").replace(']', "\\u005d");
        let header = if shown == "default" { "[default]".to_owned() } else { format!("[profile {shown}]") };
        assert_eq!(lines.next(), Some(header.as_str()));
        for (setting, value) in *settings {
            assert_eq!(lines.next(), Some(format!("{setting} = {}", visible_line(value)).as_str()));
        }
    }
    assert_eq!(lines.next(), None, "{file:?}");

    let mut ini = Ini::new_cs();
    // AWS's files have comments after a value only behind a space, which no value of a rule has (the guide, "Format of the config file").
    ini.set_inline_comment_symbols(Some(&[]));
    let (read, sdk) = (ini.read(file.to_owned()), sdk(file));
    if !ruled {
        let known: BTreeSet<&str> = profiles.iter().flat_map(|(_, settings)| settings.iter()).map(|(setting, _)| *setting).collect();
        let settings = read.iter().flatten().flat_map(|(_, settings)| settings.keys());
        assert!(settings.into_iter().all(|setting| known.contains(setting.as_str())), "{file:?}");
        for profile in sdk.iter().flat_map(|sdk| sdk.profiles().filter_map(|name| sdk.get_profile(name))) {
            assert_eq!(profile.get("credential_process"), None, "{file:?}");
        }
        return;
    }
    let read = read.unwrap_or_else(|why| panic!("{why}: {file:?}"));
    let expected: BTreeMap<String, BTreeMap<&str, Option<&str>>> = profiles
        .iter()
        .map(|(name, settings)| {
            let section = if *name == "default" { "default".to_owned() } else { format!("profile {name}") };
            (section, settings.iter().map(|(setting, value)| (*setting, Some(*value))).collect())
        })
        .collect();
    let found: BTreeMap<String, BTreeMap<&str, Option<&str>>> = read
        .iter()
        .map(|(section, settings)| {
            (section.clone(), settings.iter().map(|(setting, value)| (setting.as_str(), value.as_deref())).collect())
        })
        .collect();
    assert_eq!(found, expected);
    let sdk = sdk.unwrap_or_else(|| panic!("the SDK can't read {file:?}"));
    // The SDK leaves out a profile whose name has other characters than its own.
    let known = profiles.iter().filter(|(name, _)| !name.contains(['=', ',']));
    assert_eq!(sdk.profiles().collect::<BTreeSet<_>>(), known.clone().map(|(name, _)| *name).collect());
    for (name, settings) in known {
        let profile = sdk.get_profile(name);
        let read = |setting: &str| profile.and_then(|profile| profile.get(setting));
        settings.iter().for_each(|(setting, value)| assert_eq!(read(setting), Some(*value), "{file:?}"));
        assert_eq!(read("credential_process"), None);
    }
    assert_eq!(sdk.sso_sessions().count(), 0);
}

/// The file as the AWS SDK reads it; `None` where it can't.
fn sdk(file: &str) -> Option<EnvConfigSections> {
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, file).build();
    let (env, fs) = (ProcessEnv::from_slice(&[]), Fs::from_slice(&[]));
    // Contents in memory are there at once.
    let source = source::load(&env, &fs, &files).now_or_never()?.ok()?;
    EnvConfigSections::parse(source).ok()
}
