//! ARNs: read, checked, and built from the caller's own partition.
//!
//! Knows the forms only; whether an object exists is for AWS to say. The rules of bare names are in `names`.

use std::fmt;

use super::names::{self, is_pattern};
use crate::terminal::is_control;

/// An ARN in its six parts: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    /// All that follows the account, colons and slashes included.
    pub resource: String,
}

impl Arn {
    /// Reads an ARN; `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [prefix, partition, service, region, account, resource] = parts[..] else {
            return Err(format!("{text:?} is not an ARN: it must have six parts, such as arn:aws:iam::185863138492:role/app."));
        };
        if prefix != "arn" || service.is_empty() || resource.is_empty() || text.contains(char::is_whitespace) {
            return Err(format!("{text:?} is not an ARN: it must begin with arn:, such as arn:aws:iam::185863138492:role/app."));
        }
        if !(partition == "aws" || partition.starts_with("aws-")) {
            return Err(format!(
                "{text:?} has no valid AWS partition: the second part must be aws, aws-cn, aws-us-gov or another partition \
                                that begins with aws-."
            ));
        }
        if !(account.is_empty() || account == "aws" || is_account_id(account)) {
            return Err(format!("{text:?} has no account ID: the fifth part must be 12 digits, such as 185863138492."));
        }
        Ok(Arn {
            partition: partition.to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }

    /// The path and name of an IAM role, such as `("/teams/", "app")`; `None` for anything else.
    pub fn role(&self) -> Option<(String, String)> {
        self.iam("role/")
    }

    /// The path and name of an IAM instance profile; `None` for anything else.
    pub fn instance_profile(&self) -> Option<(String, String)> {
        self.iam("instance-profile/")
    }

    /// The role's name and the session's, of the ARN of an assumed role; `None` for anything else. The role's path is not in it.
    pub fn session(&self) -> Option<(&str, &str)> {
        let rest = self.resource.strip_prefix("assumed-role/")?;
        (self.service == "sts").then(|| rest.split_once('/'))?
    }

    /// The issuer's host and path, of an IAM OIDC provider; `None` for anything else.
    pub fn oidc_issuer(&self) -> Option<&str> {
        (self.service == "iam").then(|| self.resource.strip_prefix("oidc-provider/"))?
    }

    /// The name of an EKS cluster; `None` for anything else.
    pub fn cluster(&self) -> Option<&str> {
        (self.service == "eks").then(|| self.resource.strip_prefix("cluster/"))?
    }

    fn iam(&self, kind: &str) -> Option<(String, String)> {
        let rest = (self.service == "iam").then(|| self.resource.strip_prefix(kind))??;
        let (path, name) = match rest.rfind('/') {
            Some(at) => (format!("/{}", &rest[..=at]), &rest[at + 1..]),
            None => ("/".to_owned(), rest),
        };
        (!name.is_empty()).then(|| (path, name.to_owned()))
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The ARN of an IAM role. `path` begins and ends with `/`.
pub fn role(partition: &str, account: &str, path: &str, name: &str) -> String {
    format!("arn:{partition}:iam::{account}:role{path}{name}")
}

/// The ARN of an IAM instance profile. `path` begins and ends with `/`.
pub fn instance_profile(partition: &str, account: &str, path: &str, name: &str) -> String {
    format!("arn:{partition}:iam::{account}:instance-profile{path}{name}")
}

/// The principal that means a whole account.
pub fn account_root(partition: &str, account: &str) -> String {
    format!("arn:{partition}:iam::{account}:root")
}

/// The ARN of the IAM OIDC provider of an issuer, given with or without `https://`.
pub fn oidc_provider(partition: &str, account: &str, issuer: &str) -> String {
    format!("arn:{partition}:iam::{account}:oidc-provider/{}", issuer_host(issuer))
}

/// The ARN of an EKS cluster.
pub fn cluster(partition: &str, region: &str, account: &str, name: &str) -> String {
    format!("arn:{partition}:eks:{region}:{account}:cluster/{name}")
}

/// The ARN of an EKS access policy, given by its name or already by its ARN.
pub fn access_policy(partition: &str, name_or_arn: &str) -> String {
    if name_or_arn.starts_with("arn:") {
        name_or_arn.to_owned()
    } else {
        format!("arn:{partition}:eks::aws:cluster-access-policy/{name_or_arn}")
    }
}

/// An issuer as IAM's condition keys and ARNs name it: without `https://`, without a slash at the end.
pub fn issuer_host(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer).trim_end_matches('/')
}

/// The partition that a region belongs to. Unknown regions count as the commercial partition's.
pub fn partition_of(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// Whether a text is the unique id of a role, a user or a group, as a policy shows principals that were deleted (IAM user guide,
/// "IAM identifiers").
pub fn is_unique_id(text: &str) -> bool {
    let prefixed = ["AROA", "AIDA", "AGPA"].iter().any(|prefix| text.starts_with(prefix));
    prefixed && text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The rule of an attribute that takes an account ID.
pub fn account_id(text: &str) -> Result<(), String> {
    if is_account_id(text) {
        return Ok(());
    }
    Err(format!("{text:?} is not an account ID: an account ID is a string of 12 digits, such as \"185863138492\"."))
}

/// The ARN of an IAM role.
pub fn is_role(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text)?;
    match arn.role() {
        Some((_, name)) if is_account_id(&arn.account) => names::role_name(&name),
        _ if arn.session().is_some() => Err(format!(
            "{text:?} is the ARN of a session: use the ARN of the role itself, such as arn:{}:iam::{}:role/NAME.",
            arn.partition, arn.account
        )),
        _ => Err(format!("{text:?} is not the ARN of a role, such as arn:aws:iam::185863138492:role/app.")),
    }
}

/// The ARN of an IAM policy, a customer's or AWS's own.
pub fn is_policy(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text)?;
    if arn.service == "iam" && !arn.account.is_empty() && arn.resource.strip_prefix("policy/").is_some_and(|name| !name.is_empty()) {
        return Ok(());
    }
    Err(format!("{text:?} is not the ARN of an IAM policy, such as arn:aws:iam::aws:policy/ReadOnlyAccess."))
}

/// The name or the ARN of an EKS access policy.
pub fn is_access_policy(text: &str) -> Result<(), String> {
    let name = if text.starts_with("arn:") {
        let arn = Arn::parse(text)?;
        let ours = arn.service == "eks" && arn.account == "aws";
        ours.then(|| arn.resource.strip_prefix("cluster-access-policy/").map(str::to_owned)).flatten()
    } else {
        Some(text.to_owned())
    };
    match name {
        Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(()),
        _ => Err(format!(
            "{text:?} is not an EKS access policy: use its name, such as AmazonEKSClusterAdminPolicy, or its ARN, such as \
             arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy."
        )),
    }
}

/// The ARN of a principal that a trust policy can name: a role, a user, a session, or an account's root.
pub fn is_principal(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text)?;
    let known = match arn.service.as_str() {
        "iam" => arn.resource == "root" || arn.role().is_some() || arn.resource.strip_prefix("user/").is_some_and(|n| !n.is_empty()),
        "sts" => arn.session().is_some() || arn.resource.starts_with("federated-user/"),
        _ => false,
    };
    if known && is_account_id(&arn.account) && !is_pattern(text) && !text.contains(is_control) {
        return Ok(());
    }
    Err(format!("{text:?} is not a principal: use the ARN of a role or user, such as arn:aws:iam::185863138492:role/app."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_has_twelve_digits() {
        assert_eq!(account_id("185863138492"), Ok(()));
        for wrong in ["", "18586313849", "1858631384920", "18586313849x"] {
            assert!(account_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_arn_survives_reading_and_writing() {
        for text in [
            "arn:aws:iam::185863138492:role/teams/payments/app",
            "arn:aws-cn:eks:cn-north-1:185863138492:cluster/prod",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "arn:aws:sts::185863138492:assumed-role/app/i-0abc",
            "arn:aws-us-gov:logs:us-gov-west-1:185863138492:log-group:a:b",
        ] {
            assert_eq!(Arn::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_arn_is_refused_with_an_example() {
        for text in
            ["", "role/app", "arn:aws:iam::1:role/app", "arn:gcp:iam::185863138492:role/a", "arn:aws:iam::185863138492:", "arn:aws:iam"]
        {
            assert!(Arn::parse(text).unwrap_err().contains("must"), "{text}");
        }
    }

    #[test]
    fn path_and_name_of_a_role_are_told_apart() {
        let role = |text: &str| Arn::parse(text).unwrap().role();
        assert_eq!(role("arn:aws:iam::185863138492:role/app"), Some(("/".into(), "app".into())));
        assert_eq!(role("arn:aws:iam::185863138492:role/a/b/app"), Some(("/a/b/".into(), "app".into())));
        assert_eq!(role("arn:aws:iam::185863138492:user/app"), None);
        assert_eq!(role("arn:aws:iam::185863138492:role/a/"), None);
    }

    #[test]
    fn builders_and_readers_agree() {
        let arn = Arn::parse(&super::role("aws-cn", "185863138492", "/a/", "app")).unwrap();
        assert_eq!((arn.partition.as_str(), arn.role()), ("aws-cn", Some(("/a/".into(), "app".into()))));
        let arn = Arn::parse(&super::instance_profile("aws", "185863138492", "/", "app")).unwrap();
        assert_eq!(arn.instance_profile(), Some(("/".into(), "app".into())));
        let issuer = "https://oidc.eks.ap-south-1.amazonaws.com/id/ABC";
        let arn = Arn::parse(&super::oidc_provider("aws", "185863138492", issuer)).unwrap();
        assert_eq!(arn.oidc_issuer(), Some("oidc.eks.ap-south-1.amazonaws.com/id/ABC"));
        let arn = Arn::parse(&super::cluster("aws", "ap-south-1", "183295435445", "prod")).unwrap();
        assert_eq!(arn.cluster(), Some("prod"));
    }

    #[test]
    fn an_access_policy_is_known_by_name_or_arn() {
        let arn = access_policy("aws-cn", "AmazonEKSViewPolicy");
        assert_eq!(arn, "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy");
        assert_eq!(access_policy("aws", &arn), arn);
        assert!(is_access_policy(&arn).is_ok() && is_access_policy("AmazonEKSViewPolicy").is_ok());
        for text in ["", "a policy", "arn:aws:iam::aws:policy/X", "arn:aws:eks::aws:cluster-access-policy/"] {
            assert!(is_access_policy(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_session_is_refused_where_a_role_is_asked_for() {
        assert!(is_role("arn:aws:sts::185863138492:assumed-role/app/s").unwrap_err().contains("session"));
        assert!(is_role("arn:aws:iam::185863138492:role/app").is_ok());
        assert!(is_role("arn:aws:iam::aws:role/app").is_err());
    }

    #[test]
    fn principals_and_policies_are_checked_by_form() {
        assert!(is_principal("arn:aws:iam::185863138492:root").is_ok());
        assert!(is_principal("arn:aws:sts::185863138492:assumed-role/app/s").is_ok());
        let variable = "arn:aws:iam::185863138492:role/${aws:username}";
        for text in [
            "*",
            variable,
            "arn:aws:iam::185863138492:role/\u{1b}",
            "arn:aws:iam::185863138492:role/*",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::185863138492:group/g",
        ] {
            assert!(is_principal(text).is_err(), "{text}");
        }
        assert!(is_policy("arn:aws:iam::aws:policy/service-role/X").is_ok() && is_policy("arn:aws:iam::185863138492:policy/x").is_ok());
        assert!(is_policy("arn:aws:iam::185863138492:role/x").is_err());
    }

    #[test]
    fn a_region_tells_its_partition() {
        assert_eq!(["ap-south-1", "cn-north-1", "us-gov-west-1"].map(partition_of), ["aws", "aws-cn", "aws-us-gov"]);
        assert_eq!(["us-iso-east-1", "us-isob-east-1", "eusc-de-east-1"].map(partition_of), ["aws-iso", "aws-iso-b", "aws-eusc"]);
    }
}
