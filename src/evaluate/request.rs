//! What is asked: who, which action, on what, and what is known of the request's context.

use std::collections::BTreeMap;

use crate::aws::Arn;

/// One request, as IAM would judge it.
#[derive(Clone, Debug)]
pub struct Request {
    pub caller: Caller,
    /// Such as `sts:AssumeRole`.
    pub action: String,
    /// ARN, or `*` for actions that have no resource.
    pub resource: String,
    pub context: Context,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody with AWS credentials.
    Aws(Principal),
    /// A token of this OIDC or SAML provider, by its ARN.
    Federated(String),
    /// An AWS service, such as `ec2.amazonaws.com`.
    Service(String),
}

/// A user, a role (or one of its sessions), or an account's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// ARN of the user, role or root: never of a session. A role's with its path.
    pub arn: String,
    /// Whether the role's path is not known: then `arn` is that of a role without one, and what names the role by ARN is unknown.
    pub pathless: bool,
    pub account_id: String,
    pub partition: String,
    /// `AROA…` or `AIDA…`, which a policy shows instead of the ARN once the principal that it named is gone.
    pub unique_id: Option<String>,
    /// A role's session name, where it is known.
    pub session_name: Option<String>,
    /// The principal's tags, where they are known and the session adds none.
    pub tags: Option<BTreeMap<String, String>>,
    /// Identifier of its organisation, where it is known.
    pub org_id: Option<String>,
}

/// What is known of one key of the request's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The key is there with these values.
    Values(Vec<String>),
    /// The key is not there.
    Absent,
    /// Not known before the request is made.
    Unknown,
}

/// The request's context. Keys are compared without regard to case; one that nothing was said of is unknown.
#[derive(Clone, Debug, Default)]
pub struct Context {
    keys: BTreeMap<String, Known>,
    /// Whether keys of other services than these are absent: an unsigned request carries no keys of anybody's session.
    only: Option<&'static [&'static str]>,
}

impl Context {
    /// The key with these values.
    pub fn with<S: Into<String>>(self, key: &str, values: impl IntoIterator<Item = S>) -> Self {
        self.saying(key, Known::Values(values.into_iter().map(Into::into).collect()))
    }

    pub fn without(self, key: &str) -> Self {
        self.saying(key, Known::Absent)
    }

    pub fn saying(mut self, key: &str, known: Known) -> Self {
        self.keys.insert(key.to_ascii_lowercase(), known);
        self
    }

    /// Present with this value, or absent.
    pub fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(key, [value]),
            None => self.without(key),
        }
    }

    pub fn get(&self, key: &str) -> Known {
        let key = key.to_ascii_lowercase();
        if let Some(known) = self.keys.get(&key) {
            // A key without a value counts as absent ("Condition operator to check existence of condition keys").
            return match known {
                Known::Values(values) if values.is_empty() => Known::Absent,
                known => known.clone(),
            };
        }
        if let Some(stem) = key.split_once('/').map(|(stem, _)| format!("{stem}/")).filter(|stem| self.keys.contains_key(stem)) {
            return self.keys[&stem].clone();
        }
        match self.only {
            Some(prefixes) if !prefixes.iter().any(|prefix| key.starts_with(prefix)) => Known::Absent,
            _ => Known::Unknown,
        }
    }
}

impl Principal {
    /// A user, role or root by its ARN; `Err` says what is wrong with it. Take a session's role first: `Principal::session_of`.
    pub fn of_arn(arn: &str) -> Result<Self, String> {
        let parsed = Arn::parse(arn)?;
        Ok(Principal { arn: arn.to_owned(), account_id: parsed.account, partition: parsed.partition, ..Principal::default() })
    }

    /// The role of a session, as the session's ARN tells it.
    pub fn of_pathless_role(partition: &str, account: &str, name: &str) -> Self {
        let arn = crate::aws::arn::role(partition, account, "/", name);
        Principal { pathless: true, arn, account_id: account.to_owned(), partition: partition.to_owned(), ..Principal::default() }
    }

    pub fn is_role(&self) -> bool {
        self.resource().starts_with("role/")
    }

    /// The name of a role, without its path.
    pub fn role_name(&self) -> Option<&str> {
        self.resource().strip_prefix("role/").map(last)
    }

    pub fn user_name(&self) -> Option<&str> {
        self.resource().strip_prefix("user/").map(last)
    }

    fn resource(&self) -> &str {
        self.arn.splitn(6, ':').nth(5).unwrap_or_default()
    }

    /// What IAM knows about the caller that signs a request ("AWS global condition context keys").
    fn context(&self) -> Context {
        let kind = match self.resource() {
            resource if resource.starts_with("role/") => "AssumedRole",
            resource if resource.starts_with("user/") => "User",
            _ => "Account",
        };
        let mut context = Context::default()
            .saying("aws:PrincipalArn", if self.pathless { Known::Unknown } else { Known::Values(vec![self.arn.clone()]) })
            .with("aws:PrincipalAccount", [&self.account_id])
            .with("aws:PrincipalType", [kind])
            .with("aws:PrincipalIsAWSService", ["false"])
            .without("aws:PrincipalServiceName")
            .without("aws:PrincipalServiceNamesList")
            .maybe("aws:username", self.user_name())
            // Only a service that calls on a principal's behalf sets these.
            .without("aws:SourceAccount")
            .without("aws:SourceArn")
            .without("aws:SourceOrgID")
            .without("aws:SourceOrgPaths")
            .with("aws:SecureTransport", ["true"]);
        if let Some(id) = self.user_id() {
            context = context.with("aws:userid", [id]);
        }
        if let Some(org) = &self.org_id {
            context = context.with("aws:PrincipalOrgID", [org]);
        }
        if let Some(tags) = &self.tags {
            context = context.without("aws:PrincipalTag/");
            for (key, value) in tags {
                context = context.with(&format!("aws:PrincipalTag/{key}"), [value]);
            }
        }
        context
    }

    fn user_id(&self) -> Option<String> {
        match (&self.unique_id, &self.session_name) {
            (Some(id), Some(session)) if self.is_role() => Some(format!("{id}:{session}")),
            (Some(id), _) if !self.is_role() => Some(id.clone()),
            (None, _) if self.resource() == "root" => Some(self.account_id.clone()),
            _ => None,
        }
    }
}

impl Request {
    /// A request that a principal signs.
    pub fn signed(principal: Principal, action: &str, resource: &str) -> Self {
        let account = account_of(resource).map(str::to_owned);
        let mut context = principal.context();
        if let Some(account) = account {
            context = context.with("aws:ResourceAccount", [account]);
        }
        Request { caller: Caller::Aws(principal), action: action.to_owned(), resource: resource.to_owned(), context }
    }

    /// sts:AssumeRole without session tags and source identity.
    pub fn assume_role(principal: Principal, role_arn: &str, external_id: Option<&str>) -> Self {
        let mut request = Self::signed(principal, "sts:AssumeRole", role_arn);
        request.context = request
            .context
            .maybe("sts:ExternalId", external_id)
            .without("sts:SourceIdentity")
            .without("aws:RequestTag/")
            .without("aws:TagKeys")
            .without("sts:TransitiveTagKeys");
        // sts:RoleSessionName stays unknown: the new session's name is its caller's choice.
        request
    }

    /// sts:AssumeRoleWithWebIdentity with a token of this provider. `issuer` is the provider's name without `https://`. The request is
    /// not signed: it carries the token's claims, and no keys of a principal ("Available keys for AWS OIDC federation").
    pub fn web_identity(provider_arn: &str, issuer: &str, subject: &str, audience: &str, role_arn: &str) -> Self {
        let context = Context { only: Some(&["aws:", "sts:"]), ..Context::default() }
            .with(&format!("{issuer}:sub"), [subject])
            .with(&format!("{issuer}:aud"), [audience])
            .without("aws:PrincipalArn")
            .without("aws:PrincipalOrgID")
            .without("aws:PrincipalOrgPaths")
            .without("aws:PrincipalTag/")
            .without("aws:PrincipalType")
            .without("aws:username")
            .without("aws:SourceAccount")
            .without("aws:SourceArn")
            .without("aws:RequestTag/")
            .without("aws:TagKeys")
            .without("sts:ExternalId")
            .without("sts:SourceIdentity")
            .with("aws:SecureTransport", ["true"]);
        Request {
            caller: Caller::Federated(provider_arn.to_owned()),
            action: "sts:AssumeRoleWithWebIdentity".into(),
            resource: role_arn.to_owned(),
            context,
        }
    }

    /// The account that the resource's ARN names; empty where it names none.
    pub fn resource_account(&self) -> &str {
        account_of(&self.resource).unwrap_or_default()
    }
}

fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::185863138492:role/teams/app";

    #[test]
    fn keys_are_found_in_any_case_and_what_nothing_was_said_of_is_unknown() {
        let context = Context::default().with("sts:ExternalId", ["x"]).without("aws:SourceArn");
        assert_eq!(context.get("STS:externalid"), Known::Values(vec!["x".into()]));
        assert_eq!(context.get("aws:sourcearn"), Known::Absent);
        assert_eq!(context.get("aws:SourceIp"), Known::Unknown);
    }

    #[test]
    fn tags_are_known_as_a_whole_or_not_at_all() {
        let mut principal = Principal::of_arn(ROLE).unwrap();
        assert_eq!(principal.context().get("aws:PrincipalTag/team"), Known::Unknown);
        principal.tags = Some([("team".to_owned(), "x".to_owned())].into());
        assert_eq!(principal.context().get("aws:PrincipalTag/team"), Known::Values(vec!["x".into()]));
        assert_eq!(principal.context().get("aws:PrincipalTag/other"), Known::Absent);
    }

    #[test]
    fn a_web_identity_carries_only_its_own_claims() {
        let request = Request::web_identity("p", "oidc.example/id/1", "system:serviceaccount:a:b", "sts.amazonaws.com", ROLE);
        assert_eq!(request.context.get("oidc.example/id/1:sub"), Known::Values(vec!["system:serviceaccount:a:b".into()]));
        assert_eq!(request.context.get("https://oidc.example/id/1:sub"), Known::Absent);
        assert_eq!(request.context.get("aws:SourceIp"), Known::Unknown);
    }

    #[test]
    fn a_roles_user_id_needs_its_sessions_name() {
        let mut principal = Principal { unique_id: Some("AROA1".into()), ..Principal::of_arn(ROLE).unwrap() };
        assert_eq!(principal.context().get("aws:userid"), Known::Unknown);
        principal.session_name = Some("i-1".into());
        assert_eq!(principal.context().get("aws:userid"), Known::Values(vec!["AROA1:i-1".into()]));
        assert_eq!(principal.role_name(), Some("app"));
    }
}
