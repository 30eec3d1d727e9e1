//! The hop `trust`: whether the role's trust policy lets the service account's tokens in, and which of the usual mistakes keeps them out.

use serde_json::Value as Json;

use super::provider::{Providers, federated};
use super::question::Question;
use crate::aws::policy::statements;
use crate::aws::{Arn, arn};
use crate::data_sources::hops::Hop;
use crate::data_sources::identity::found;
use crate::data_sources::steps::Step;
use crate::diagnostics::sentence;
use crate::evaluate::{self, Answer, Denial, Known, Miss, NearMiss, Request, Source};

const TRUST: &str = "trust";
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

pub(super) fn hop(providers: &Providers, taker: &Step, question: &Question) -> Hop {
    let attribute = if question.pod_role.is_some() { "pod_role_arn" } else { "role_arn" };
    let hop = match (found(TRUST, taker, attribute), providers.names()) {
        (Err(hop), _) => hop,
        (Ok(role), _) if role.trust.is_null() => Hop::unknown(TRUST, &role.arn, "Its trust policy can't be read: it is not JSON."),
        (Ok(role), None) => Hop::unknown(TRUST, &role.arn, "Not checked: the cluster's issuer is not known."),
        (Ok(role), Some((issuer, provider))) => {
            Asked { role: &role.arn, trust: &role.trust, issuer, provider, question }.hop(&taker.title())
        }
    };
    hop.in_account(&taker.arn.account)
}

/// One question to one trust policy.
struct Asked<'a> {
    role: &'a str,
    trust: &'a Json,
    /// Without `https://`.
    issuer: &'a str,
    /// ARN of the issuer's provider in the role's account.
    provider: &'a str,
    question: &'a Question,
}

impl Asked<'_> {
    fn hop(&self, taker: &str) -> Hop {
        let name = format!("the trust policy of the {taker}");
        let subject = self.question.service_account.subject();
        let request = Request::web_identity(self.provider, self.issuer, &subject, &self.question.audience, self.role);
        match evaluate::trust(&Source::new(&name, self.trust.clone()), &request) {
            Answer::Allowed(grant) => Hop::ok(TRUST, self.role, self.allowed(&grant.statement)),
            Answer::Unknown(why) => Hop::unknown(TRUST, self.role, format!("Unknown: {why}.")),
            Answer::Denied(Denial::Explicit { statement }) => {
                let reason = format!("{} denies {subject}.", sentence(&statement));
                Hop::broken(TRUST, self.role, reason, format!("Remove {statement}, or narrow it."))
            }
            Answer::Denied(Denial::NoMatch { near, .. }) => {
                let (reason, fix) = match near.first() {
                    Some(nearest) => self.mistake(nearest),
                    None => (format!("{} has no Allow statement.", sentence(&name)), self.statement()),
                };
                Hop::broken(TRUST, self.role, reason, fix)
            }
        }
    }

    /// Allowed: how narrowly, and what can't be read from here.
    fn allowed(&self, statement: &str) -> String {
        let mut reason = format!("{} allows {}.", sentence(statement), self.question.service_account.subject());
        let text = self.trust.to_string().to_ascii_lowercase();
        let asks = |claim: &str| text.contains(&format!("{}:{claim}\"", self.issuer.to_ascii_lowercase()));
        if !asks("sub") {
            reason.push_str(" It has no condition on sub, so it allows every service account of the cluster.");
        }
        if !asks("aud") {
            reason.push_str(" It has no condition on aud, so it allows tokens for any client ID of the provider.");
        }
        reason.push_str(match self.question.pod_role {
            Some(_) => " Whether the pods have the required config file and token can't be read from AWS.",
            None => " Whether the service account has the annotation eks.amazonaws.com/role-arn can't be read from AWS.",
        });
        reason
    }

    /// Reason and fix for the statement that comes nearest.
    fn mistake(&self, nearest: &NearMiss) -> (String, String) {
        let statement = sentence(&nearest.statement);
        match &nearest.miss {
            Miss::Condition { operator, key, wanted, found } => self.by_condition(&statement, operator, key, wanted, found),
            Miss::Principal { written, .. } => self.by_principal(&statement, written),
            Miss::Action { written } if !federated(self.trust).is_empty() => {
                (format!("{statement} is for {}, but pods call {ACTION}.", written.join(", ")), format!("Set its Action to {ACTION}."))
            }
            Miss::Action { .. } | Miss::Resource { .. } => {
                (format!("No statement of the trust policy applies to tokens of an OIDC provider: {nearest}."), self.statement())
            }
        }
    }

    fn by_principal(&self, statement: &str, written: &[String]) -> (String, String) {
        let fix = format!("Set its Principal to {{\"Federated\": \"{}\"}}.", self.provider);
        let providers = federated(self.trust);
        let host = |arn: &str| arn.split_once(":oidc-provider/").map(|(_, host)| host.to_owned());
        let reason = match providers.first() {
            None if written.iter().any(|p| p == "pods.eks.amazonaws.com") => {
                format!(
                    "{statement} is for EKS Pod Identity, not for an OIDC provider: only pods with a pod identity association can use the \
                     role."
                )
            }
            None => format!("{statement} trusts {}, but no OIDC provider.", written.join(", ")),
            Some(named) if host(named).is_some_and(|host| host.starts_with("https://")) => {
                format!("{statement} contains {named}, which is not the ARN of an OIDC provider, because it contains https://.")
            }
            Some(named) => match Arn::parse(named) {
                Ok(other) if other.account != account(self.provider) && host(named).as_deref() == Some(self.issuer) => format!(
                    "{statement} contains the OIDC provider of account {}, but STS accepts only the one in the role's own account, {}.",
                    other.account,
                    account(self.provider)
                ),
                Ok(_) => match host(named) {
                    Some(host) if host.eq_ignore_ascii_case(self.issuer) => {
                        format!("{statement} contains {named}, which differs from {} in case or partition.", self.provider)
                    }
                    Some(host) => format!(
                        "{statement} contains the OIDC provider for {host}, but the tokens are issued by {}: it belongs to another \
                         cluster, or to this cluster before it was recreated.",
                        self.issuer
                    ),
                    None => format!("{statement} contains {named}, which is not an OIDC provider."),
                },
                Err(_) => format!("{statement} contains {named}, which is not the ARN of an OIDC provider."),
            },
        };
        (reason, fix)
    }

    fn by_condition(&self, statement: &str, operator: &str, key: &str, wanted: &[String], found: &Known) -> (String, String) {
        let (stem, claim) = key.rsplit_once(':').unwrap_or((key, ""));
        let right = format!("{}:{claim}", self.issuer);
        if matches!(claim, "sub" | "aud") && *found == Known::Absent {
            let what = if stem.starts_with("arn:") {
                "the provider's ARN is not a condition key".to_owned()
            } else if stem.starts_with("https://") {
                "condition keys do not contain https://".to_owned()
            } else {
                format!(
                    "the tokens are issued by {}, and the key is for another cluster's issuer, or for this cluster's before it was \
                     recreated",
                    self.issuer
                )
            };
            return (
                format!("{statement} has a condition on {key}, which no token contains: {what}."),
                format!("Use the key {right} in its Condition."),
            );
        }
        match claim {
            "sub" => self.by_subject(statement, operator, &right, wanted),
            "aud" => (
                format!("{statement} requires the audience {}, but the tokens have {}.", wanted.join(" or "), self.question.audience),
                format!(
                    "Set {right} to {}, or use that audience in the pods' tokens (annotation eks.amazonaws.com/audience).",
                    self.question.audience
                ),
            ),
            _ => {
                let has = match found {
                    Known::Values(values) => format!("the request has {}", evaluate::shown(key, values)),
                    _ => "a request with a web identity has no such key".to_owned(),
                };
                (
                    format!("{statement} requires {operator} {key} {}, but {has}.", evaluate::shown(key, wanted)),
                    format!("Remove {key} from its Condition, or change the value."),
                )
            }
        }
    }

    fn by_subject(&self, statement: &str, operator: &str, key: &str, wanted: &[String]) -> (String, String) {
        let subject = self.question.service_account.subject();
        let like = |written: &&String| evaluate::is_like(&subject, written);
        let reason = if let Some(wild) = wanted.iter().find(like).filter(|_| operator.contains("Equals")) {
            format!(
                "{statement} compares sub with {operator} and {wild}: {operator} treats a wildcard as a literal character, so the \
                 condition never matches."
            )
        } else if wanted.iter().any(|w| w.eq_ignore_ascii_case(&subject)) {
            format!("{statement} requires the subject {}, which differs from {subject} in case.", wanted.join(" or "))
        } else if wanted.iter().all(|w| !w.starts_with("system:serviceaccount:") && !w.starts_with('*')) {
            format!(
                "{statement} requires the subject {}, but the subject of a service account has the form {subject}.",
                wanted.join(" or ")
            )
        } else {
            format!("{statement} requires the subject {}, but the pods have {subject}.", wanted.join(" or "))
        };
        let fix = match reason.contains("wildcard") {
            true => format!("Compare {key} with StringLike, or use {subject}."),
            false => format!("Add {subject} to {key} (service_accounts of xeks_irsa_trust), or correct namespace and service_account."),
        };
        (reason, fix)
    }

    /// What the trust policy lacks.
    fn statement(&self) -> String {
        let one = std::slice::from_ref(&self.question.service_account);
        let statement = statements::trust_web_identity("IRSA", self.provider, one, std::slice::from_ref(&self.question.audience));
        format!("Add the statement that xeks_irsa_trust writes: {statement}")
    }
}

fn account(arn: &str) -> &str {
    arn.split(':').nth(4).filter(|id| arn::is_account_id(id)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::policy::statements::ServiceAccount;
    use crate::data_sources::hops::Status;

    const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/ABCD";
    const PROVIDER: &str = "arn:aws:iam::185863138492:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABCD";

    fn asked(statement: Json) -> Hop {
        let question = Question {
            role: "arn:aws:iam::185863138492:role/app".into(),
            pod_role: None,
            cluster: None,
            region: None,
            issuer: None,
            service_account: ServiceAccount { namespace: "a".into(), name: "b".into() },
            audience: "sts.amazonaws.com".into(),
            external_id: None,
            workload_account: None,
            actions: vec![],
            resources: vec!["*".into()],
        };
        let trust = json!({"Version": "2012-10-17", "Statement": [statement]});
        Asked { role: &question.role, trust: &trust, issuer: ISSUER, provider: PROVIDER, question: &question }.hop("role app")
    }

    fn federated(provider: &str, condition: Json) -> Hop {
        asked(json!({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": ACTION, "Condition": condition}))
    }

    #[test]
    fn a_trust_that_allows_the_pods_reports_what_it_does_not_restrict() {
        let narrow = json!({"StringEquals": {(format!("{ISSUER}:sub")): "system:serviceaccount:a:b", (format!("{ISSUER}:aud")): "sts.amazonaws.com"}});
        let hop = federated(PROVIDER, narrow);
        assert_eq!(hop.status, Status::Ok);
        assert!(!hop.reason.contains("has no condition on"), "{}", hop.reason);
        let hop = federated(PROVIDER, json!({}));
        assert_eq!(hop.status, Status::Ok);
        assert!(hop.reason.contains("has no condition on sub, so it allows every service account of the cluster"), "{}", hop.reason);
        assert!(hop.reason.contains("has no condition on aud"), "{}", hop.reason);
    }

    #[test]
    fn a_trust_in_pod_identity_differs_from_one_in_an_issuer() {
        let pods = json!({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:*"]});
        assert!(asked(pods).reason.contains("is for EKS Pod Identity"));
    }

    #[test]
    fn a_provider_that_differs_in_case_or_partition_only_is_reported() {
        let hop = federated(&PROVIDER.replace("/ABCD", "/abcd"), json!({}));
        assert!(hop.reason.contains("differs from") && hop.reason.contains("in case or partition"), "{}", hop.reason);
        let hop = federated(&PROVIDER.replace("arn:aws:", "arn:aws-cn:"), json!({}));
        assert!(hop.reason.contains("in case or partition"), "{}", hop.reason);
        let hop = federated("cognito-identity.amazonaws.com", json!({}));
        assert!(hop.reason.contains("not the ARN of an OIDC provider"), "{}", hop.reason);
    }

    #[test]
    fn a_policy_without_statements_that_allow_gets_the_one_that_it_lacks() {
        let hop = asked(json!({"Effect": "Deny", "Principal": {"Federated": PROVIDER}, "Action": "sts:TagSession"}));
        assert_eq!(hop.status, Status::Broken);
        assert!(hop.fix.unwrap().contains("system:serviceaccount:a:b"));
    }
}
