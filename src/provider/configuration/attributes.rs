//! The attributes of the `provider` block: name, type, documentation and the rule on each.

use std::time::Duration;

use crate::aws::{arn, duration, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::validators::{between, count, each_text, one_of, refuse, text};
use crate::schema::{Attribute, Nesting, Schema, Value};

const DOC: &str = "Joins EKS clusters of one AWS account with roles and service accounts of others: each connection is one resource over two \
accounts. What is left out of an account's configuration comes from the environment and the shared files, as in the AWS CLI.";

pub(super) fn schema() -> Schema {
    Schema::new(
        DOC,
        vec![
            account(
                "cluster_account",
                Nesting::Single,
                "The account that owns the EKS clusters. Left out: whatever the environment says.",
            ),
            account(
                "workload_account",
                Nesting::Single,
                "The account that owns the instances, roles and buckets, for resources that choose none of `workload_accounts`.",
            ),
            account(
                "workload_accounts",
                Nesting::Map,
                "More workload accounts, by a name of your own. A resource picks one with its `workload_account`, so that `for_each` \
                 works over accounts.",
            )
            .check(|value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
                for key in value.entries().into_iter().flatten().map(|(key, _)| key) {
                    if let Err(why) = account_key(key) {
                        refuse(&path.key(key), why, diagnostics);
                    }
                }
            }),
            Attribute::map_of_strings("default_tags", "Tags for everything that this provider makes. A resource's own tags win.")
                .optional()
                .check(tags(50, names::user_tag_key)),
            Attribute::nested(
                "ignore_tags",
                Nesting::Single,
                vec![
                    Attribute::set_of_strings("keys", "Keys of tags to leave alone.").optional(),
                    Attribute::set_of_strings("key_prefixes", "Beginnings of keys of tags to leave alone.").optional(),
                ],
                "Tags that others put on the objects of this provider: neither drift nor removed.",
            )
            .optional(),
            Attribute::bool(
                "allow_same_account",
                "Whether both sides of a connection may be one account. Default: `false`, since that mostly means that a profile is wrong.",
            )
            .optional(),
            Attribute::bool(
                "skip_preflight",
                "Whether to plan without asking AWS whether the apply can work. Default: `false`. Who the callers are is asked all the same.",
            )
            .optional(),
        ],
    )
}

fn account(name: &'static str, nesting: Nesting, doc: &'static str) -> Attribute {
    let attributes = vec![
        Attribute::string("region", "Region, such as `ap-south-1`. Else `AWS_REGION`, else the profile's.")
            .optional()
            .check(text(names::region)),
        Attribute::string("profile", "Profile of the shared files. Beats keys in the environment.").optional().check(text(not_empty)),
        Attribute::string("access_key", "Access key ID. With `secret_key`. Beats `profile`.").optional().check(text(credential)),
        Attribute::string("secret_key", "Secret access key.").optional().sensitive().check(text(credential)),
        Attribute::string("token", "Session token of temporary keys.").optional().sensitive().check(text(credential)),
        Attribute::list_of_strings("shared_config_files", "Files to read profiles from, in place of `~/.aws/config`.")
            .optional()
            .check(each_text(not_empty)),
        Attribute::list_of_strings("shared_credentials_files", "Files to read keys from, in place of `~/.aws/credentials`.")
            .optional()
            .check(each_text(not_empty)),
        assume_role(),
        assume_role_with_web_identity(),
        Attribute::set_of_strings("allowed_account_ids", "The only account IDs to work in. Any other is an error before anything is done.")
            .optional()
            .check(each_text(arn::account_id)),
        Attribute::set_of_strings("forbidden_account_ids", "Account IDs never to work in.").optional().check(each_text(arn::account_id)),
        endpoints(),
        Attribute::string("sts_region", "Region of the STS endpoint. Default: `region`.").optional().check(text(names::region)),
        Attribute::number("max_retries", "How often a call is tried again. Default: `AWS_MAX_ATTEMPTS` or the profile's, else 4.")
            .optional()
            .check(between(0, 100)),
        Attribute::string("retry_mode", "`standard` (default) or `adaptive`, which also slows down where AWS throttles.")
            .optional()
            .check(one_of(&["standard", "adaptive"])),
        Attribute::string("http_proxy", "Proxy for `http://` endpoints. Else `HTTP_PROXY`.")
            .optional()
            .sensitive()
            .check(text(names::http_url)),
        Attribute::string("https_proxy", "Proxy for `https://` endpoints, which are AWS's own. Else `HTTPS_PROXY`.")
            .optional()
            .sensitive()
            .check(text(names::http_url)),
        Attribute::string("no_proxy", "Hosts to reach without a proxy, with commas between. Else `NO_PROXY`.").optional(),
        Attribute::string(
            "custom_ca_bundle",
            "PEM file of the certificate authorities to trust, in place of the system's. Else `AWS_CA_BUNDLE`.",
        )
        .optional()
        .check(text(not_empty)),
        Attribute::bool("use_fips_endpoint", "Whether to use FIPS endpoints.").optional(),
        Attribute::bool("use_dualstack_endpoint", "Whether to use endpoints with IPv6.").optional(),
    ];
    Attribute::nested(name, nesting, attributes, doc).optional()
}

fn assume_role() -> Attribute {
    let attributes = vec![
        Attribute::string("role_arn", "ARN of the role to assume.").required().check(text(arn::is_role)),
        session_name(),
        Attribute::string("external_id", "External ID that the role's trust asks for.").optional().check(text(names::external_id)),
        session_duration("Length of the session, such as `1h`. From the second hop on, AWS ends sessions after one hour."),
        session_policy(),
        session_policy_arns(),
        Attribute::map_of_strings("tags", "Session tags. The role's trust must allow `sts:TagSession`.")
            .optional()
            .check(tags(50, names::tag_key)),
        Attribute::set_of_strings("transitive_tag_keys", "Keys of session tags that pass on to the next hop.").optional(),
        Attribute::string("source_identity", "Who is behind the session, for AWS's logs. It passes on to the next hop.")
            .optional()
            .check(text(names::source_identity)),
    ];
    Attribute::nested(
        "assume_role",
        Nesting::List,
        attributes,
        "Roles to assume, one after the other: each with the credentials of the one before.",
    )
    .optional()
}

fn assume_role_with_web_identity() -> Attribute {
    let attributes = vec![
        Attribute::string("role_arn", "ARN of the role to assume.").required().check(text(arn::is_role)),
        session_name(),
        Attribute::string("web_identity_token", "The token itself.").optional().sensitive().check(text(credential)),
        Attribute::string(
            "web_identity_token_file",
            "File with the token, read again whenever the session is renewed. Else `AWS_WEB_IDENTITY_TOKEN_FILE`.",
        )
        .optional()
        .check(text(not_empty)),
        session_duration("Length of the session, such as `1h`."),
        session_policy(),
        session_policy_arns(),
    ];
    Attribute::nested(
        "assume_role_with_web_identity",
        Nesting::Single,
        attributes,
        "A role to assume with the token of an identity provider, such as a CI system's. Comes before `assume_role`.",
    )
    .optional()
}

fn session_name() -> Attribute {
    Attribute::string("session_name", "Name of the session in AWS's logs. Else `AWS_ROLE_SESSION_NAME`, else `xeks`.")
        .optional()
        .check(text(names::session_name))
}

fn session_duration(doc: &'static str) -> Attribute {
    Attribute::string("duration", doc).optional().check(text(is_session_duration))
}

fn session_policy() -> Attribute {
    Attribute::string("policy", "IAM policy (JSON) that limits the session further.").optional().check(text(policy::is_document))
}

fn session_policy_arns() -> Attribute {
    Attribute::set_of_strings("policy_arns", "ARNs of managed policies that limit the session further.")
        .optional()
        .check(each_text(arn::is_policy))
        .check(count(0, 10))
}

fn endpoints() -> Attribute {
    let one = |name, doc| Attribute::string(name, doc).optional().check(text(names::http_url));
    let attributes = vec![
        one("eks", "URL of the EKS endpoint."),
        one("iam", "URL of the IAM endpoint."),
        one("sts", "URL of the STS endpoint. A profile's own `role_arn` takes `AWS_ENDPOINT_URL_STS` instead."),
        one("ec2", "URL of the EC2 endpoint."),
    ];
    Attribute::nested(
        "endpoints",
        Nesting::Single,
        attributes,
        "Endpoints in place of AWS's public ones, such as VPC endpoints. Else `AWS_ENDPOINT_URL_…` and `AWS_ENDPOINT_URL`.",
    )
    .optional()
}

/// Tags within AWS's rules.
fn tags(most: usize, key_rule: fn(&str) -> Result<(), String>) -> impl Fn(&Value, &Path, &mut Diagnostics) + Send + Sync {
    move |value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
        let members = value.entries().into_iter().flatten();
        if members.clone().count() > most {
            refuse(path, format!("It has {} tags; AWS allows {most} on one object.", members.clone().count()), diagnostics);
        }
        for (key, member) in members {
            for why in [key_rule(key), member.as_str().map_or(Ok(()), names::tag_value)].into_iter().filter_map(Result::err) {
                refuse(&path.key(key), why, diagnostics);
            }
        }
    }
}

/// A key of `workload_accounts`: stands in import ids, between slashes.
fn account_key(key: &str) -> Result<(), String> {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Ok(());
    }
    Err(format!("{key:?} can't name an account: use letters, digits, - _ and . only, such as payments."))
}

/// STS `roleDurationSecondsType`: 900 to 43200 seconds.
fn is_session_duration(text: &str) -> Result<(), String> {
    let length = duration::parse(text)?;
    if (Duration::from_secs(900)..=Duration::from_secs(43_200)).contains(&length) && length.subsec_nanos() == 0 {
        return Ok(());
    }
    Err(format!("{text:?} is no session's length: 15m to 12h, in whole seconds, such as \"1h\"."))
}

/// Keys and tokens travel in headers, which take nothing else. Never repeated in the message.
fn credential(text: &str) -> Result<(), String> {
    not_empty(text)?;
    if text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err("It holds a space, a line end or a letter that no key or token has: if it comes from a file, use trimspace(file(\"…\")).".into())
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("It is empty: give a value, or leave it out (null).".into()) } else { Ok(()) }
}
