//! How an account is reached: the provider block and the environment against an STS that writes down who asked.
//!
//! Environment variables belong to a whole process, so each case runs in a child: this same executable, asked for the test `case::child`.

mod case;
mod sign_in;
mod sts;

use case::Case;
use serde_json::{Value as Json, json};
use sts::Sts;

const CLUSTER: &str = "183295435445";
const WORKLOAD: &str = "185863138492";

#[test]
fn an_explicit_profile_beats_keys_in_the_environment() {
    let case = Case::new(json!({"cluster_account": {"profile": "platform"}, "workload_account": {}}))
        .file("config", &format!("[profile platform]\naws_access_key_id = AKIA{CLUSTER}\naws_secret_access_key = s\n"))
        .env("AWS_ACCESS_KEY_ID", &format!("AKIA{WORKLOAD}"))
        .env("AWS_SECRET_ACCESS_KEY", "s");
    let pair = case.pair();
    assert_eq!(pair["cluster"]["account_id"], CLUSTER);
    assert_eq!(pair["workload"]["account_id"], WORKLOAD);
    assert_eq!(pair["workload"]["label"], format!("{WORKLOAD} (workload)"));
}

#[test]
fn keys_in_the_environment_beat_a_profile_of_the_environment() {
    let case = Case::new(json!({"workload_account": {"profile": "team"}}))
        .file(
            "config",
            &format!(
                "[profile platform]\naws_access_key_id = AKIA{WORKLOAD}\naws_secret_access_key = s\n[profile team]\n\
                 aws_access_key_id = AKIA{WORKLOAD}\naws_secret_access_key = s\n"
            ),
        )
        .env("AWS_PROFILE", "platform")
        .env("AWS_ACCESS_KEY_ID", &format!("AKIA{CLUSTER}"))
        .env("AWS_SECRET_ACCESS_KEY", "s");
    assert_eq!(case.pair()["cluster"]["account_id"], CLUSTER);
}

#[test]
fn keys_of_the_configuration_beat_everything() {
    let mut workload = keys(WORKLOAD);
    workload["profile"] = json!("team");
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": workload}))
        .file("config", "[profile team]\naws_access_key_id = AKIA111111111111\naws_secret_access_key = s\n")
        .env("AWS_ACCESS_KEY_ID", "AKIA222222222222")
        .env("AWS_SECRET_ACCESS_KEY", "s");
    assert_eq!(case.pair()["workload"]["account_id"], WORKLOAD);
}

#[test]
fn hops_chain_and_carry_all_they_are_given() {
    let mut workload = keys(CLUSTER);
    workload["assume_role"] = json!([
        {"role_arn": role("hub"), "external_id": "x-1", "session_name": "abhi", "duration": "1h", "policy": "{\"Statement\":[]}",
         "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "tags": {"team": "a"}, "transitive_tag_keys": ["team"],
         "source_identity": "abhi"},
        {"role_arn": role("spoke")},
    ]);
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": workload}));
    let pair = case.pair();
    assert_eq!(pair["workload"]["arn"], format!("arn:aws:sts::{WORKLOAD}:assumed-role/spoke/xeks"));
    let hops = case.sts.seen("AssumeRole");
    assert_eq!(hops.len(), 2);
    let (first, second) = (&hops[0], &hops[1]);
    assert_eq!(first.access_key, format!("AKIA{CLUSTER}"));
    for (name, value) in [
        ("RoleArn", role("hub").as_str()),
        ("ExternalId", "x-1"),
        ("RoleSessionName", "abhi"),
        ("DurationSeconds", "3600"),
        ("Policy", "{\"Statement\":[]}"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a"),
        ("TransitiveTagKeys.member.1", "team"),
        ("SourceIdentity", "abhi"),
    ] {
        assert_eq!(first.parameters.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(second.access_key, format!("ASIA{WORKLOAD}hub"));
    assert!(!second.parameters.contains_key("ExternalId"));
}

#[test]
fn a_refused_hop_is_named_with_its_place_and_without_secrets() {
    let mut workload = keys(CLUSTER);
    workload["assume_role"] = json!([{"role_arn": role("hub")}, {"role_arn": role("denied"), "external_id": "not-to-be-told"}]);
    let refused = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": workload})).refused();
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("sts:AssumeRole of {}, hop 2 of 2", role("denied"))), "{detail}");
    assert!(detail.contains("AccessDenied") && detail.contains("request id"), "{detail}");
    assert!(!detail.contains("not-to-be-told"), "{detail}");
}

#[test]
fn web_identity_reads_its_token_file_and_comes_before_the_hops() {
    let case = Case::new(json!({}));
    let token = case.home.join("token");
    std::fs::write(&token, "header.claims.signature\n").unwrap();
    let workload = json!({
        "assume_role_with_web_identity": {"role_arn": role("ci"), "web_identity_token_file": token, "session_name": "run-7"},
        "assume_role": [{"role_arn": role("deploy")}],
    });
    let case = case.block(json!({"cluster_account": keys(CLUSTER), "workload_account": workload}));
    assert_eq!(case.pair()["workload"]["arn"], format!("arn:aws:sts::{WORKLOAD}:assumed-role/deploy/xeks"));
    let web = &case.sts.seen("AssumeRoleWithWebIdentity")[0];
    assert_eq!(web.access_key, "", "the call is not signed");
    assert_eq!(web.parameters["WebIdentityToken"], "header.claims.signature");
    assert_eq!(web.parameters["RoleSessionName"], "run-7");
    assert_eq!(case.sts.seen("AssumeRole")[0].access_key, format!("ASIA{WORKLOAD}ci"));
}

#[test]
fn profiles_may_ask_a_process_or_single_sign_on() {
    let case = Case::new(json!({"cluster_account": {"profile": "process"}, "workload_account": {"profile": "sso"}}));
    let process = format!(r#"{{\"Version\":1,\"AccessKeyId\":\"AKIA{CLUSTER}\",\"SecretAccessKey\":\"s\"}}"#);
    let config = format!(
        "[profile process]\ncredential_process = /bin/echo \"{process}\"\n\
         [profile sso]\nsso_start_url = https://example.awsapps.com/start\nsso_region = ap-south-1\nsso_account_id = {WORKLOAD}\n\
         sso_role_name = Admin\n"
    );
    // The name is the SHA-1 of the start URL, as `aws sso login` writes it.
    let token = r#"{"accessToken": "sso-token", "expiresAt": "2099-01-01T00:00:00Z"}"#;
    let case = case.file("config", &config).file("sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json", token);
    let pair = case.pair();
    assert_eq!(pair["cluster"]["account_id"], CLUSTER);
    assert_eq!(pair["workload"]["account_id"], WORKLOAD);
}

#[test]
fn a_profile_brings_its_own_endpoint_region_and_role() {
    let case = Case::new(json!({"cluster_account": {"profile": "platform"}, "workload_account": {"profile": "team"}}));
    let url = case.sts.url();
    let config = format!(
        "[profile platform]\nregion = eu-west-1\nendpoint_url = {url}\naws_access_key_id = AKIA{CLUSTER}\naws_secret_access_key = s\n\
         [profile team]\nregion = ap-south-1\nendpoint_url = {url}\nsource_profile = platform\nrole_arn = {}\nexternal_id = x-1\n\
         role_session_name = abhi\n",
        role("team")
    );
    let case = case.file("config", &config).without("AWS_ENDPOINT_URL").without("AWS_REGION");
    let pair = case.pair();
    assert_eq!((&pair["cluster"]["region"], &pair["workload"]["region"]), (&json!("eu-west-1"), &json!("ap-south-1")));
    assert_eq!(pair["workload"]["account_id"], WORKLOAD);
    let hop = &case.sts.seen("AssumeRole")[0];
    assert_eq!(hop.access_key, format!("AKIA{CLUSTER}"));
    assert_eq!((hop.parameters["ExternalId"].as_str(), hop.parameters["RoleSessionName"].as_str()), ("x-1", "abhi"));
}

#[test]
fn other_shared_files_take_the_place_of_the_usual_ones() {
    let case = Case::new(json!({}));
    let (config, credentials) = (case.home.join("their-config"), case.home.join("their-credentials"));
    std::fs::write(&config, "[profile platform]\nregion = eu-west-1\n").unwrap();
    std::fs::write(&credentials, format!("[platform]\naws_access_key_id = AKIA{CLUSTER}\naws_secret_access_key = s\n")).unwrap();
    let cluster = json!({"profile": "platform", "shared_config_files": [config], "shared_credentials_files": ["~/their-credentials"]});
    let usual = "[profile platform]\nregion = us-east-1\naws_access_key_id = AKIA111111111111\naws_secret_access_key = s\n";
    let case =
        case.block(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)})).file("config", usual).without("AWS_REGION");
    let refused = case.refused();
    assert_eq!(refused["summary"], "No region for workload_account", "only the cluster account's profile has a region");
    assert_eq!(case.sts.seen("GetCallerIdentity")[0].access_key, format!("AKIA{CLUSTER}"));
}

#[test]
fn a_profile_that_is_not_there_is_an_error_and_not_the_instances_role() {
    let case = Case::new(json!({"cluster_account": {"profile": "platfrom"}, "workload_account": keys(WORKLOAD)}))
        .file("config", "[profile platform]\nregion = ap-south-1\n[profile team]\nregion = ap-south-1\n");
    let refused = case.refused();
    assert_eq!(refused["summary"], "cluster_account can't be used");
    assert!(refused["detail"].as_str().unwrap().contains("which define platform, team"), "{refused}");
}

#[test]
fn one_account_on_both_sides_is_refused_with_both_callers_unless_allowed() {
    let block = json!({"cluster_account": keys(CLUSTER), "workload_account": keys(CLUSTER)});
    let refused = Case::new(block.clone()).refused();
    assert_eq!(refused["summary"], "Both sides use the same account");
    assert_eq!(refused["detail"].as_str().unwrap().matches(&format!("arn:aws:iam::{CLUSTER}:user/someone")).count(), 2);
    let mut allowed = block;
    allowed["allow_same_account"] = json!(true);
    assert_eq!(Case::new(allowed).pair()["workload"]["account_id"], CLUSTER);
}

#[test]
fn an_account_that_is_not_allowed_is_refused_before_anything_is_done() {
    let mut cluster = keys(WORKLOAD);
    cluster["allowed_account_ids"] = json!([CLUSTER]);
    let case = Case::new(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)}));
    let refused = case.refused();
    assert_eq!(refused["summary"], format!("Account {WORKLOAD} is not allowed as cluster_account"));
    assert!(refused["detail"].as_str().unwrap().contains(&format!("allowed_account_ids contains only {CLUSTER}")), "{refused}");
    let mut cluster = keys(CLUSTER);
    cluster["forbidden_account_ids"] = json!([CLUSTER]);
    let refused = Case::new(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)})).refused();
    assert!(refused["detail"].as_str().unwrap().contains("forbidden_account_ids contains that account"), "{refused}");
}

#[test]
fn named_accounts_are_picked_by_key() {
    let block = json!({"cluster_account": keys(CLUSTER), "workload_accounts": {"payments": keys(WORKLOAD)}});
    let pair = Case::new(block).env("CHILD_KEY", "payments").pair();
    assert_eq!(pair["workload"]["label"], format!("{WORKLOAD} (workload \"payments\")"));
}

#[test]
fn each_caller_is_asked_for_once_however_many_resources_need_it() {
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)})).env("CHILD_PAIRS", "8");
    case.pair();
    assert_eq!(case.sts.seen("GetCallerIdentity").len(), 2);
}

#[test]
fn nothing_is_asked_before_the_first_use() {
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)})).env("CHILD_PAIRS", "0");
    case.run();
    assert_eq!(case.sts.all().len(), 0);
}

#[test]
fn a_failure_is_not_kept() {
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)})).env("CHILD_AGAIN", "1");
    case.sts.refuse_first("GetCallerIdentity", 1);
    let results = case.run();
    assert!(results[0].get("summary").is_some(), "{results:?}");
    assert_eq!(results[1]["cluster"]["account_id"], CLUSTER);
}

#[test]
fn a_session_about_to_end_is_renewed() {
    let mut cluster = keys(CLUSTER);
    cluster["assume_role"] = json!([{"role_arn": format!("arn:aws:iam::{CLUSTER}:role/short")}]);
    let case = Case::new(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)})).env("CHILD_CALLS", "2");
    case.pair();
    assert_eq!(case.sts.seen("GetCallerIdentity").len(), 4);
    assert!(case.sts.seen("AssumeRole").len() >= 3, "renewed before each call that follows");
}

#[test]
fn calls_name_this_product_and_its_version() {
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)}));
    case.pair();
    let expected = format!("xeks/{}", env!("CARGO_PKG_VERSION"));
    assert!(case.sts.all().iter().all(|call| call.user_agent.contains(&expected)), "{:?}", case.sts.all()[0].user_agent);
}

#[test]
fn a_missing_region_is_said_to_be_missing() {
    let case = Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)})).env("AWS_REGION", "");
    assert_eq!(case.refused()["summary"], "No region for cluster_account");
}

#[test]
fn an_endpoint_set_to_nothing_is_an_error_that_names_it() {
    let block = json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)});
    let refused = Case::new(block).env("AWS_ENDPOINT_URL_EKS", "").refused();
    assert!(refused["detail"].as_str().unwrap().contains("AWS_ENDPOINT_URL_EKS"), "{refused}");
}

#[test]
fn an_endpoint_of_the_configuration_and_a_proxy_are_used() {
    let mut cluster = keys(CLUSTER);
    let case = Case::new(json!({}));
    cluster["endpoints"] = json!({"sts": "http://sts.example.invalid"});
    cluster["http_proxy"] = json!(case.sts.url());
    let case = case.block(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)}));
    assert_eq!(case.pair()["cluster"]["account_id"], CLUSTER);
    let through_proxy: Vec<_> = case.sts.all().into_iter().filter(|call| call.target.starts_with("http://sts.example.invalid")).collect();
    assert_eq!(through_proxy.len(), 1);
}

#[test]
fn hosts_of_no_proxy_are_reached_without_it() {
    let mut cluster = keys(CLUSTER);
    cluster["http_proxy"] = json!("http://127.0.0.1:1");
    cluster["no_proxy"] = json!("localhost");
    let case = Case::new(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)}));
    assert_eq!(case.pair()["cluster"]["account_id"], CLUSTER);
}

#[test]
fn endpoints_of_the_chosen_kind_and_region_are_asked_through_the_https_proxy() {
    let case = Case::new(json!({}));
    let mut cluster = keys(CLUSTER);
    cluster["https_proxy"] = json!(case.sts.url());
    cluster["use_fips_endpoint"] = json!(true);
    cluster["use_dualstack_endpoint"] = json!(true);
    cluster["sts_region"] = json!("us-east-1");
    cluster["max_retries"] = json!(0);
    let mut workload = keys(WORKLOAD);
    workload["endpoints"] = json!({"sts": case.sts.url()});
    let case = case.block(json!({"cluster_account": cluster, "workload_account": workload})).without("AWS_ENDPOINT_URL");
    assert_eq!(case.refused()["unreachable"], true, "the proxy refuses to connect");
    let asked: Vec<String> = case.sts.seen("CONNECT").into_iter().map(|call| call.target).collect();
    assert_eq!(asked, ["sts-fips.us-east-1.api.aws:443"]);
}

#[test]
fn an_authority_of_ones_own_is_trusted_and_no_other() {
    let sts = Sts::start_tls();
    let mut cluster = keys(CLUSTER);
    cluster["endpoints"] = json!({"sts": sts.url()});
    cluster["max_retries"] = json!(0);
    let case = Case::new(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)}));
    let refused = case.refused();
    assert!(refused["detail"].as_str().unwrap().contains("certificate"), "{refused}");
    assert_eq!(refused["unreachable"], true);
    let bundle = case.home.join("ca.pem");
    std::fs::write(&bundle, sts.certificate()).unwrap();
    cluster["custom_ca_bundle"] = json!(bundle);
    let case = case.block(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)}));
    assert_eq!(case.pair()["cluster"]["account_id"], CLUSTER);
}

#[test]
fn an_account_that_does_not_answer_is_told_apart_from_a_wrong_one() {
    let mut cluster = keys(CLUSTER);
    cluster["endpoints"] = json!({"sts": "http://127.0.0.1:1"});
    cluster["max_retries"] = json!(0);
    let refused = Case::new(json!({"cluster_account": cluster, "workload_account": keys(WORKLOAD)})).refused();
    assert_eq!(refused["unreachable"], true, "{refused}");
}

fn keys(account: &str) -> Json {
    json!({"access_key": format!("AKIA{account}"), "secret_key": "s"})
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{WORKLOAD}:role/{name}")
}
