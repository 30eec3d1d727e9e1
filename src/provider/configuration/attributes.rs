//! The attributes of the `provider` block: name, type, documentation and the rule on each.

use std::time::Duration;

use crate::aws::{arn, duration, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::validators::{between, count, each_text, one_of, refuse, text};
use crate::schema::{Attribute, Nesting, Schema, Value};

const DOC: &str = "Connects EKS clusters of one AWS account with roles and service accounts of other accounts: each connection is one \
                   resource across two accounts. Settings that an account's configuration omits come from the environment and the shared \
                   files, as in the AWS CLI.\n\n\
                   AWS makes some changes visible only after seconds or minutes. An apply waits for them, as long as the resource's \
                   `timeouts` allow. To see what it waits for, and for how long, set `TF_LOG_PROVIDER=INFO`.";

pub(super) fn schema() -> Schema {
    Schema::new(
        DOC,
        vec![
            account(
                "cluster_account",
                Nesting::Single,
                "The account that owns the EKS clusters. Default: the environment's credentials and region.",
            ),
            account(
                "workload_account",
                Nesting::Single,
                "The account that owns the instances, roles and buckets, for resources that select none of `workload_accounts`.",
            ),
            account(
                "workload_accounts",
                Nesting::Map,
                "Additional workload accounts, keyed by a name that you choose. A resource selects one with its `workload_account`, so \
                 that `for_each` works over accounts.",
            )
            .check(|value: &Value, path: &Path, diagnostics: &mut Diagnostics| {
                for key in value.entries().into_iter().flatten().map(|(key, _)| key) {
                    if let Err(why) = account_key(key) {
                        refuse(&path.key(key), why, diagnostics);
                    }
                }
            }),
            Attribute::map_of_strings(
                "default_tags",
                "Tags for all objects that this provider creates. The tags of a resource override them. A map, not a block with `tags` as in the \
                 AWS provider: `default_tags = { owner = \"platform\" }`.",
            )
            .optional()
            .check(tags(50, names::user_tag_key)),
            Attribute::nested(
                "ignore_tags",
                Nesting::Single,
                vec![
                    Attribute::set_of_strings("keys", "Tag keys to ignore.").optional(),
                    Attribute::set_of_strings("key_prefixes", "Prefixes of tag keys to ignore.").optional(),
                ],
                "Tags on this provider's objects that other tools manage: xeks neither reports them as drift nor removes them.",
            )
            .optional(),
            Attribute::set_of_strings(
                "allowed_account_ids",
                "The only account IDs that the provider can use, on both sides: a resource fails before it does anything if `cluster_account` \
                 or its workload account is another one. Applies in addition to the lists of the accounts. Prefer it to those: Terraform \
                 silently drops a misspelled attribute inside an account, and rejects it here.",
            )
            .optional()
            .check(each_text(arn::account_id)),
            Attribute::bool(
                "allow_same_account",
                "Whether both sides of a connection can be in one account. Default: `false`, because one account on both sides usually \
                 means that a profile is wrong.",
            )
            .optional(),
            Attribute::bool(
                "skip_preflight",
                "Whether to skip the plan-time checks in AWS of whether the apply can succeed. Default: `false`. The provider looks up \
                 the callers' identities in any case.",
            )
            .optional(),
        ],
    )
}

fn account(name: &'static str, nesting: Nesting, doc: &'static str) -> Attribute {
    let attributes = vec![
        Attribute::string("region", "Region, such as `ap-south-1`. Default: `AWS_REGION`, then the profile's region.")
            .optional()
            .check(text(names::region)),
        Attribute::string("profile", "Profile of the shared files. Takes precedence over keys in the environment.")
            .optional()
            .check(text(not_empty)),
        Attribute::string("access_key", "Access key ID. Requires `secret_key`. Takes precedence over `profile`.")
            .optional()
            .check(text(credential)),
        Attribute::string("secret_key", "Secret access key.").optional().sensitive().check(text(credential)),
        Attribute::string("token", "Session token of temporary credentials.").optional().sensitive().check(text(credential)),
        Attribute::list_of_strings("shared_config_files", "Files to read profiles from, instead of `~/.aws/config`.")
            .optional()
            .check(each_text(not_empty)),
        Attribute::list_of_strings("shared_credentials_files", "Files to read credentials from, instead of `~/.aws/credentials`.")
            .optional()
            .check(each_text(not_empty)),
        assume_role(),
        assume_role_with_web_identity(),
        Attribute::set_of_strings(
            "allowed_account_ids",
            "The only account IDs that the provider can use. With any other account, it fails before it does anything.",
        )
        .optional()
        .check(each_text(arn::account_id)),
        Attribute::set_of_strings("forbidden_account_ids", "Account IDs that the provider must not use.")
            .optional()
            .check(each_text(arn::account_id)),
        endpoints(),
        Attribute::string("sts_region", "Region of the STS endpoint. Default: `region`.").optional().check(text(names::region)),
        Attribute::number(
            "max_retries",
            "How many times a call is retried. Default: one less than `AWS_MAX_ATTEMPTS` or the profile's `max_attempts`, then 4.",
        )
        .optional()
        .check(between(0, 100)),
        Attribute::string("retry_mode", "`standard` (default) or `adaptive`: the AWS SDK's own rate limit, in addition to that of xeks.")
            .optional()
            .check(one_of(&["standard", "adaptive"])),
        Attribute::string("http_proxy", "Proxy for `http://` endpoints. Default: `HTTP_PROXY`.")
            .optional()
            .sensitive()
            .check(text(names::http_url)),
        Attribute::string("https_proxy", "Proxy for `https://` endpoints, such as AWS's own. Default: `HTTPS_PROXY`.")
            .optional()
            .sensitive()
            .check(text(names::http_url)),
        Attribute::string("no_proxy", "Hosts to reach without a proxy, separated by commas. Default: `NO_PROXY`.").optional(),
        Attribute::string(
            "custom_ca_bundle",
            "PEM file of the certificate authorities to trust, instead of the system's. Default: `AWS_CA_BUNDLE`.",
        )
        .optional()
        .check(text(not_empty)),
        Attribute::bool("use_fips_endpoint", "Whether to use FIPS endpoints.").optional(),
        Attribute::bool("use_dualstack_endpoint", "Whether to use dual-stack endpoints, which support IPv6.").optional(),
    ];
    Attribute::nested(name, nesting, attributes, doc).optional()
}

fn assume_role() -> Attribute {
    let attributes = vec![
        Attribute::string("role_arn", "ARN of the role to assume.").required().check(text(arn::is_role)),
        session_name(),
        Attribute::string("external_id", "External ID that the role's trust policy requires.").optional().check(text(names::external_id)),
        session_duration("Duration of the session, such as `1h`. From the second hop on, AWS limits sessions to one hour."),
        session_policy(),
        session_policy_arns(),
        Attribute::map_of_strings("tags", "Session tags. The role's trust policy must allow `sts:TagSession`.")
            .optional()
            .check(tags(50, names::tag_key)),
        Attribute::set_of_strings("transitive_tag_keys", "Keys of session tags that AWS passes to the next hop.").optional(),
        Attribute::string("source_identity", "Source identity of the session, for AWS's logs. AWS passes it to the next hop.")
            .optional()
            .check(text(names::source_identity)),
    ];
    Attribute::nested(
        "assume_role",
        Nesting::List,
        attributes,
        "Roles to assume one after the other, each with the credentials of the previous one. A list also for one role, not a block as in the \
         AWS provider: `assume_role = [{ role_arn = \"…\" }]`.",
    )
    .optional()
}

fn assume_role_with_web_identity() -> Attribute {
    let attributes = vec![
        Attribute::string("role_arn", "ARN of the role to assume.").required().check(text(arn::is_role)),
        session_name(),
        Attribute::string("web_identity_token", "The token.").optional().sensitive().check(text(credential)),
        Attribute::string(
            "web_identity_token_file",
            "File that contains the token; the provider reads it again when it renews the session. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`.",
        )
        .optional()
        .check(text(not_empty)),
        session_duration("Duration of the session, such as `1h`."),
        session_policy(),
        session_policy_arns(),
    ];
    Attribute::nested(
        "assume_role_with_web_identity",
        Nesting::Single,
        attributes,
        "A role to assume with the token of an identity provider, such as a CI system. Applies before `assume_role`.",
    )
    .optional()
}

fn session_name() -> Attribute {
    Attribute::string("session_name", "Name of the session in AWS's logs. Default: `AWS_ROLE_SESSION_NAME`, then `xeks`.")
        .optional()
        .check(text(names::session_name))
}

fn session_duration(doc: &'static str) -> Attribute {
    Attribute::string("duration", doc).optional().check(text(is_session_duration))
}

fn session_policy() -> Attribute {
    Attribute::string("policy", "IAM policy (JSON) that further limits the session.").optional().check(text(policy::is_document))
}

fn session_policy_arns() -> Attribute {
    Attribute::set_of_strings("policy_arns", "ARNs of managed policies that further limit the session.")
        .optional()
        .check(each_text(arn::is_policy))
        .check(count(0, 10))
}

fn endpoints() -> Attribute {
    let one = |name, doc| Attribute::string(name, doc).optional().check(text(names::http_url));
    let attributes = vec![
        one("eks", "URL of the EKS endpoint."),
        one("iam", "URL of the IAM endpoint."),
        one("sts", "URL of the STS endpoint. For the `role_arn` of a profile, set `AWS_ENDPOINT_URL_STS` instead."),
        one("ec2", "URL of the EC2 endpoint."),
    ];
    Attribute::nested(
        "endpoints",
        Nesting::Single,
        attributes,
        "Endpoints to use instead of AWS's public ones, such as VPC endpoints. Default: `AWS_ENDPOINT_URL_…` and `AWS_ENDPOINT_URL`.",
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

/// A key of `workload_accounts`: part of import IDs, between slashes.
fn account_key(key: &str) -> Result<(), String> {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Ok(());
    }
    Err(format!("{key:?} is not a valid account key: use only letters, digits, - _ and ., such as payments."))
}

/// STS `roleDurationSecondsType`: 900 to 43200 seconds.
fn is_session_duration(text: &str) -> Result<(), String> {
    let length = duration::parse(text)?;
    if (Duration::from_secs(900)..=Duration::from_secs(43_200)).contains(&length) && length.subsec_nanos() == 0 {
        return Ok(());
    }
    Err(format!("{text:?} is not a session duration: use 15m to 12h, in whole seconds, such as \"1h\"."))
}

/// Keys and tokens travel in headers, which take nothing else. Never repeated in the message.
fn credential(text: &str) -> Result<(), String> {
    not_empty(text)?;
    if text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err("It contains a space, a line break or another character that no key or token contains. If it comes from a file, use \
         trimspace(file(\"…\"))."
        .into())
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("It is empty. Set a value, or omit it (null).".into()) } else { Ok(()) }
}
