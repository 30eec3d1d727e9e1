//! Secrets known by their shape: what follows certain names, and what begins as only a credential does.
//!
//! For secrets whose value xeks does not know: those of a profile's own source profile, of another program, of a host in between.

use super::HIDDEN;

/// Names whose value is hidden, in lower case, in headers, forms, URLs and JSON alike. AWS repeats an external ID, too.
const NAMES: [&str; 12] = [
    "x-amz-security-token",
    "x-amz-signature",
    "signature",
    "secretaccesskey",
    "sessiontoken",
    "aws_secret_access_key",
    "aws_session_token",
    "webidentitytoken",
    "proxy-authorization",
    "authorization",
    "externalid",
    "external_id",
];

/// Those whose value may be a word.
const EXTERNAL_IDS: [&str; 2] = ["externalid", "external_id"];

/// What only a credential begins with: a cluster's token (aws-iam-authenticator), a JSON object in base64url (a JWT).
const BEGINNINGS: [&str; 2] = ["k8s-aws-v1.", "eyJ"];

/// A shorter run after a beginning is a word like another.
const SHORTEST: usize = 16;

/// The text without what looks like a secret; `None` if nothing does.
pub(super) fn hidden(text: &str) -> Option<String> {
    let mut secrets = spans(text);
    if secrets.is_empty() {
        return None;
    }
    secrets.sort_unstable();
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (start, end) in secrets {
        if start >= from {
            out.push_str(&text[from..start]);
            out.push_str(HIDDEN);
        }
        from = from.max(end);
    }
    out.push_str(&text[from..]);
    Some(out)
}

/// Where secrets begin and end. All boundaries are between characters: they are next to ASCII ones.
fn spans(text: &str) -> Vec<(usize, usize)> {
    // Of the same length in bytes, whatever the letters.
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for name in NAMES {
        found.extend(lower.match_indices(name).filter_map(|(at, _)| after_name(text, name, at + name.len())));
    }
    for beginning in BEGINNINGS {
        found.extend(text.match_indices(beginning).filter_map(|(at, _)| {
            let length = text[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len() - at);
            (length >= SHORTEST).then_some((at, at + length))
        }));
    }
    found.extend(text.match_indices("://").filter_map(|(at, _)| user_info(text, at + 3)));
    // `Value 'X' at 'externalId' failed to satisfy constraint`, as IAM and STS refuse a parameter.
    for name in ["' at 'externalid'", "' at 'webidentitytoken'"] {
        found.extend(lower.match_indices(name).filter_map(|(at, _)| text[..at].rfind('\'').map(|quote| (quote + 1, at))));
    }
    found.retain(|(start, end)| start < end);
    found
}

/// The value after a name: what follows `=` or `:` (encoded or not), up to the end of its quotes, brackets, field or word.
fn after_name(text: &str, name: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    // A quote may be escaped, in JSON within JSON.
    let name_ends = rest.trim_start_matches(['\\', '"', '\'', ' ']);
    let value = ["=", ":", "%3D", "%3d", "%3A", "%3a"].iter().find_map(|mark| name_ends.strip_prefix(mark))?;
    let spaced = value.starts_with(' ');
    let value = value.trim_start_matches([' ', '\\']);
    let start = text.len() - value.len();
    // Nothing is left of what an earlier pass has hidden.
    if value.starts_with(HIDDEN) || spaced && is_prose(value) && !EXTERNAL_IDS.contains(&name) {
        return None;
    }
    let length = match value.chars().next()? {
        '[' => value.find(']'),
        quote @ ('"' | '\'') => value[1..].find([quote, '\\']).map(|end| end + 1),
        _ if value.starts_with("AWS4-") => value.find(['\n', '\'', '"', '\\']),
        _ => {
            let scheme = ["Bearer ", "Basic "].iter().find(|scheme| value.starts_with(**scheme)).map_or(0, |scheme| scheme.len());
            value[scheme..].find(|c: char| c.is_whitespace() || "&,;'\"\\<>)}".contains(c)).map(|end| end + scheme)
        }
    };
    let inner = usize::from(value.starts_with(['"', '\'', '[']));
    Some((start + inner, start + length.unwrap_or(value.len())))
}

/// Whether a sentence goes on after the name, as in `WebIdentityToken: the credential provider was not enabled`, the name of one of the
/// SDK's providers: a word in lower case, and another one after it. No token, signature or key is one.
fn is_prose(value: &str) -> bool {
    let word = value.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(value.len());
    word > 0 && (value[word..].starts_with([' ', '\'']) || value[word..].is_empty())
}

/// The user and password before a URL's host, with their `@`.
fn user_info(text: &str, at: usize) -> Option<(usize, usize)> {
    let authority = text[at..].find(|c: char| c == '/' || c.is_whitespace() || c == '"' || c == '\'').unwrap_or(text.len() - at);
    text[at..at + authority].rfind('@').map(|end| (at, at + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        hidden(text).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn what_aws_repeats_of_a_request_is_hidden() {
        for (text, shown) in [
            ("host:sts\nx-amz-security-token:IQoJ/b+3=\nx-amz-date:1", "host:sts\nx-amz-security-token:(secret)\nx-amz-date:1"),
            ("?X-Amz-Security-Token=IQ%2Fo&X-Amz-Signature=0a1b&y=2", "?X-Amz-Security-Token=(secret)&X-Amz-Signature=(secret)&y=2"),
            ("X-Amz-Signature%3D0a1b", "X-Amz-Signature%3D(secret)"),
            ("authorization:AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=a;b, Signature=0a1b\nz", "authorization:(secret)\nz"),
            ("'Signature=0a1b' is not valid", "'Signature=(secret)' is not valid"),
            ("Authorization: Bearer abc.def, next", "Authorization: (secret), next"),
            ("Proxy-Authorization: Basic dXNlcjpwdw==\nz", "Proxy-Authorization: (secret)\nz"),
            ("Action=AssumeRole&ExternalId=team%2F1&RoleArn=x", "Action=AssumeRole&ExternalId=(secret)&RoleArn=x"),
            (r#"{"StringEquals":{"sts:ExternalId":"team-1","a":"b"}}"#, r#"{"StringEquals":{"sts:ExternalId":"(secret)","a":"b"}}"#),
            (r#"{\"sts:ExternalId\": \"team-1\"}"#, r#"{\"sts:ExternalId\": \"(secret)\"}"#),
            (r#"{"sts:ExternalId":["a","b"],"c":"d"}"#, r#"{"sts:ExternalId":[(secret)],"c":"d"}"#),
            (r#"{"SecretAccessKey": "wJalr", "SessionToken": "IQ"}"#, r#"{"SecretAccessKey": "(secret)", "SessionToken": "(secret)"}"#),
            ("Value 'team 1' at 'externalId' failed to satisfy", "Value '(secret)' at 'externalId' failed to satisfy"),
        ] {
            assert_eq!(of(text), shown);
        }
    }

    #[test]
    fn names_of_credentials_providers_stay_with_what_is_said_of_them() {
        for text in [
            "Profile: not set WebIdentityToken: the credential provider was not enabled: no source",
            "WebIdentityToken: an error occurred while loading credentials",
            "Authorization: denied by the proxy",
        ] {
            assert_eq!(hidden(text), None, "{text}");
        }
        assert_eq!(of("externalId: team a"), "externalId: (secret) a", "an external ID may be a word");
        assert_eq!(of("x-amz-security-token: iqojabc, next"), "x-amz-security-token: (secret), next");
    }

    #[test]
    fn what_is_hidden_is_hidden_once() {
        for text in
            ["Action=A&ExternalId=team&b=c", "authorization: Bearer abc.def, next", "{\"SessionToken\": \"IQ\"}", "http://u:p@host/"]
        {
            let once = of(text);
            assert_ne!(once, text);
            assert_eq!(of(&once), once);
        }
    }

    #[test]
    fn what_begins_as_only_a_credential_does_is_hidden() {
        assert_eq!(of("token k8s-aws-v1.aHR0cHM6Ly9zdHMu-_x refused"), "token (secret) refused");
        assert_eq!(of("got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOi.c2ln."), "got (secret)");
    }

    #[test]
    fn a_url_is_shown_without_user_and_password() {
        assert_eq!(of("no way to http://user:p@ss@proxy:3128/ now"), "no way to http://(secret)@proxy:3128/ now");
        assert_eq!(of("see https://a.example.com/x@y"), "see https://a.example.com/x@y");
    }

    #[test]
    fn prose_about_secrets_stays() {
        for text in [
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
            "The request signature we calculated does not match the signature you provided.",
            "not authorized to perform: sts:AssumeRole, an authorization failure",
            "set external_id to that of the trust policy",
            "the condition on sts:ExternalId of statement 1",
            "eyJ is how a token begins, and k8s-aws-v1. too",
            "漢字: k8s-aws-v1.é authorization",
        ] {
            assert_eq!(hidden(text), None, "{text}");
        }
    }
}
