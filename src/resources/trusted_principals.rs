//! The attribute `trusted_principal_arns` of a role: more principals that can assume it, by their ARNs or by patterns of ARNs.
//!
//! A pattern becomes the root of its account as principal, with a condition on `aws:PrincipalArn` (`aws::principal_patterns`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::aws::policy::statements;
use crate::aws::principal_patterns::{self, Reach};
use crate::aws::{Arn, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::Env;
use crate::schema::{Attribute, Value, validators};

pub const NAME: &str = "trusted_principal_arns";
const KEY: &str = "aws:PrincipalArn";

/// `doc` says what the principals get.
pub fn attribute(doc: &'static str) -> Attribute {
    Attribute::set_of_strings(NAME, doc).optional().check(validators::each_text(principal_patterns::is_principal_or_pattern))
}

/// More principals than any trust policy has room for, regardless of its other statements; the plan measures it in full.
pub fn fit(config: &Value, path: &str, diagnostics: &mut Diagnostics) {
    let principals = config.at(path);
    let quotes_and_comma = 3;
    let size: usize = principals.strings().iter().map(|arn| arn.len() + quotes_and_comma).sum();
    if size > policy::TRUST_NEVER {
        let why = format!(
            "{} principals need {size} characters in the role's trust policy. IAM allows at most {}, and {} unless the quota was raised. \
             Trust a role that they all assume.",
            principals.members().len(),
            policy::TRUST_NEVER,
            policy::TRUST_LIMIT
        );
        validators::refuse(&Path::of(path), why, diagnostics);
    }
}

/// Those that are named by their ARNs.
pub fn exact(principals: &[String]) -> Vec<String> {
    principals.iter().filter(|text| !principal_patterns::is_pattern(text)).cloned().collect()
}

/// The statements that let the principals assume the role: one for those named by their ARNs, one for each account with patterns.
pub fn trust(principals: &[String], external_id: Option<&str>) -> Vec<Json> {
    let exact = exact(principals);
    let named = (!exact.is_empty()).then(|| statements::trust_principals("", &exact, external_id));
    named.into_iter().chain(trust_of_patterns(principals, external_id)).collect()
}

/// The statements of the patterns alone.
pub fn trust_of_patterns(principals: &[String], external_id: Option<&str>) -> Vec<Json> {
    let mut by_root: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pattern in principals.iter().filter(|text| principal_patterns::is_pattern(text)) {
        if let Some(root) = principal_patterns::root_of(pattern) {
            by_root.entry(root).or_default().push(pattern.clone());
        }
    }
    by_root.iter().map(|(root, patterns)| statements::trust_patterns("", root, patterns, external_id)).collect()
}

/// The ARNs that a statement of a trust policy compares that of the caller with; none where it has no such condition. ArnEquals takes
/// wildcards as ArnLike does; policies written by hand have StringLike, too.
pub fn compared(statement: &Json) -> Vec<String> {
    policy::compared(statement, &["ArnLike", "ArnEquals", "StringLike"], KEY)
}

/// The principals that these statements of a trust policy let assume the role, as the attribute names them, but for `own`.
pub fn discovered(trust: &[&Json], own: Option<&str>) -> BTreeSet<String> {
    let of_statement = |statement: &&Json| match compared(statement) {
        arns if arns.is_empty() => policy::values_of(&statement["Principal"]["AWS"]),
        arns => arns.into_iter().filter(|arn| principal_patterns::is_pattern(arn)).collect(),
    };
    let is_valid = |arn: &String| own != Some(arn) && principal_patterns::is_principal_or_pattern(arn).is_ok();
    trust.iter().flat_map(of_statement).filter(is_valid).collect()
}

/// Whose trust a warning is about.
pub struct Trusting<'a> {
    pub path: &'a str,
    /// Such as `The access role`.
    pub what: &'a str,
    pub role: &'a str,
    /// What its principals get. Completes "and gets".
    pub gets: String,
    /// What to do against the confused deputy problem where a third account is trusted as a whole; `None` where it was done.
    pub third_account: Option<&'a str>,
}

/// Warnings of principals that reach far: whole accounts, and names that others can take.
pub fn warnings(principals: &[String], trusting: &Trusting<'_>, env: &Env) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut whole = BTreeSet::new();
    for (text, arn) in principals.iter().filter_map(|text| Some((text, Arn::parse(text).ok()?))) {
        let reach = if arn.resource == "root" { Some(Reach::All("principal")) } else { None };
        match reach.or_else(|| principal_patterns::is_pattern(text).then(|| principal_patterns::reach(&arn))) {
            Some(Reach::All(kind)) if whole.insert(arn.account.clone()) => {
                trusting.warn_of_account(&arn.account, kind, env, &mut diagnostics)
            }
            Some(Reach::Names) => trusting.warn_of_names(text, &arn.account, &mut diagnostics),
            _ => {}
        }
    }
    diagnostics
}

impl Trusting<'_> {
    /// An account's root stands for every principal of the account that its own policies allow the call (IAM user guide, "AWS JSON policy
    /// elements: Principal").
    fn warn_of_account(&self, account: &str, kind: &str, env: &Env, diagnostics: &mut Diagnostics) {
        let Trusting { path, what, role, gets, .. } = self;
        let reach = format!(
            "Each {kind} of account {account} that a policy of that account allows sts:AssumeRole on role {role} can assume it and gets {gets}."
        );
        let narrower = "List the ARNs of roles to limit this.";
        let is_third = env.side_of(account).is_none();
        let (summary, detail) = match self.third_account.filter(|_| is_third) {
            Some(advice) => (
                format!("{what} trusts all of account {account} without an external ID"),
                format!(
                    "{reach} The account is neither the cluster account nor the workload account. If it acts for several customers, another \
                     one can have it assume this role (the confused deputy problem). {narrower} {advice}"
                ),
            ),
            None => (format!("{what} trusts all of account {account}"), format!("{reach} {narrower}")),
        };
        diagnostics.warning(Path::of(path), summary, detail);
    }

    fn warn_of_names(&self, pattern: &str, account: &str, diagnostics: &mut Diagnostics) {
        diagnostics.warning(
            Path::of(self.path),
            format!("{} trusts a pattern of names", self.what),
            format!(
                "Principals of account {account} that can create a role or user that matches {pattern} can use it to assume role {} and get {}. \
                 List the ARNs of roles to limit this, or use a pattern with a path under which only administrators create roles.",
                self.role, self.gets
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OPS: &str = "arn:aws:iam::185863138492:role/ops";
    const SSO: &str = "arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/ap-south-1/AWSReservedSSO_PowerUser_*";
    const ADMINS: &str = "arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/ap-south-1/AWSReservedSSO_Admin_*";
    const OTHER: &str = "arn:aws:iam::183295435445:role/ci-?";

    fn principals(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn patterns_of_one_account_share_a_statement_and_exact_arns_have_their_own() {
        let trust = trust(&principals(&[OPS, SSO, ADMINS, OTHER]), Some("xeks"));
        assert_eq!(trust.len(), 3);
        assert_eq!(trust[0]["Principal"]["AWS"], OPS);
        assert_eq!(trust[1]["Principal"]["AWS"], "arn:aws:iam::183295435445:root");
        assert_eq!(trust[2]["Condition"]["ArnLike"], json!({"aws:PrincipalArn": [ADMINS, SSO]}));
        assert!(trust.iter().all(|statement| statement["Condition"]["StringEquals"]["sts:ExternalId"] == "xeks"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for written in [&[OPS][..], &[SSO], &[OPS, SSO, ADMINS, OTHER], &[]] {
            let statements = trust(&principals(written), None);
            let found = discovered(&statements.iter().collect::<Vec<_>>(), None);
            assert_eq!(found, written.iter().map(|text| (*text).to_owned()).collect(), "{written:?}");
        }
    }

    #[test]
    fn by_hand_a_pattern_may_have_another_operator_and_what_is_no_principal_is_left_out() {
        let by_hand = |operator: &str, arn: &str| json!({"Principal": {"AWS": "arn:aws:iam::185863138492:root"}, "Condition": {operator: {"aws:principalarn": arn}}});
        let trust = [by_hand("StringLike", SSO), by_hand("ArnEquals", OPS), by_hand("ArnLike", "arn:aws:iam::*:role/x*")];
        assert_eq!(discovered(&trust.iter().collect::<Vec<_>>(), None), [SSO.to_owned()].into());
        let direct = json!({"Principal": {"AWS": [OPS, "AROAXXXXXXXXXXXXXXXXX", OTHER]}});
        assert_eq!(discovered(&[&direct], Some(OPS)), [OTHER.to_owned()].into());
    }
}
