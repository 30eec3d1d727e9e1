//! From the values of the `provider` block to plain settings. Every value here is known and has passed its rules.

use std::path::PathBuf;

use super::Configured;
use crate::aws::accounts::Accounts;
use crate::aws::duration;
use crate::aws::settings::{AssumeRole, Endpoints, Keys, RetryMode, Secret, Settings, Token, TransportSettings, WebIdentity};
use crate::aws::tags::IgnoreTags;
use crate::schema::Value;

pub(super) fn configured(config: &Value) -> Configured {
    let workload = config.get("workload_account");
    let named = config.get("workload_accounts").entries().into_iter().flatten();
    let ignore = config.get("ignore_tags");
    let allowed = config.get("allowed_account_ids").strings();
    let settings = |account: &Value| Settings { allowed_by_provider: allowed.clone(), ..settings(account) };
    Configured {
        unknown: false,
        default_tags: strings_of_map(config.get("default_tags")),
        ignore_tags: IgnoreTags { keys: ignore.get("keys").strings(), key_prefixes: ignore.get("key_prefixes").strings() },
        skip_preflight: config.get("skip_preflight").as_bool().unwrap_or(false),
        accounts: Accounts::new(
            settings(config.get("cluster_account")),
            (!workload.is_null()).then(|| settings(workload)),
            named.map(|(key, account)| (key.clone(), settings(account))).collect(),
            config.get("allow_same_account").as_bool().unwrap_or(false),
        ),
    }
}

fn settings(account: &Value) -> Settings {
    let keys = match (unlisted(account, "access_key"), secret(account, "secret_key")) {
        (Some(access_key), Some(secret_key)) => Some(Keys { access_key, secret_key, token: secret(account, "token") }),
        _ => None,
    };
    let web = account.get("assume_role_with_web_identity");
    let endpoints = account.get("endpoints");
    Settings {
        region: text(account, "region"),
        profile: text(account, "profile"),
        keys,
        shared_config_files: paths(account, "shared_config_files"),
        shared_credentials_files: paths(account, "shared_credentials_files"),
        web_identity: (!web.is_null()).then(|| web_identity(web)),
        assume_role: account.get("assume_role").members().iter().map(assume_role).collect(),
        allowed_account_ids: account.get("allowed_account_ids").strings(),
        forbidden_account_ids: account.get("forbidden_account_ids").strings(),
        allowed_by_provider: Vec::new(),
        endpoints: Endpoints {
            eks: text(endpoints, "eks"),
            iam: text(endpoints, "iam"),
            sts: text(endpoints, "sts"),
            ec2: text(endpoints, "ec2"),
        },
        sts_region: text(account, "sts_region"),
        max_retries: account.get("max_retries").as_i64().and_then(|n| u32::try_from(n).ok()),
        retry_mode: account.get("retry_mode").as_str().map(|mode| match mode {
            "adaptive" => RetryMode::Adaptive,
            _ => RetryMode::Standard,
        }),
        transport: TransportSettings {
            http_proxy: secret(account, "http_proxy"),
            https_proxy: secret(account, "https_proxy"),
            no_proxy: text(account, "no_proxy"),
            custom_ca_bundle: text(account, "custom_ca_bundle").map(PathBuf::from),
        },
        use_fips_endpoint: account.get("use_fips_endpoint").as_bool(),
        use_dualstack_endpoint: account.get("use_dualstack_endpoint").as_bool(),
    }
}

fn assume_role(role: &Value) -> AssumeRole {
    AssumeRole {
        role_arn: text(role, "role_arn").unwrap_or_default(),
        session_name: text(role, "session_name"),
        external_id: unlisted(role, "external_id"),
        duration: text(role, "duration").and_then(|d| duration::parse(&d).ok()),
        policy: text(role, "policy"),
        policy_arns: role.get("policy_arns").strings(),
        tags: strings_of_map(role.get("tags")),
        transitive_tag_keys: role.get("transitive_tag_keys").strings(),
        source_identity: text(role, "source_identity"),
    }
}

fn web_identity(web: &Value) -> WebIdentity {
    let token = match (secret(web, "web_identity_token"), text(web, "web_identity_token_file")) {
        (Some(token), _) => Token::Inline(token),
        (None, Some(path)) => Token::File(path.into()),
        (None, None) => Token::Environment,
    };
    WebIdentity {
        role_arn: text(web, "role_arn").unwrap_or_default(),
        session_name: text(web, "session_name"),
        token,
        duration: text(web, "duration").and_then(|d| duration::parse(&d).ok()),
        policy: text(web, "policy"),
        policy_arns: web.get("policy_arns").strings(),
    }
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).as_str().map(str::to_owned)
}

fn secret(object: &Value, name: &str) -> Option<Secret> {
    object.get(name).as_str().map(Secret::new)
}

fn unlisted(object: &Value, name: &str) -> Option<Secret> {
    object.get(name).as_str().map(Secret::unlisted)
}

fn paths(object: &Value, name: &str) -> Vec<PathBuf> {
    object.get(name).strings().into_iter().map(PathBuf::from).collect()
}

fn strings_of_map(map: &Value) -> std::collections::BTreeMap<String, String> {
    let members = map.entries().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::schema::json;

    fn account(text: serde_json::Value) -> Settings {
        let ty = super::super::schema().value_type();
        let config = json::decode(&serde_json::json!({ "cluster_account": text }), &ty).unwrap();
        settings(config.get("cluster_account"))
    }

    #[test]
    fn an_account_left_out_has_no_settings() {
        assert_eq!(settings(&Value::Null), Settings::default());
    }

    #[test]
    fn every_attribute_of_an_account_arrives() {
        let settings = account(serde_json::json!({
            "region": "ap-south-1", "profile": "platform",
            "access_key": "AKID", "secret_key": "hush", "token": "more",
            "shared_config_files": ["/b", "/a"], "shared_credentials_files": ["~/.aws/other"],
            "allowed_account_ids": ["183295435445"], "forbidden_account_ids": ["185863138492"],
            "endpoints": {"eks": "https://e", "iam": "https://i", "sts": "https://s", "ec2": "https://c"},
            "sts_region": "us-east-1", "max_retries": 7, "retry_mode": "adaptive",
            "http_proxy": "http://p", "https_proxy": "http://q", "no_proxy": "localhost", "custom_ca_bundle": "/ca.pem",
            "use_fips_endpoint": true, "use_dualstack_endpoint": false,
        }));
        let expected = Settings {
            region: Some("ap-south-1".into()),
            profile: Some("platform".into()),
            keys: Some(Keys { access_key: Secret::new("AKID"), secret_key: Secret::new("hush"), token: Some(Secret::new("more")) }),
            shared_config_files: vec!["/b".into(), "/a".into()],
            shared_credentials_files: vec!["~/.aws/other".into()],
            allowed_account_ids: vec!["183295435445".into()],
            forbidden_account_ids: vec!["185863138492".into()],
            endpoints: Endpoints {
                eks: Some("https://e".into()),
                iam: Some("https://i".into()),
                sts: Some("https://s".into()),
                ec2: Some("https://c".into()),
            },
            sts_region: Some("us-east-1".into()),
            max_retries: Some(7),
            retry_mode: Some(RetryMode::Adaptive),
            transport: TransportSettings {
                http_proxy: Some(Secret::new("http://p")),
                https_proxy: Some(Secret::new("http://q")),
                no_proxy: Some("localhost".into()),
                custom_ca_bundle: Some("/ca.pem".into()),
            },
            use_fips_endpoint: Some(true),
            use_dualstack_endpoint: Some(false),
            ..Settings::default()
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn hops_keep_their_order_and_all_they_carry() {
        let settings = account(serde_json::json!({"assume_role": [
            {"role_arn": "arn:aws:iam::185863138492:role/z", "external_id": "x1", "duration": "1h30m", "session_name": "me",
             "policy": "{}", "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "tags": {"team": "a"},
             "transitive_tag_keys": ["team"], "source_identity": "abhi"},
            {"role_arn": "arn:aws:iam::185863138492:role/a"},
        ]}));
        let first = AssumeRole {
            role_arn: "arn:aws:iam::185863138492:role/z".into(),
            session_name: Some("me".into()),
            external_id: Some(Secret::new("x1")),
            duration: Some(Duration::from_secs(5400)),
            policy: Some("{}".into()),
            policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
            tags: [("team".into(), "a".into())].into(),
            transitive_tag_keys: vec!["team".into()],
            source_identity: Some("abhi".into()),
        };
        let second = AssumeRole { role_arn: "arn:aws:iam::185863138492:role/a".into(), ..AssumeRole::default() };
        assert_eq!(settings.assume_role, [first, second]);
    }

    #[test]
    fn a_web_identity_reads_its_token_from_where_the_configuration_says() {
        let token = |rest: serde_json::Value| {
            let mut web = serde_json::json!({"role_arn": "arn:aws:iam::185863138492:role/a"});
            web.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            account(serde_json::json!({ "assume_role_with_web_identity": web })).web_identity.unwrap().token
        };
        assert_eq!(token(serde_json::json!({"web_identity_token": "t"})), Token::Inline(Secret::new("t")));
        assert_eq!(token(serde_json::json!({"web_identity_token_file": "/t"})), Token::File("/t".into()));
        assert_eq!(token(serde_json::json!({})), Token::Environment);
    }
}
