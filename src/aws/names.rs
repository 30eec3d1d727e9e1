//! The rules that names must keep, for attributes to be refused before AWS is asked. Each rule says, when broken, what it is and a
//! value that keeps it.
//!
//! Sources: the API models of IAM, STS and EKS (patterns and lengths), and Kubernetes' rules for object names.

/// IAM `roleNameType`: 1 to 64 of `[\w+=,.@-]`.
pub fn role_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 64, "a role name")
}

/// IAM `instanceProfileNameType`: 1 to 128 of `[\w+=,.@-]`.
pub fn instance_profile_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 128, "an instance profile name")
}

/// IAM `policyNameType`: 1 to 128 of `[\w+=,.@-]`.
pub fn policy_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 128, "a policy name")
}

/// STS `roleSessionNameType`: 2 to 64 of `[\w+=,.@-]`.
pub fn session_name(text: &str) -> Result<(), String> {
    iam_name(text, 2, 64, "a session name")
}

/// STS `sourceIdentityType`: 2 to 64 of `[\w+=,.@-]`; `aws:` is reserved, and no colon passes here.
pub fn source_identity(text: &str) -> Result<(), String> {
    iam_name(text, 2, 64, "a source identity")
}

/// STS `externalIdType`: 2 to 1224 of `[\w+=,.@:/-]`. The value is never repeated in the message.
pub fn external_id(text: &str) -> Result<(), String> {
    let allowed = |c| is_iam_char(c) || c == ':' || c == '/';
    if (2..=1224).contains(&text.chars().count()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err("An external ID has 2 to 1224 characters: letters, digits and _+=,.@:/-, such as xeks-payments.".into())
}

/// IAM `pathType`: begins and ends with `/`, up to 512 printable ASCII characters.
pub fn path(text: &str) -> Result<(), String> {
    let inner = text.chars().all(|c| ('\u{21}'..='\u{7e}').contains(&c));
    if inner && text.len() <= 512 && text.starts_with('/') && text.ends_with('/') && !text.contains("//") {
        return Ok(());
    }
    Err(format!("{text:?} is not a path: a path begins and ends with a slash and contains no spaces, such as /teams/payments/."))
}

/// IAM `roleDescriptionType`: up to 1000 characters of Latin-1 without control characters.
pub fn role_description(text: &str) -> Result<(), String> {
    let allowed = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    if text.chars().count() <= 1000 && text.chars().all(allowed) {
        return Ok(());
    }
    Err("A role description has at most 1000 Latin-1 characters. Use plain quotes and dashes, and no emoji.".into())
}

/// EKS `ClusterName`: 1 to 100 letters, digits, `-` and `_`, beginning with a letter or digit.
pub fn cluster_name(text: &str) -> Result<(), String> {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Ok(());
    }
    Err(format!("{text:?} is not a cluster name: a cluster name has 1 to 100 letters, digits, - and _, and begins with a letter or digit."))
}

/// A region's code, such as `ap-south-1`. New regions pass: only the form is checked.
pub fn region(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let number = parts.last().is_some_and(|n| (1..=2).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    if parts.len() >= 3 && number && parts[..parts.len() - 1].iter().all(letters) {
        return Ok(());
    }
    Err(format!("{text:?} is not a region: use a region code, such as ap-south-1."))
}

/// An OIDC issuer as IAM takes it: `https://`, a host without a port, up to 255 characters, no query and no fragment.
pub fn issuer_url(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{text:?} {why}, such as https://oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLE."));
    let Some(rest) = text.strip_prefix("https://") else { return wrong("must begin with https://") };
    let host = rest.split('/').next().unwrap_or_default();
    if text.len() > 255 {
        return wrong("has more than 255 characters, the maximum of an issuer URL");
    }
    if host.contains([':', '@']) {
        return wrong("must contain a host without a port or user");
    }
    if !host.contains('.') || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-') {
        return wrong("must contain a host");
    }
    if rest.contains(['?', '#']) || rest.contains(char::is_whitespace) || rest.ends_with('/') {
        return wrong("must have no query, fragment, space, or slash at its end");
    }
    Ok(())
}

/// A Kubernetes namespace: up to 63 lower-case letters, digits and `-`.
pub fn namespace(text: &str) -> Result<(), String> {
    kubernetes_name(text, 63, "", "a namespace")
}

/// A namespace in which `*` and `?` stand for any characters.
pub fn namespace_pattern(text: &str) -> Result<(), String> {
    kubernetes_name(text, 63, "*?", "a namespace")
}

/// A Kubernetes service account: up to 253 lower-case letters, digits, `-` and `.`.
pub fn service_account(text: &str) -> Result<(), String> {
    kubernetes_name(text, 253, ".", "a service account name")
}

/// A service account in which `*` and `?` stand for any characters.
pub fn service_account_pattern(text: &str) -> Result<(), String> {
    kubernetes_name(text, 253, ".*?", "a service account name")
}

/// EKS access scope: a namespace, or a beginning of one with `*` at its end.
pub fn access_scope_namespace(text: &str) -> Result<(), String> {
    let stem = text.strip_suffix('*').unwrap_or(text);
    if stem.is_empty() && text == "*" {
        return Err("\"*\" matches every namespace. Use scope = \"cluster\" instead.".into());
    }
    namespace(stem.trim_end_matches('-')).map_err(|_| {
        format!("{text:?} is not a namespace: a namespace has at most 63 lowercase letters, digits and -, and may end in *, such as dev-*.")
    })
}

/// IAM and STS `tagKeyType`: 1 to 128 letters, digits, spaces and `_.:/=+-@`; `aws:` is reserved.
pub fn tag_key(text: &str) -> Result<(), String> {
    if text.to_ascii_lowercase().starts_with("aws:") {
        return Err(format!("{text:?} begins with aws:, which AWS reserves. Choose another key."));
    }
    if (1..=128).contains(&text.chars().count()) && text.chars().all(is_tag_char) {
        return Ok(());
    }
    Err(format!("{text:?} is not a tag key: a tag key has 1 to 128 characters: letters, digits, spaces and _.:/=+-@."))
}

/// A key of a tag that users set: those that begin with `xeks:` say which objects belong to xeks.
pub fn user_tag_key(text: &str) -> Result<(), String> {
    if text.to_lowercase().starts_with("xeks:") {
        return Err(format!("{text:?} begins with xeks:, which this provider reserves for its own tags. Choose another key."));
    }
    tag_key(text)
}

/// IAM and STS `tagValueType`: up to 256 letters, digits, spaces and `_.:/=+-@`.
pub fn tag_value(text: &str) -> Result<(), String> {
    if text.chars().count() <= 256 && text.chars().all(is_tag_char) {
        return Ok(());
    }
    Err(format!("{text:?} is not a tag value: a tag value has at most 256 characters: letters, digits, spaces and _.:/=+-@."))
}

/// An `http://` or `https://` URL with a host. The URL is not repeated in the message: a proxy's may hold a password.
pub fn http_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    if host.is_some_and(|host| !host.is_empty() && !text.contains(char::is_whitespace)) {
        return Ok(());
    }
    Err("It must be a URL that includes the scheme, such as https://vpce-0123.eks.ap-south-1.vpce.amazonaws.com or \
         http://proxy.example.com:3128."
        .into())
}

fn iam_name(text: &str, least: usize, most: usize, what: &str) -> Result<(), String> {
    let length = text.chars().count();
    if !(least..=most).contains(&length) {
        return Err(format!("{text:?} has {length} characters; {what} has {least} to {most}."));
    }
    if let Some(wrong) = text.chars().find(|c| !is_iam_char(*c)) {
        return Err(format!(
            "{text:?} contains {wrong:?}; {what} has only letters, digits and the characters _+=,.@-, such as eks-access."
        ));
    }
    Ok(())
}

fn kubernetes_name(text: &str, most: usize, also: &str, what: &str) -> Result<(), String> {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let wild = |c: char| also.contains(c) && c != '.';
    let edge = |c: Option<char>| c.is_some_and(|c| alphanumeric(c) || wild(c));
    let allowed = |c: char| alphanumeric(c) || c == '-' || also.contains(c);
    let dots = !text.contains("..") && !text.contains(".-") && !text.contains("-.");
    if text.len() <= most && edge(text.chars().next()) && edge(text.chars().last()) && text.chars().all(allowed) && dots {
        return Ok(());
    }
    let also = also.chars().map(|c| format!(", {c}")).collect::<String>();
    Err(format!(
        "{text:?} is not {what}: use 1 to {most} lowercase letters, digits, -{also}, and begin and end with a letter or digit, such as \
         nodejs-sa."
    ))
}

fn is_iam_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&str) -> Result<(), String>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(rule(text), Ok(()), "{text:?}");
        }
        for text in bad {
            assert!(rule(text).is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn iam_names_keep_length_and_alphabet() {
        let (long, too_long) = ("x".repeat(64), "x".repeat(65));
        check(role_name, &["EKS-CrossAccount-Access-Role", "a", &long], &["", &too_long, "a b", "a/b", "ä", "a:b"]);
        assert_eq!(role_name(&too_long).unwrap_err(), format!("{too_long:?} has 65 characters; a role name has 1 to 64."));
        check(session_name, &["i-0abc", "a@b"], &["a", "a b", &too_long]);
        check(instance_profile_name, &[&too_long], &[&"x".repeat(129)]);
        check(external_id, &["xeks", "arn:aws/x"], &["x", "a b"]);
    }

    #[test]
    fn a_refused_external_id_is_not_repeated() {
        assert!(!external_id("s3cret id").unwrap_err().contains("s3cret"));
        assert!(!http_url("user:pa55@proxy").unwrap_err().contains("pa55"));
    }

    #[test]
    fn paths_begin_and_end_with_a_slash() {
        check(path, &["/", "/teams/", "/a/b/"], &["", "a", "/a", "a/", "//", "/a b/"]);
    }

    #[test]
    fn clusters_and_regions_are_known_by_their_form() {
        check(cluster_name, &["prac-eks-abhi", "1a_b"], &["", "-a", "a.b", &"x".repeat(101)]);
        check(region, &["ap-south-1", "us-gov-west-1", "eusc-de-east-1"], &["", "ap-south", "AP-SOUTH-1", "ap-south-1a", "us--1", "1-2-3"]);
    }

    #[test]
    fn an_issuer_is_an_https_url_without_port_and_query() {
        check(
            issuer_url,
            &["https://oidc.eks.ap-south-1.amazonaws.com/id/ABC", "https://example.com"],
            &[
                "",
                "oidc.eks.ap-south-1.amazonaws.com/id/ABC",
                "http://a.b",
                "https://a.b:8443/x",
                "https://a.b/?q",
                "https://a.b/",
                "https://ab",
            ],
        );
    }

    #[test]
    fn kubernetes_names_take_wildcards_only_where_asked() {
        check(namespace, &["nodejs", "a-1"], &["", "-a", "a-", "A", "a.b", "dev-*", &"x".repeat(64)]);
        check(namespace_pattern, &["dev-*", "*", "a?"], &["", "A*"]);
        check(service_account, &["nodejs-sa", "a.b"], &["a..b", ".a", "a*", "a_b"]);
        check(service_account_pattern, &["nodejs-*", "*"], &["N*"]);
        check(access_scope_namespace, &["dev", "dev-*", "dev*"], &["*", "d*v", "-*", "Dev"]);
    }

    #[test]
    fn tags_keep_aws_reserved_words_out() {
        check(tag_key, &["owner", "kubernetes.io/cluster", "Größe", "xeks:resource"], &["", "aws:x", "AWS:x", "a#b", &"x".repeat(129)]);
        check(user_tag_key, &["owner"], &["xeks:resource", "Xeks:Resource", "aws:x"]);
        check(tag_value, &["", "a b"], &["a#b", &"x".repeat(257)]);
    }
}
