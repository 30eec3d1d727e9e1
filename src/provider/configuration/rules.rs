//! Rules over several attributes of the `provider` block. Unknown values are passed over: they are checked when they are known.

use std::time::Duration;

use crate::aws::{Arn, arn, duration};
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::Value;
use crate::schema::validators::refuse;

/// STS ends sessions that were obtained with another session's credentials after one hour (STS AssumeRole, role chaining).
const CHAINED: Duration = Duration::from_secs(3600);

pub(super) fn check(config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut account = |value: &Value, path: Path| {
        check_account(value, &path, &mut diagnostics);
        check_allowed_accounts(config, value, &path, &mut diagnostics);
    };
    account(config.get("cluster_account"), Path::of("cluster_account"));
    account(config.get("workload_account"), Path::of("workload_account"));
    for (key, value) in config.get("workload_accounts").entries().into_iter().flatten() {
        account(value, Path::of("workload_accounts").key(key));
    }
    diagnostics
}

fn check_account(account: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let given = |name: &str| account.get(name).is_given();
    for (one, other) in [("access_key", "secret_key"), ("secret_key", "access_key"), ("token", "access_key")] {
        if given(one) && account.get(other).is_null() {
            let why = format!("It requires {other}, which is not set. Set both, or neither to use a profile or the environment.");
            refuse(&path.attribute(one), why, diagnostics);
        }
    }
    if given("allowed_account_ids") && given("forbidden_account_ids") {
        let why = "Set either allowed_account_ids or forbidden_account_ids: every account that is not allowed is already forbidden.";
        refuse(&path.attribute("forbidden_account_ids"), why, diagnostics);
    }
    check_web_identity(account, path, diagnostics);
    check_hops(account, path, diagnostics);
}

fn check_web_identity(account: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let web = account.get("assume_role_with_web_identity");
    let path = path.attribute("assume_role_with_web_identity");
    if web.get("web_identity_token").is_given() && web.get("web_identity_token_file").is_given() {
        refuse(&path.attribute("web_identity_token"), "Set either web_identity_token or web_identity_token_file.", diagnostics);
    }
    check_role_partition(account, web, &path, diagnostics);
}

fn check_hops(account: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let starts_with_session = account.get("assume_role_with_web_identity").is_given();
    for (index, hop) in account.get("assume_role").members().iter().enumerate() {
        let path = path.attribute("assume_role").index(index);
        check_role_partition(account, hop, &path, diagnostics);
        let length = hop.get("duration").as_str().and_then(|text| duration::parse(text).ok());
        if length.is_some_and(|length| length > CHAINED) && (index > 0 || starts_with_session) {
            let why = "AWS limits a session obtained from another session to one hour. Set at most 1h, or remove duration. The provider renews \
                 the session automatically.";
            refuse(&path.attribute("duration"), why, diagnostics);
        }
        let tags = hop.get("tags");
        if tags.is_unknown() {
            continue;
        }
        for key in hop.get("transitive_tag_keys").strings() {
            if tags.entries().is_none_or(|tags| !tags.contains_key(&key)) {
                let why = format!("{key:?} is not a key of this hop's tags. Add it to tags, or remove it here.");
                refuse(&path.attribute("transitive_tag_keys"), why, diagnostics);
            }
        }
    }
}

fn check_role_partition(account: &Value, hop: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let (Some(region), Some(role)) = (account.get("region").as_str(), hop.get("role_arn").as_str()) else { return };
    if let Ok(role) = Arn::parse(role)
        && role.partition != arn::partition_of(region)
    {
        let why = format!(
            "The role is in partition {}, but region {region} is in {}. Credentials don't work across partitions.",
            role.partition,
            arn::partition_of(region)
        );
        refuse(&path.attribute("role_arn"), why, diagnostics);
    }
}

/// An account whose own list has none of the provider's account IDs could never be used.
fn check_allowed_accounts(config: &Value, account: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let (all, own) = (config.get("allowed_account_ids"), account.get("allowed_account_ids"));
    let known = all.is_wholly_known() && own.is_wholly_known();
    let (all, own) = (all.strings(), own.strings());
    if known && !all.is_empty() && !own.is_empty() && !own.iter().any(|id| all.contains(id)) {
        let why = format!(
            "The provider's own allowed_account_ids contains only {}, and both lists apply: no account passes. Add an ID to the provider's list.",
            all.join(", ")
        );
        refuse(&path.attribute("allowed_account_ids"), why, diagnostics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::json;

    const ROLE: &str = "arn:aws:iam::185863138492:role/terraform";

    fn refused(text: serde_json::Value) -> Vec<String> {
        let schema = super::super::schema();
        let config = json::decode(&text, &schema.value_type()).unwrap();
        let mut diagnostics = schema.validate(&config);
        diagnostics.extend(check(&config));
        diagnostics.0.iter().map(|d| d.path.to_string()).collect()
    }

    #[test]
    fn the_example_of_the_documentation_passes() {
        let none: [&str; 0] = [];
        assert_eq!(
            refused(serde_json::json!({
                "cluster_account": {"profile": "platform", "region": "ap-south-1", "allowed_account_ids": ["183295435445"]},
                "workload_account": {"region": "ap-south-1", "assume_role": [{"role_arn": ROLE, "external_id": "xeks"}]},
                "workload_accounts": {"payments": {"region": "ap-south-1"}},
                "default_tags": {"owner": "platform"},
            })),
            none
        );
    }

    #[test]
    fn keys_come_in_pairs() {
        assert_eq!(refused(serde_json::json!({"cluster_account": {"access_key": "AKID"}})), ["cluster_account.access_key"]);
        assert_eq!(refused(serde_json::json!({"cluster_account": {"secret_key": "s"}})), ["cluster_account.secret_key"]);
        assert_eq!(refused(serde_json::json!({"cluster_account": {"token": "t"}})), ["cluster_account.token"]);
    }

    #[test]
    fn one_list_of_accounts_and_one_token_are_enough() {
        let both = serde_json::json!({"allowed_account_ids": ["183295435445"], "forbidden_account_ids": ["185863138492"]});
        assert_eq!(refused(serde_json::json!({ "workload_account": both })), ["workload_account.forbidden_account_ids"]);
        let tokens = serde_json::json!({"role_arn": ROLE, "web_identity_token": "t", "web_identity_token_file": "/t"});
        assert_eq!(
            refused(serde_json::json!({"workload_account": {"assume_role_with_web_identity": tokens}})),
            ["workload_account.assume_role_with_web_identity.web_identity_token"]
        );
    }

    #[test]
    fn chained_sessions_are_short() {
        let hop = |duration: &str| serde_json::json!({"role_arn": ROLE, "duration": duration});
        let none: [&str; 0] = [];
        assert_eq!(refused(serde_json::json!({"cluster_account": {"assume_role": [hop("2h"), hop("1h")]}})), none);
        assert_eq!(
            refused(serde_json::json!({"cluster_account": {"assume_role": [hop("2h"), hop("2h")]}})),
            ["cluster_account.assume_role[1].duration"]
        );
        let web = serde_json::json!({"role_arn": ROLE});
        assert_eq!(
            refused(serde_json::json!({"cluster_account": {"assume_role_with_web_identity": web, "assume_role": [hop("2h")]}})),
            ["cluster_account.assume_role[0].duration"]
        );
    }

    #[test]
    fn only_tags_that_are_there_pass_on() {
        let hop = serde_json::json!({"role_arn": ROLE, "tags": {"team": "a"}, "transitive_tag_keys": ["team", "stage"]});
        assert_eq!(
            refused(serde_json::json!({"cluster_account": {"assume_role": [hop]}})),
            ["cluster_account.assume_role[0].transitive_tag_keys"]
        );
    }

    #[test]
    fn a_lists_of_account_ids_that_no_account_passes_is_refused() {
        let of = |all: serde_json::Value, own: serde_json::Value| {
            refused(serde_json::json!({"allowed_account_ids": all, "workload_accounts": {"a": {"allowed_account_ids": own}}}))
        };
        let (one, other) = ("183295435445", "185863138492");
        assert_eq!(of(serde_json::json!([one]), serde_json::json!([other])), ["workload_accounts[\"a\"].allowed_account_ids"]);
        assert!(of(serde_json::json!([one, other]), serde_json::json!([other])).is_empty());
        assert!(
            of(serde_json::json!([one]), serde_json::json!([])).is_empty()
                && of(serde_json::json!([]), serde_json::json!([one])).is_empty()
        );
        assert_eq!(of(serde_json::json!(["1832"]), serde_json::json!([])), ["allowed_account_ids"]);
    }

    #[test]
    fn accounts_may_be_in_two_partitions_and_the_roles_of_one_may_not() {
        let china = serde_json::json!({"region": "cn-north-1"});
        assert!(refused(serde_json::json!({"cluster_account": {"region": "ap-south-1"}, "workload_accounts": {"a": china}})).is_empty());
        let role = serde_json::json!({"region": "cn-north-1", "assume_role": [{"role_arn": ROLE}]});
        assert_eq!(refused(serde_json::json!({ "cluster_account": role })), ["cluster_account.assume_role[0].role_arn"]);
    }

    #[test]
    fn each_attribute_has_its_rule() {
        let account = serde_json::json!({
            "region": "Mumbai", "profile": "", "allowed_account_ids": ["1832"], "endpoints": {"eks": "eks.local"}, "max_retries": -1,
            "retry_mode": "legacy", "https_proxy": "proxy:3128", "custom_ca_bundle": "", "sts_region": "x",
            "assume_role": [{"role_arn": "terraform", "session_name": "a b", "external_id": "x", "duration": "10m", "policy": "{",
                             "policy_arns": ["ReadOnlyAccess"], "tags": {"aws:x": "y"}, "source_identity": "a:b"}],
        });
        let mut paths =
            refused(serde_json::json!({"cluster_account": account, "workload_accounts": {"a/b": {}}, "default_tags": {"xeks:a": "b"}}));
        paths.sort();
        assert_eq!(
            paths,
            [
                "cluster_account.allowed_account_ids",
                "cluster_account.assume_role[0].duration",
                "cluster_account.assume_role[0].external_id",
                "cluster_account.assume_role[0].policy",
                "cluster_account.assume_role[0].policy_arns",
                "cluster_account.assume_role[0].role_arn",
                "cluster_account.assume_role[0].session_name",
                "cluster_account.assume_role[0].source_identity",
                "cluster_account.assume_role[0].tags[\"aws:x\"]",
                "cluster_account.custom_ca_bundle",
                "cluster_account.endpoints.eks",
                "cluster_account.https_proxy",
                "cluster_account.max_retries",
                "cluster_account.profile",
                "cluster_account.region",
                "cluster_account.retry_mode",
                "cluster_account.sts_region",
                "default_tags[\"xeks:a\"]",
                "workload_accounts[\"a/b\"]",
            ]
        );
    }

    #[test]
    fn unknown_values_are_passed_over() {
        let account = Value::object([
            ("access_key", Value::Unknown),
            ("secret_key", Value::Unknown),
            ("assume_role", Value::Unknown),
            ("region", Value::Unknown),
        ]);
        assert!(check(&Value::object([("cluster_account", account)])).is_empty());
        assert!(check(&Value::object([("cluster_account", Value::Unknown), ("workload_accounts", Value::Unknown)])).is_empty());
    }

    #[test]
    fn a_key_read_with_its_line_end_is_refused() {
        let web = serde_json::json!({"role_arn": ROLE, "web_identity_token": "eyJ hush"});
        let account = serde_json::json!({"access_key": "AKIA\n", "secret_key": "hush\n", "token": "hush\u{e9}"});
        let other = serde_json::json!({"assume_role_with_web_identity": web});
        let paths = refused(serde_json::json!({"cluster_account": account, "workload_account": other}));
        let web = "workload_account.assume_role_with_web_identity.web_identity_token";
        assert_eq!(paths, ["cluster_account.access_key", "cluster_account.secret_key", "cluster_account.token", web]);
    }

    #[test]
    fn no_refusal_repeats_a_secret() {
        let account = serde_json::json!({"secret_key": "hush hush", "assume_role": [{"role_arn": ROLE, "external_id": "hush hush"}]});
        let schema = super::super::schema();
        let config = json::decode(&serde_json::json!({ "cluster_account": account }), &schema.value_type()).unwrap();
        let mut diagnostics = schema.validate(&config);
        diagnostics.extend(check(&config));
        assert_eq!(diagnostics.0.len(), 3);
        assert!(diagnostics.0.iter().all(|d| !d.detail.contains("hush") && !d.summary.contains("hush")));
    }
}
