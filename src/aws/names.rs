//! The rules that names must keep, for attributes to be refused before AWS is asked. Each rule says, when broken, what it is and a
//! value that keeps it.
//!
//! Sources: the API models of IAM, STS and EKS (patterns and lengths), and Kubernetes' rules for object names.

use base64::Engine;

use super::transport;
use crate::terminal::is_control;

/// IAM `roleNameType`: 1 to 64 of `[\w+=,.@-]`.
pub fn role_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 64, "a role name", "eks-access")
}

/// IAM `instanceProfileNameType`: 1 to 128 of `[\w+=,.@-]`.
pub fn instance_profile_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 128, "an instance profile name", "eks-access")
}

/// SSO Admin `PermissionSetName`: 1 to 32 of `[\w+=,.@-]`.
pub fn permission_set_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 32, "a permission set name", "EksAdministrator")
}

/// IAM `policyNameType`: 1 to 128 of `[\w+=,.@-]`.
pub fn policy_name(text: &str) -> Result<(), String> {
    iam_name(text, 1, 128, "a policy name", "read-uploads")
}

/// STS `roleSessionNameType`: 2 to 64 of `[\w+=,.@-]`.
pub fn session_name(text: &str) -> Result<(), String> {
    iam_name(text, 2, 64, "a session name", "pipeline")
}

/// STS `sourceIdentityType`: 2 to 64 of `[\w+=,.@-]`; `aws:` is reserved, and no colon passes here.
pub fn source_identity(text: &str) -> Result<(), String> {
    iam_name(text, 2, 64, "a source identity", "ann.example")
}

/// STS `externalIdType`: 2 to 1224 of `[\w+=,.@:/-]`. The value is never repeated in the message.
pub fn external_id(text: &str) -> Result<(), String> {
    let allowed = |c| is_iam_char(c) || c == ':' || c == '/';
    if (2..=1224).contains(&text.chars().count()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err("An external ID has 2 to 1224 characters: letters, digits and _+=,.@:/-, such as xeks-payments.".into())
}

/// IAM `pathType`: begins and ends with `/`, up to 512 printable ASCII characters. Without what policies read as a wildcard or a variable:
/// the path is part of ARNs in conditions, such as `ArnEquals` of `aws:PrincipalArn`.
pub fn path(text: &str) -> Result<(), String> {
    if is_pattern(text) {
        return Err(format!(
            "{text:?} contains *, ? or ${{, which IAM policies read as a wildcard or a variable. Use a path without them, such as \
             /teams/payments/."
        ));
    }
    path_pattern(text)
}

/// A path in which `*` and `?` stand for any characters.
pub fn path_pattern(text: &str) -> Result<(), String> {
    let inner = text.chars().all(|c| ('\u{21}'..='\u{7e}').contains(&c)) && !text.contains("${");
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

/// An OIDC issuer as IAM takes it: `https://`, a host without a port, up to 255 characters, no query and no fragment. Without what policies
/// read as a wildcard or a variable: it is part of ARNs and of condition keys.
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
    if !host.contains('.') || !is_host(host) {
        return wrong("must contain a host");
    }
    if rest.contains(['?', '#']) || rest.contains(char::is_whitespace) || rest.ends_with('/') {
        return wrong("must have no query, fragment, space, or slash at its end");
    }
    if !rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~/%:@!&'()+,;=".contains(c)) {
        return wrong("must have a path of characters that URLs have, without the * and $ of IAM's wildcards and variables");
    }
    Ok(())
}

/// The URL of a cluster's API server: `https://`, a host, perhaps a port, and nothing else but a slash.
pub fn endpoint_url(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0) && port.bytes().all(|b| b.is_ascii_digit());
    let good = host.is_some_and(|host| match host.split_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => is_host(host),
    });
    if good && text.len() <= 255 {
        return Ok(());
    }
    Err(format!(
        "{text:?} must be https:// and a host, without user, path, query or fragment, such as \
         https://EXAMPLE.gr7.ap-south-1.eks.amazonaws.com."
    ))
}

/// A cluster's certificate authority as EKS has it: PEM certificates in base64. The value is long and not repeated.
pub fn certificate_authority(text: &str) -> Result<(), String> {
    let pem = base64::engine::general_purpose::STANDARD.decode(text);
    let pem =
        pem.map_err(|why| format!("is not valid base64 ({why}): it is the base64 text of PEM certificates, such as LS0tLS1CRUdJTi…."))?;
    transport::checked(&pem, "the decoded text").map_err(|why| format!("is not the base64 text of PEM certificates: {why}."))
}

/// The audience of tokens, IAM `clientIDType`: 1 to 255 characters. Visible ASCII, as OIDC's client IDs are, without what policies read as a
/// wildcard or a variable.
pub fn audience(text: &str) -> Result<(), String> {
    if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && !is_pattern(text) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not an audience: 1 to 255 visible ASCII characters without spaces, wildcards (*, ?) and policy variables (${{), such as \
         sts.amazonaws.com."
    ))
}

/// The name of an AWS service in a trust policy: `SERVICE.amazonaws.com`, in China Regions also `SERVICE.amazonaws.com.cn`. IAM compares it
/// character by character (IAM user guide, "AWS JSON policy elements: Principal", AWS service principals).
pub fn service_principal(text: &str) -> Result<(), String> {
    let name = text.strip_suffix(".amazonaws.com").or_else(|| text.strip_suffix(".amazonaws.com.cn"));
    let is_name =
        |name: &str| is_host(name) && !name.bytes().any(|b| b.is_ascii_uppercase()) && !format!(".{name}.").contains(".amazonaws.");
    if name.is_some_and(is_name) && text.len() <= 255 {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a service principal: it is the service's lowercase name and .amazonaws.com (or .amazonaws.com.cn), without \
         wildcards, such as ec2.amazonaws.com."
    ))
}

/// A profile of an AWS config file: the characters that AWS's SDKs take in its name (aws-runtime, env_config/normalize.rs), and `=` and
/// `,` of IAM's names. Not a hyphen first: it is an argument of the AWS CLI, too.
pub fn profile_name(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-/.%@:+=,".contains(c);
    if (1..=255).contains(&text.len()) && !text.starts_with('-') && text.chars().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a profile name: 1 to 255 letters, digits and the characters _-/.%@:+=, without spaces, brackets and line breaks, not \
         beginning with -, such as team@prac-eks-abhi."
    ))
}

/// The name of a context or a user of a kubeconfig: one line, which is an argument of kubectl, too.
pub fn kubeconfig_name(text: &str) -> Result<(), String> {
    if (1..=255).contains(&text.chars().count()) && !text.starts_with('-') && !text.contains(is_control) && text.trim() == text {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a name of a kubeconfig: 1 to 255 characters of one line, not beginning with - and not beginning or ending with a space, \
         such as team@prac-eks-abhi."
    ))
}

/// The path of a file that a kubeconfig names.
pub fn file_path(text: &str) -> Result<(), String> {
    if (1..=4096).contains(&text.len()) && !text.chars().any(|c| is_control(c) || c == '[' || c == ']') && text.trim() == text {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not the path of a file: 1 to 4096 characters without control characters, line breaks and brackets, not beginning or ending \
         with a space, such as ~/.aws/config."
    ))
}

/// Text of one line that is shown as it is: no control characters and no marks that change its direction. `what` names it.
pub fn one_line(text: &str, what: &str, example: &str) -> Result<(), String> {
    match text.chars().find(|c| is_control(*c)) {
        Some(control) => Err(format!("{text:?} contains {control:?}; {what} has no control characters. Use one such as {example}.")),
        None => Ok(()),
    }
}

/// A Kubernetes namespace: up to 63 lower-case letters, digits and `-`.
pub fn namespace(text: &str) -> Result<(), String> {
    kubernetes_name(text, 63, "", "a namespace", "payments")
}

/// A namespace in which `*` and `?` stand for any characters.
pub fn namespace_pattern(text: &str) -> Result<(), String> {
    kubernetes_name(text, 63, "*?", "a namespace", "payments")
}

/// A Kubernetes service account: up to 253 lower-case letters, digits, `-` and `.`.
pub fn service_account(text: &str) -> Result<(), String> {
    kubernetes_name(text, 253, ".", "a service account name", "nodejs-sa")
}

/// A Kubernetes object whose name is a DNS subdomain, up to `most` characters: lower-case letters, digits, `-` and `.` (Kubernetes, "Object
/// Names and IDs").
pub fn kubernetes_object(text: &str, most: usize) -> Result<(), String> {
    kubernetes_name(text, most, ".", "the name of a Kubernetes object", "nodejs-app")
}

/// A service account in which `*` and `?` stand for any characters.
pub fn service_account_pattern(text: &str) -> Result<(), String> {
    kubernetes_name(text, 253, ".*?", "a service account name", "nodejs-sa")
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

/// Whether a policy would read something else in it than its characters: a wildcard or a variable (IAM user guide, "IAM policy elements:
/// Variables and tags").
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?']) || text.contains("${")
}

/// Labels of letters, digits and `-`, with dots in between.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.split('.').all(is_label)
}

fn iam_name(text: &str, least: usize, most: usize, what: &str, example: &str) -> Result<(), String> {
    let length = text.chars().count();
    if !(least..=most).contains(&length) {
        return Err(format!("{text:?} has {length} characters; {what} has {least} to {most}."));
    }
    if let Some(wrong) = text.chars().find(|c| !is_iam_char(*c)) {
        return Err(format!("{text:?} contains {wrong:?}; {what} has only letters, digits and the characters _+=,.@-, such as {example}."));
    }
    Ok(())
}

fn kubernetes_name(text: &str, most: usize, also: &str, what: &str, example: &str) -> Result<(), String> {
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
         {example}."
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
        check(permission_set_name, &["PowerUser", "Power_User.x", &"x".repeat(32)], &["", "Power User", &"x".repeat(33)]);
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

    #[test]
    fn a_path_has_nothing_that_a_policy_reads_as_a_pattern() {
        check(path, &["/a$b/", "/{x}/"], &["/*/", "/a?/", "/${aws:username}/"]);
        assert!(path("/*/").unwrap_err().contains("wildcard") && path("/*/").unwrap_err().contains("/teams/payments/"));
    }

    #[test]
    fn an_issuer_has_a_host_and_a_path_and_nothing_else() {
        check(
            issuer_url,
            &["https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0F", "https://a.b/x_y~z/%41"],
            &[
                "https://a.b/*",
                "https://*.b/x",
                "https://a.b/${aws:username}",
                "https://a.b/x\ny",
                "https://a.b/\u{1b}[2J",
                "https://a.b/\u{202e}",
                "https://u:p@a.b/x",
                "https://a.b?x",
                "https://a.b#x",
                "https://.a.b/x",
                "https://-a.b/x",
                "https://a.b/\"x",
                "https://a.b\\x",
            ],
        );
    }

    #[test]
    fn an_endpoint_is_https_and_a_host() {
        check(
            endpoint_url,
            &["https://EXAMPLE.gr7.ap-south-1.eks.amazonaws.com", "https://a.b/", "https://127.0.0.1:38001"],
            &[
                "",
                "http://a.b",
                "https://",
                "https://u@a.b",
                "https://a.b/x",
                "https://a.b?x",
                "https://a.b:0",
                "https://a.b:+443",
                "https://a.b:65536",
                "https://a.b\n",
                "https://*.b",
                "https://${x}",
            ],
        );
    }

    #[test]
    fn a_service_principal_is_a_services_own_name_and_no_lookalike() {
        check(
            service_principal,
            &[
                "ec2.amazonaws.com",
                "ec2.amazonaws.com.cn",
                "pods.eks.amazonaws.com",
                "logs.eu-west-1.amazonaws.com",
                "ecs-tasks.amazonaws.com",
            ],
            &[
                "ec2.amazonaws.com.evil.example",
                "ec2.amazonaws.com.cn.evil.example",
                "*.amazonaws.com",
                "amazonaws.com",
                ".amazonaws.com",
                "ec2.amazonaws.com.amazonaws.com",
                "EC2.amazonaws.com",
                "ec2..amazonaws.com",
                "ec2.amazonaws.com ",
                "ec2-amazonaws.com",
                "evil.example/ec2.amazonaws.com",
            ],
        );
    }

    #[test]
    fn profiles_and_files_can_not_leave_their_place_in_a_config_file() {
        let example = "p]\ncredential_process = touch /tmp/x";
        check(
            profile_name,
            &["eks", "EKS-CrossAccount-Access-Role@prac-eks-abhi", "xeks-c_1", "a/b:c.d+e%f=g,h"],
            &[example, "", "a b", "a]", "[a", "a\tb", "-a", "a\u{1b}", "ä", "a#b", "a;b", "a\"b", "a'b", "a\\b", "a$b", &"x".repeat(256)],
        );
        check(
            kubeconfig_name,
            &["a@b", "arn:aws:eks:ap-south-1:183295435445:cluster/c", "größe 1"],
            &["", "-a", " a", "a\nb", "a\u{202e}"],
        );
        assert!(profile_name(example).unwrap_err().contains("brackets"));
        check(
            file_path,
            &["~/.aws/config", "C:\\Users\\me\\aws config", "/home/größe/$USER/config"],
            &["", "a]\nb", "a\n", "[a]", "a\u{7f}", "a\u{9b}", "a\u{202e}", " a", &"x".repeat(4097)],
        );
    }

    #[test]
    fn an_audience_is_visible_and_no_pattern() {
        check(
            audience,
            &["sts.amazonaws.com", "https://a.b/c?".trim_end_matches('?'), "a$b"],
            &["", "a b", "a\nb", "*", "a?", "${aws:username}", "\u{202e}", &"x".repeat(256)],
        );
    }
}
