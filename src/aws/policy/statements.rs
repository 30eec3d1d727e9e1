//! The statements that xeks writes: who may assume a role, and what the roles of a connection may do.
//!
//! Every ARN comes from the caller, already built for its partition.

use serde_json::{Value, json};

use super::document;

/// Lets these principals assume the role. AWS ties each role named here to its hidden id: recreated, it is no longer trusted.
pub fn trust_principals(sid: &str, principal_arns: &[String], external_id: Option<&str>) -> Value {
    let mut statement = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_many(principal_arns)},
        "Action": "sts:AssumeRole",
    });
    if let Some(id) = external_id {
        statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
    }
    statement
}

/// What a caller hands on to the session of a role that it assumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub session_tags: bool,
    pub source_identity: bool,
}

impl Passed {
    /// The actions that both sides must allow besides sts:AssumeRole, also for what the caller's own session has already: transitive tags and
    /// a source identity go on from session to session (IAM user guide, "Pass session tags in AWS STS", "Monitor and control actions taken
    /// with assumed roles").
    fn actions(self) -> Vec<String> {
        let all = [(self.session_tags, "sts:TagSession"), (self.source_identity, "sts:SetSourceIdentity")];
        all.into_iter().filter(|(is_passed, _)| *is_passed).map(|(_, action)| action.to_owned()).collect()
    }

    /// What a statement of a trust policy or of an identity policy lets through.
    pub fn of_statement(statement: &Value) -> Self {
        let actions = super::values_of(&statement["Action"]);
        let allows = |name: &str| actions.iter().any(|action| action.eq_ignore_ascii_case(name));
        Passed { session_tags: allows("sts:TagSession"), source_identity: allows("sts:SetSourceIdentity") }
    }
}

/// Lets these principals assume the role and hand that on. Those actions carry no sts:ExternalId (Service Authorization Reference, "AWS
/// Security Token Service"): with one, they have a statement of their own, which admits no session by itself.
pub fn trust_principals_passing(principal_arns: &[String], external_id: Option<&str>, passed: Passed) -> Vec<Value> {
    let mut assume = trust_principals("", principal_arns, external_id);
    let actions = passed.actions();
    if actions.is_empty() {
        return vec![assume];
    }
    if external_id.is_none() {
        assume["Action"] = one_or_many(&[actions, vec!["sts:AssumeRole".to_owned()]].concat());
        return vec![assume];
    }
    let mut pass = trust_principals("", principal_arns, None);
    pass["Action"] = one_or_many(&actions);
    vec![assume, pass]
}

/// Lets these principals of one account assume the role, by name: they may be recreated, and need not exist yet.
pub fn trust_account(sid: &str, account_root: &str, principal_arns: &[String], external_id: Option<&str>) -> Value {
    trust_root(sid, account_root, ("ArnEquals", principal_arns), external_id)
}

/// Lets the principals of one account whose ARNs match one of these patterns assume the role.
pub fn trust_patterns(sid: &str, account_root: &str, patterns: &[String], external_id: Option<&str>) -> Value {
    trust_root(sid, account_root, ("ArnLike", patterns), external_id)
}

fn trust_root(sid: &str, account_root: &str, (operator, arns): (&str, &[String]), external_id: Option<&str>) -> Value {
    let mut statement = trust_principals(sid, &[account_root.to_owned()], external_id);
    statement["Condition"][operator] = json!({"aws:PrincipalArn": one_or_many(arns)});
    statement
}

/// Lets AWS services, such as `ec2.amazonaws.com`, assume the role.
pub fn trust_services(sid: &str, services: &[String]) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"Service": one_or_many(services)}, "Action": "sts:AssumeRole"})
}

/// A Kubernetes service account; namespace and name may hold the wildcards `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAccount {
    pub namespace: String,
    pub name: String,
}

impl ServiceAccount {
    /// The `sub` of its tokens, such as `system:serviceaccount:nodejs:nodejs-sa`.
    pub fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    pub fn has_wildcard(&self) -> bool {
        self.subject().contains(['*', '?'])
    }
}

/// Lets service accounts assume the role with tokens of one issuer. Condition keys carry the issuer's name, so that each issuer
/// needs a statement of its own.
///
/// `aud` is always compared with StringEquals; `sub` with StringLike only where there is a wildcard, which StringEquals would take
/// as a plain character (IAM user guide, "String condition operators").
pub fn trust_web_identity(sid: &str, provider_arn: &str, service_accounts: &[ServiceAccount], audiences: &[String]) -> Value {
    let issuer = provider_arn.split_once(":oidc-provider/").map_or(provider_arn, |(_, issuer)| issuer);
    let subjects: Vec<String> = service_accounts.iter().map(ServiceAccount::subject).collect();
    let wild = service_accounts.iter().any(ServiceAccount::has_wildcard);
    let mut condition = json!({"StringEquals": {(format!("{issuer}:aud")): one_or_many(audiences)}});
    let operator = if wild { "StringLike" } else { "StringEquals" };
    condition[operator][format!("{issuer}:sub")] = one_or_many(&subjects);
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    })
}

/// What a client of the cluster needs to find it: DescribeCluster on this one, ListClusters, which knows no single cluster.
pub fn describe_cluster_policy(cluster_arn: &str) -> Value {
    document([
        json!({"Sid": "DescribeCluster", "Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": cluster_arn}),
        json!({"Sid": "ListClusters", "Effect": "Allow", "Action": "eks:ListClusters", "Resource": "*"}),
    ])
}

/// Lets the role assume other roles.
pub fn assume_policy(role_arns: &[String]) -> Value {
    assume_policy_passing(role_arns, Passed::default())
}

/// Lets the role assume other roles and hand that on to their sessions.
pub fn assume_policy_passing(role_arns: &[String], passed: Passed) -> Value {
    let actions = [passed.actions(), vec!["sts:AssumeRole".to_owned()]].concat();
    document([json!({"Sid": "AssumeRole", "Effect": "Allow", "Action": one_or_many(&actions), "Resource": one_or_many(role_arns)})])
}

/// A scalar for one, a sorted list for more: the form that comes back from AWS reads the same.
fn one_or_many(texts: &[String]) -> Value {
    let mut texts = texts.to_vec();
    texts.sort();
    texts.dedup();
    if texts.len() == 1 { Value::String(texts.remove(0)) } else { json!(texts) }
}

#[cfg(test)]
mod tests {
    use super::super::{TRUST_LIMIT, size};
    use super::*;

    const ROLE: &str = "arn:aws:iam::185863138492:role/EC2-EKS-CrossAccount-Role";
    const PROVIDER: &str = "arn:aws:iam::185863138492:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABC";

    fn accounts(names: &[&str]) -> Vec<ServiceAccount> {
        names.iter().map(|name| ServiceAccount { namespace: "nodejs".into(), name: (*name).into() }).collect()
    }

    #[test]
    fn trust_in_a_role_names_it_and_asks_for_the_external_id() {
        let plain = trust_principals("XeksAccess", &[ROLE.into()], None);
        let expected = json!({"Sid": "XeksAccess", "Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"});
        assert_eq!(plain, expected);
        let with = trust_principals("XeksAccess", &[ROLE.into()], Some("xeks"));
        assert_eq!(with["Condition"], json!({"StringEquals": {"sts:ExternalId": "xeks"}}));
    }

    #[test]
    fn what_is_passed_on_is_allowed_on_both_sides_and_apart_from_an_external_id_which_it_does_not_carry() {
        let all = Passed { session_tags: true, source_identity: true };
        let actions = json!(["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]);
        let [one] = &trust_principals_passing(&[ROLE.into()], None, all)[..] else { panic!("one statement") };
        assert_eq!(one["Action"], actions);
        assert_eq!(assume_policy_passing(&[ROLE.into()], all)["Statement"][0]["Action"], actions);
        let [assume, pass] = &trust_principals_passing(&[ROLE.into()], Some("xeks"), all)[..] else { panic!("two statements") };
        assert_eq!((&assume["Action"], &assume["Condition"]["StringEquals"]["sts:ExternalId"]), (&json!("sts:AssumeRole"), &json!("xeks")));
        assert_eq!((&pass["Action"], &pass["Condition"]), (&json!(["sts:SetSourceIdentity", "sts:TagSession"]), &Value::Null));
        let tags = Passed { session_tags: true, ..Passed::default() };
        let of_tags = trust_principals_passing(&[ROLE.into()], Some("xeks"), tags);
        assert_eq!(of_tags.iter().map(Passed::of_statement).collect::<Vec<_>>(), [Passed::default(), tags]);
        assert_eq!(trust_principals_passing(&[ROLE.into()], None, Passed::default()), [trust_principals("", &[ROLE.into()], None)]);
    }

    #[test]
    fn trust_in_an_account_is_bound_to_the_principals_by_condition() {
        let statement = trust_account("XeksAccess", "arn:aws:iam::185863138492:root", &[ROLE.into()], Some("xeks"));
        assert_eq!(statement["Principal"], json!({"AWS": "arn:aws:iam::185863138492:root"}));
        let expected = json!({"ArnEquals": {"aws:PrincipalArn": ROLE}, "StringEquals": {"sts:ExternalId": "xeks"}});
        assert_eq!(statement["Condition"], expected);
    }

    #[test]
    fn patterns_of_one_account_are_compared_with_arn_like() {
        let patterns = ["arn:aws:iam::185863138492:role/b*".to_owned(), "arn:aws:iam::185863138492:role/a?".to_owned()];
        let statement = trust_patterns("", "arn:aws:iam::185863138492:root", &patterns, Some("xeks"));
        assert_eq!(statement["Principal"], json!({"AWS": "arn:aws:iam::185863138492:root"}));
        let arns = json!(["arn:aws:iam::185863138492:role/a?", "arn:aws:iam::185863138492:role/b*"]);
        let expected = json!({"ArnLike": {"aws:PrincipalArn": arns}, "StringEquals": {"sts:ExternalId": "xeks"}});
        assert_eq!(statement["Condition"], expected);
    }

    #[test]
    fn web_identity_trust_always_checks_audience_and_subject() {
        let statement = trust_web_identity("XeksIrsa", PROVIDER, &accounts(&["nodejs-sa"]), &["sts.amazonaws.com".into()]);
        assert_eq!(
            statement["Condition"],
            json!({"StringEquals": {
                "oidc.eks.ap-south-1.amazonaws.com/id/ABC:aud": "sts.amazonaws.com",
                "oidc.eks.ap-south-1.amazonaws.com/id/ABC:sub": "system:serviceaccount:nodejs:nodejs-sa",
            }})
        );
        assert_eq!(statement["Principal"], json!({"Federated": PROVIDER}));
    }

    #[test]
    fn a_wildcard_turns_the_subject_to_string_like_and_leaves_the_audience() {
        let statement = trust_web_identity("XeksIrsa", PROVIDER, &accounts(&["b", "a-*"]), &["sts.amazonaws.com".into()]);
        let condition = &statement["Condition"];
        assert_eq!(condition["StringEquals"], json!({"oidc.eks.ap-south-1.amazonaws.com/id/ABC:aud": "sts.amazonaws.com"}));
        let subjects = json!(["system:serviceaccount:nodejs:a-*", "system:serviceaccount:nodejs:b"]);
        assert_eq!(condition["StringLike"], json!({"oidc.eks.ap-south-1.amazonaws.com/id/ABC:sub": subjects}));
    }

    #[test]
    fn a_trust_in_several_services_is_in_stable_order() {
        let statement =
            trust_services("Trusted", &["ec2.amazonaws.com".into(), "ecs-tasks.amazonaws.com".into(), "ec2.amazonaws.com".into()]);
        assert_eq!(statement["Principal"], json!({"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}));
    }

    #[test]
    fn policies_are_scoped_to_what_the_service_can_scope() {
        let cluster = "arn:aws:eks:ap-south-1:183295435445:cluster/prac-eks-abhi";
        let policy = describe_cluster_policy(cluster);
        assert_eq!(policy["Statement"][0]["Resource"], cluster);
        assert_eq!(
            policy["Statement"][1],
            json!({"Sid": "ListClusters", "Effect": "Allow", "Action": "eks:ListClusters", "Resource": "*"})
        );
        assert_eq!(assume_policy(&[ROLE.into()])["Statement"][0]["Resource"], ROLE);
        assert!(size(&policy) < TRUST_LIMIT);
    }
}
