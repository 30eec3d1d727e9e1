//! What is said where a person has to sign in first, where a profile does not exist, and where other credentials are used than was meant.

use serde_json::{Value as Json, json};

use crate::case::Case;

const CLUSTER: &str = "183295435445";
const WORKLOAD: &str = "185863138492";
const SERIAL: &str = "arn:aws:iam::183295435445:mfa/operator";
const START_URL: &str = "https://example.awsapps.com/start";

/// The cluster account by that profile, in these files; the workload account by keys.
fn by_profile(profile: &str, config: &str) -> Case {
    Case::new(json!({"cluster_account": {"profile": profile}, "workload_account": keys(WORKLOAD)})).file("config", config)
}

/// The cluster account as the environment says.
fn by_environment(config: &str) -> Case {
    Case::new(json!({"cluster_account": {}, "workload_account": keys(WORKLOAD)})).file("config", config)
}

fn keys(account: &str) -> Json {
    json!({"access_key": format!("AKIA{account}"), "secret_key": "s"})
}

fn user(name: &str) -> String {
    format!("[profile {name}]\naws_access_key_id = AKIA{CLUSTER}\naws_secret_access_key = s\n")
}

/// A profile that assumes a role, from a source profile, with more settings.
fn role(name: &str, source: &str, more: &str) -> String {
    format!("[profile {name}]\nrole_arn = arn:aws:iam::{CLUSTER}:role/{name}\nsource_profile = {source}\n{more}\n")
}

fn code() -> String {
    format!("mfa_serial = {SERIAL}")
}

/// The detail of the error, which says all of these words, and what was called before it.
#[track_caller]
fn refused(case: &Case, words: &[&str]) -> String {
    let refused = case.refused();
    let detail = refused["detail"].as_str().unwrap().to_owned();
    for word in words {
        assert!(detail.contains(word), "no {word:?} in: {detail}");
    }
    detail
}

#[track_caller]
fn refused_without_a_call(case: &Case, words: &[&str]) {
    refused(case, words);
    let calls = case.sts.all();
    // Both accounts are opened at the same time; the other one is signed in.
    assert!(calls.iter().all(|call| call.access_key == format!("AKIA{WORKLOAD}")), "{calls:?}");
}

#[test]
fn a_profile_with_a_device_is_refused_with_the_commands_that_ask_for_its_code() {
    let case = by_profile("platform", &(user("user") + &role("platform", "user", &code())));
    let file = case.home.join(".aws/config");
    refused_without_a_call(
        &case,
        &[
            &format!("Profile \"platform\" in {}", file.display()),
            &format!("mfa_serial = {SERIAL}"),
            "aws configure export-credentials --profile platform --format env",
            "Remove profile from cluster_account",
            "credential_process = aws configure export-credentials --profile platform",
            "aws-vault exec platform",
        ],
    );
}

#[test]
fn a_device_at_any_depth_of_a_chain_is_named_with_its_own_profile() {
    let config = user("user") + &role("base", "user", &code()) + &role("middle", "base", "") + &role("platform", "middle", "");
    refused_without_a_call(
        &by_profile("platform", &config),
        &["Profile \"base\" in ", "which profile \"platform\" uses", "export-credentials --profile platform"],
    );
    let sourced = "[profile it]\nrole_arn = arn:aws:iam::183295435445:role/it\ncredential_source = Environment\n".to_owned() + &code();
    refused_without_a_call(&by_profile("it", &sourced), &["Profile \"it\" in ", SERIAL]);
}

#[test]
fn a_device_of_the_environments_or_the_default_profile_is_refused_too() {
    let config = user("user") + &role("platform", "user", &code());
    let case = by_environment(&config).env("AWS_PROFILE", "platform");
    refused_without_a_call(&case, &["Profile \"platform\" in ", "aws-vault exec platform"]);
    let default = user("user") + &role("default", "user", &code());
    refused_without_a_call(&by_environment(&default), &["Profile \"default\" in "]);
}

#[test]
fn a_device_in_a_credentials_file_is_named_with_that_file() {
    let text = format!("[platform]\nrole_arn = arn:aws:iam::{CLUSTER}:role/p\nsource_profile = user\nmfa_serial = {SERIAL}\n");
    let case = by_profile("platform", &user("user")).file("credentials", &text);
    let file = case.home.join(".aws/credentials");
    refused_without_a_call(&case, &[&format!("Profile \"platform\" in {} ", file.display())]);
}

#[test]
fn a_device_that_no_session_of_the_provider_needs_is_no_error() {
    let passes = |case: Case| assert_eq!(case.pair()["cluster"]["account_id"], CLUSTER);
    // Of a user, whose keys are used as they are.
    passes(by_profile("user", &(user("user") + &code())));
    // The SDK takes the keys of a source profile before its role.
    let source = role("base", "user", &code()) + &format!("aws_access_key_id = AKIA{CLUSTER}\naws_secret_access_key = s\n");
    passes(by_profile("platform", &(user("user") + &source + &role("platform", "base", ""))));
    // Of a profile that other credentials come before.
    let config = user("user") + &role("platform", "user", &code());
    let of_environment = by_environment(&config).env("AWS_PROFILE", "platform");
    passes(of_environment.env("AWS_ACCESS_KEY_ID", &format!("AKIA{CLUSTER}")).env("AWS_SECRET_ACCESS_KEY", "s"));
    passes(Case::new(json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD)})).file("config", &config));
    // Of another profile than the chosen one.
    passes(by_profile("user", &config));
}

#[test]
fn a_session_that_is_not_signed_in_is_named_with_its_profile_and_the_command() {
    let section = format!("[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = ap-south-1\n");
    let profile = format!("[profile platform]\nsso_session = corp\nsso_account_id = {CLUSTER}\nsso_role_name = Admin\n");
    let config = section + &profile;
    let words =
        ["sso_session \"corp\"", "profile \"platform\" in ", "`aws sso login --profile platform`", "`aws sso login --sso-session corp`"];
    refused(&by_profile("platform", &config), &words);
    refused(&by_environment(&config).env("AWS_PROFILE", "platform"), &words);
    let through = config.clone() + &role("deploy", "platform", "");
    refused(&by_profile("deploy", &through), &words);

    // The name is the SHA-1 of the session's name, as `aws sso login` writes it.
    let expired = r#"{"accessToken": "sso-token", "expiresAt": "2020-01-01T00:00:00Z"}"#;
    let case = by_profile("platform", &config).file("sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json", expired);
    refused(&case, &words);
}

#[test]
fn a_profile_of_the_older_form_of_single_sign_on_is_named_too() {
    let config = format!(
        "[profile platform]\nsso_start_url = {START_URL}\nsso_region = ap-south-1\nsso_account_id = {CLUSTER}\nsso_role_name = Admin\n"
    );
    let detail = refused(&by_profile("platform", &config), &["profile \"platform\" in ", "`aws sso login --profile platform`"]);
    assert!(!detail.contains("--sso-session"), "{detail}");

    // The SDK uses a token that has ended; the portal refuses it.
    let token = r#"{"accessToken": "sso-token", "expiresAt": "2020-01-01T00:00:00Z"}"#;
    let case = by_profile("platform", &config).file("sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json", token);
    case.sts.refuse_with("GetRoleCredentials", 9, "UnauthorizedException", "Session token not found or invalid");
    refused(&case, &["`aws sso login --profile platform`"]);
    case.sts.refuse_with("GetRoleCredentials", 9, "ForbiddenException", "No access");
    let detail = refused(&case, &["sso_account_id and sso_role_name", "profile \"platform\" in "]);
    assert!(!detail.contains("aws sso login"), "{detail}");
}

#[test]
fn a_session_of_single_sign_on_that_does_not_exist_is_named_with_the_files() {
    let case = by_profile("platform", &format!("[profile platform]\nsso_session = crop\nsso_account_id = {CLUSTER}\nsso_role_name = A\n"));
    let file = case.home.join(".aws/config");
    refused_without_a_call(&case, &["sso_session = crop", &file.display().to_string(), "aws configure sso-session"]);
}

#[test]
fn a_role_that_refuses_the_person_is_no_matter_of_signing_in() {
    let config = format!("[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = ap-south-1\n")
        + &format!(
            "[profile sso]\nsso_start_url = {START_URL}\nsso_region = ap-south-1\nsso_account_id = {CLUSTER}\nsso_role_name = Admin\n"
        )
        + &role("denied", "sso", "");
    let token = r#"{"accessToken": "sso-token", "expiresAt": "2099-01-01T00:00:00Z"}"#;
    let case = by_profile("denied", &config).file("sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json", token);
    let role = format!("arn:aws:iam::{CLUSTER}:role/denied");
    let detail = refused(&case, &["sts:AssumeRole failed: AccessDenied: Not you.", "profile \"denied\" in ", &role]);
    assert!(!detail.contains("aws sso login") && !detail.contains("unhandled error"), "{detail}");
}

#[test]
fn a_profile_that_does_not_exist_is_named_with_the_files_that_were_searched() {
    let files = |case: &Case| ["config", "credentials"].map(|name| case.home.join(".aws").join(name).display().to_string());
    let case = by_profile("platfrom", &user("platform"));
    let [config, credentials] = files(&case);
    refused_without_a_call(&case, &["Profile \"platfrom\" is not in", &config, &credentials, "which define platform"]);

    let case = by_environment(&user("platform")).env("AWS_PROFILE", "platfrom");
    refused_without_a_call(&case, &["AWS_PROFILE names profile \"platfrom\"", &files(&case)[0], "which define platform"]);

    let case = by_profile("platform", &role("platform", "usr", ""));
    let words = ["profile \"usr\" is not in", "source_profile = usr", "Profile \"platform\" in "];
    refused_without_a_call(&case, &[words.as_slice(), &[files(&case)[0].as_str()]].concat());

    let elsewhere = by_environment("").env("AWS_CONFIG_FILE", "/nowhere/config").env("AWS_PROFILE", "platform");
    refused_without_a_call(&elsewhere, &["/nowhere/config", "which define no profiles"]);
    let own = json!({"profile": "p", "shared_config_files": ["~/theirs"]});
    let case = Case::new(json!({"cluster_account": own, "workload_account": keys(WORKLOAD)}));
    std::fs::write(case.home.join("theirs"), user("platform")).unwrap();
    refused_without_a_call(&case, &[&case.home.join("theirs").display().to_string(), "which define platform"]);
}

#[test]
fn keys_of_the_environment_do_not_need_the_environments_profile() {
    let case = by_environment("").env("AWS_PROFILE", "nowhere").env("AWS_ACCESS_KEY_ID", &format!("AKIA{CLUSTER}"));
    assert_eq!(case.env("AWS_SECRET_ACCESS_KEY", "s").pair()["cluster"]["account_id"], CLUSTER);
}

/// Keys of the workload account in the environment.
fn with_keys(case: Case) -> Case {
    case.env("AWS_ACCESS_KEY_ID", &format!("AKIA{WORKLOAD}")).env("AWS_SECRET_ACCESS_KEY", "s")
}

#[test]
fn keys_of_the_environment_that_come_before_the_profile_are_named_where_the_account_is_wrong() {
    let words = [
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        "take precedence over profile \"platform\"",
        "set profile = \"platform\" in cluster_account",
    ];
    let same = with_keys(by_environment(&user("platform"))).env("AWS_PROFILE", "platform");
    let detail = refused(&same, &words);
    assert!(detail.contains(&format!("both belong to account {WORKLOAD}")) && detail.contains("access_key in the provider's"), "{detail}");

    let block = json!({"cluster_account": {"allowed_account_ids": [CLUSTER]}, "workload_account": keys(WORKLOAD)});
    let wrong = with_keys(Case::new(block).file("config", &user("platform"))).env("AWS_PROFILE", "platform");
    refused(&wrong, &words);

    let unknown = with_keys(by_environment(&user("platform"))).env("AWS_PROFILE", "platform");
    unknown.sts.refuse_with("GetCallerIdentity", 9, "InvalidClientTokenId", "The security token included in the request is invalid.");
    refused(&unknown, &words);

    let default = with_keys(by_environment("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"));
    refused(&default, &["take precedence over profile \"default\""]);
}

#[test]
fn a_wrong_account_is_named_with_the_callers_and_where_their_credentials_come_from() {
    let config = user("user") + &role("platform", "user", "");
    let mut workload = json!({"profile": "platform", "assume_role": [{"role_arn": format!("arn:aws:iam::{CLUSTER}:role/deploy")}]});
    let case = Case::new(json!({"cluster_account": {"profile": "user"}, "workload_account": workload})).file("config", &config);
    let file = case.home.join(".aws/config").display().to_string();
    refused(
        &case,
        &[
            &format!("arn:aws:iam::{CLUSTER}:user/someone (credentials from profile \"user\" in {file})"),
            &format!("arn:aws:sts::{CLUSTER}:assumed-role/deploy/xeks (credentials from profile \"platform\" in {file}"),
            &format!("which assumes arn:aws:iam::{CLUSTER}:role/platform, from profile \"user\""),
            &format!("then assume_role of arn:aws:iam::{CLUSTER}:role/deploy"),
        ],
    );
    workload["forbidden_account_ids"] = json!([CLUSTER]);
    let case = Case::new(json!({"cluster_account": {"profile": "user"}, "workload_account": workload})).file("config", &config);
    refused(&case, &["forbidden_account_ids contains that account", "credentials from profile \"platform\" in "]);
}

#[test]
fn a_session_of_more_than_an_hour_after_another_session_is_said_with_cause_and_cure() {
    let limit = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    let hop = json!([{"role_arn": format!("arn:aws:iam::{CLUSTER}:role/deploy"), "duration": "2h"}]);
    let config = user("user") + &role("platform", "user", "");
    let block = json!({"cluster_account": {"profile": "platform", "assume_role": hop}, "workload_account": keys(WORKLOAD)});
    let case = Case::new(block).file("config", &config);
    refused_without_a_call(&case, &["duration = \"2h\"", "role chaining", "one hour", "profile \"platform\" in ", "role/platform"]);

    // A session's keys in the environment do not say what they are a session of.
    let block = json!({"cluster_account": {"assume_role": hop}, "workload_account": keys(WORKLOAD)});
    let case = Case::new(block).env("AWS_ACCESS_KEY_ID", "ASIA1").env("AWS_SECRET_ACCESS_KEY", "s").env("AWS_SESSION_TOKEN", "t");
    case.sts.refuse_with("AssumeRole", 9, "ValidationError", limit);
    refused(&case, &["1 hour session limit", "role chaining", "Set duration = \"1h\" or less", "AWS_ACCESS_KEY_ID"]);

    let case = Case::new(json!({"cluster_account": {"assume_role": hop}, "workload_account": keys(WORKLOAD)}));
    let case = case.env("AWS_ACCESS_KEY_ID", "AKIA1").env("AWS_SECRET_ACCESS_KEY", "s");
    let longest = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    case.sts.refuse_with("AssumeRole", 9, "ValidationError", longest);
    refused(&case, &["Set a shorter duration", "--max-session-duration"]);
}

#[test]
fn keys_of_a_provider_that_can_not_be_verified_for_a_moment_are_asked_for_again_on_both_sides() {
    let web = |account: &str| json!({"assume_role_with_web_identity": {"role_arn": format!("arn:aws:iam::{account}:role/ci"), "web_identity_token": "h.c.s"}});
    let block = json!({"cluster_account": web(CLUSTER), "workload_account": web(WORKLOAD)});
    let unverified = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation \
                      for requirements";
    let case = Case::new(block.clone());
    case.sts.refuse_with("AssumeRoleWithWebIdentity", 2, "InvalidIdentityToken", unverified);
    let pair = case.pair();
    assert_eq!((&pair["cluster"]["account_id"], &pair["workload"]["account_id"]), (&json!(CLUSTER), &json!(WORKLOAD)));

    for message in ["Incorrect token audience", "Token expired: current date/time 2 must be before the expiration date/time 1"] {
        let case = Case::new(block.clone());
        case.sts.refuse_with("AssumeRoleWithWebIdentity", 99, "InvalidIdentityToken", message);
        refused(&case, &["InvalidIdentityToken", message]);
        assert!(case.sts.seen("AssumeRoleWithWebIdentity").len() <= 2, "once for each side: {message}");
    }
}

#[test]
fn the_names_of_the_sdks_providers_stay_whole_where_there_are_no_credentials() {
    let detail = refused(&by_environment(""), &["WebIdentityToken: the credential provider was not enabled", ".aws/config"]);
    assert!(!detail.contains("(secret)") && detail.contains("Set profile"), "{detail}");
}

#[test]
fn the_providers_own_list_of_account_ids_applies_to_both_sides() {
    let block =
        |allowed: &[&str]| json!({"cluster_account": keys(CLUSTER), "workload_account": keys(WORKLOAD), "allowed_account_ids": allowed});
    assert_eq!(Case::new(block(&[CLUSTER, WORKLOAD])).pair()["workload"]["account_id"], WORKLOAD);
    assert_eq!(Case::new(block(&[])).pair()["workload"]["account_id"], WORKLOAD);
    for (allowed, side, wrong) in [(WORKLOAD, "cluster_account", CLUSTER), (CLUSTER, "workload_account", WORKLOAD)] {
        let refused = Case::new(block(&[allowed])).refused();
        assert_eq!(refused["summary"], format!("Account {wrong} is not allowed as {side}"));
        assert!(refused["detail"].as_str().unwrap().contains(&format!("allowed_account_ids of the provider contains only {allowed}")));
    }
}
