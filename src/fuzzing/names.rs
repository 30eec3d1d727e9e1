//! Names, ARNs, blocks of addresses and durations: what is accepted is accepted as it is written again.

use crate::aws::{arn, cidr, duration, names as rules, principal_patterns};

/// A rule for attributes.
type Rule = fn(&str) -> Result<(), String>;

const RULES: &[Rule] = &[
    rules::role_name,
    rules::policy_name,
    rules::session_name,
    rules::external_id,
    rules::path,
    rules::role_description,
    arn::account_id,
    rules::cluster_name,
    rules::region,
    rules::issuer_url,
    rules::namespace_pattern,
    rules::service_account_pattern,
    rules::access_scope_namespace,
    rules::user_tag_key,
    rules::tag_value,
    rules::http_url,
    arn::is_role,
    arn::is_policy,
    arn::is_access_policy,
    arn::is_principal,
    principal_patterns::is_principal_or_pattern,
    cidr::is_block,
    duration::is_timeout,
];

/// The bytes are a text, or two with a line break between them.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for rule in RULES {
        if let Err(why) = rule(&text) {
            assert!(!why.is_empty() && why.len() <= 20 * text.len() + 1000, "a refusal of {} characters", why.len());
        }
    }
    if let Ok(parsed) = arn::Arn::parse(&text) {
        assert_eq!(parsed.to_string(), text);
        let _ = (parsed.role(), parsed.instance_profile(), parsed.session(), parsed.oidc_issuer(), parsed.cluster());
    }
    assert!(text.contains(arn::issuer_host(&text)));
    let _ = arn::partition_of(&text);
    if let Ok(read) = duration::parse(&text) {
        // Written in whole milliseconds.
        let written = duration::parse(&duration::format(read)).unwrap_or_default();
        assert!(written <= read && read - written < std::time::Duration::from_secs(1), "{text:?} is {read:?} and {written:?}");
    }
    let mut blocks = text.split('\n').map(cidr::Cidr::parse);
    if let (Some(Some(one)), other) = (blocks.next(), blocks.next().flatten()) {
        assert_eq!(cidr::Cidr::parse(&one.to_string()), Some(one));
        divides(&one, &other.unwrap_or(one));
    }
}

/// What is left of one block without another is in the one, not in the other, and not twice.
fn divides(one: &cidr::Cidr, other: &cidr::Cidr) {
    let rest = one.minus(other);
    for (index, block) in rest.iter().enumerate() {
        assert!(one.contains(block) && !other.overlaps(block));
        assert!(rest[index + 1..].iter().all(|next| !next.overlaps(block)));
    }
    assert_eq!(rest.is_empty(), other.contains(one));
}
