//! The hops of IAM: `identity`, one `assume_role` per role on the way, and `role_policy`.
//!
//! `evaluate` decides what the policies allow; this module words the result and what to do about it.

use super::steps::{Found, Step};
use crate::aws::principals::{Principal, Sort};
use crate::aws::settings::Secret;
use crate::data_sources::hops::{Hop, Status};
use crate::diagnostics::sentence;
use crate::evaluate::{self, Answer, Denial, Known, Miss, Request, Source};

const IDENTITY: &str = "identity";
const ASSUME_ROLE: &str = "assume_role";
const ROLE_POLICY: &str = "role_policy";

/// Whether the principal that begins the chain is there.
pub(super) fn identity(step: &Step) -> Hop {
    let hop = match found(IDENTITY, step, "principal_arn") {
        Err(hop) => hop,
        Ok(principal) => {
            let mut reason = match step.arn.session() {
                Some(_) => format!("The session belongs to the {}, which exists as {}.", step.title(), principal.arn),
                None => format!("The {} exists.", step.title()),
            };
            if step.is_of_identity_center() {
                reason.push_str(" IAM Identity Center created it: its policies come from the permission set.");
            }
            if let Some(boundary) = &principal.boundary {
                reason.push_str(&format!(" Its permissions boundary is {boundary}."));
            }
            Hop::ok(IDENTITY, &step.written, reason)
        }
    };
    hop.in_account(&step.arn.account)
}

/// Whether `caller` may assume the role of `target`.
pub(super) fn assume_role(caller: &Step, target: &Step, external_id: Option<&Secret>) -> Hop {
    let hop = match found(ASSUME_ROLE, target, "via_role_arns") {
        Err(hop) => hop,
        Ok(role) => {
            let trust = match role.trust.is_null() {
                true => Source::unread(trust_name(target), "it is not JSON"),
                false => Source::new(trust_name(target), role.trust.clone()),
            };
            assumed(caller, target, &trust, external_id)
        }
    };
    hop.in_account(&target.arn.account)
}

/// Whether the last principal may describe the cluster. The API server asks for no IAM permission: only `aws eks update-kubeconfig` calls
/// eks:DescribeCluster (EKS user guide, "Connect kubectl to an EKS cluster by creating a kubeconfig file"), so the hop never holds up the
/// chain for a principal that exists.
pub(super) fn role_policy(last: &Step, cluster_arn: &str) -> Hop {
    let (object, account) = (last.known_arn(), cluster_arn.split(':').nth(4).unwrap_or_default());
    if last.arn.account != account {
        let reason = format!(
            "No IAM permission is needed: eks:DescribeCluster does not work from account {} in account {account}, so the kubeconfig must \
             contain the endpoint and certificate authority, as it does with mode = \"direct\".",
            last.arn.account
        );
        return Hop::ok(ROLE_POLICY, object, reason).in_account(&last.arn.account);
    }
    let request = Request::signed(last.caller(), "eks:DescribeCluster", cluster_arn);
    let needless = "The cluster needs no IAM permission; only aws eks update-kubeconfig calls eks:DescribeCluster";
    let hop = match (&last.found, evaluate::permissions(&last.identity(), &request)) {
        (Found::Absent, _) => Hop::unknown(ROLE_POLICY, object, format!("Not checked: the {} does not exist.", last.title())),
        (_, Answer::Allowed(grant)) => Hop::ok(ROLE_POLICY, object, format!("{} allows eks:DescribeCluster.", sentence(&grant.statement))),
        (found, Answer::Unknown(why)) => {
            let undecided = undecided(ROLE_POLICY, object.clone(), found, &why);
            let reason = format!("{needless}. Whether the {} is allowed to is not known. {}", last.title(), undecided.reason);
            Hop::ok(ROLE_POLICY, object, reason)
        }
        (_, Answer::Denied(denial)) => {
            let reason = format!(
                "{needless}, which the {} is not allowed to do: {}. Give it a kubeconfig with the endpoint and certificate authority, such as \
                 the attribute kubeconfig of xeks_cross_account_access.",
                last.title(),
                nearest(&denial)
            );
            Hop::ok(ROLE_POLICY, object, reason)
        }
    };
    hop.in_account(account)
}

/// The principal as it is, or the hop that says why it can't be taken for that. `attribute` is where it was written.
pub(super) fn found<'a>(name: &'static str, step: &'a Step, attribute: &str) -> Result<&'a Principal, Hop> {
    let account = &step.arn.account;
    match &step.found {
        Found::Here(found, _) if step.arn.session().is_some() || found.arn == step.written => Ok(found),
        Found::Here(found, _) => {
            let reason = format!("{} does not exist: the {} of account {account} is {}.", step.written, step.title(), found.arn);
            Err(Hop::broken(name, &step.written, reason, format!("Use {} in {attribute}.", found.arn)))
        }
        Found::Absent => {
            let reason = format!("No {} exists in account {account}.", step.title());
            let fix = format!("Create it (xeks_cross_account_access and xeks_irsa_trust create roles), or correct {attribute}.");
            Err(Hop::broken(name, &step.written, reason, fix))
        }
        Found::Unreadable(error) => Err(Hop::unreadable(name, &step.written, error)),
        Found::Outside => {
            let reason = format!(
                "Account {account} is neither the provider's cluster_account nor the selected workload account, so the {} can't be read.",
                step.title()
            );
            Err(Hop::external(name, &step.written, reason))
        }
    }
}

fn assumed(caller: &Step, target: &Step, trust: &Source, external_id: Option<&Secret>) -> Hop {
    let object = target.written.as_str();
    if matches!(caller.found, Found::Absent) {
        return Hop::unknown(ASSUME_ROLE, object, format!("Not checked: the {}, which would assume it, does not exist.", caller.title()));
    }
    let request = Request::assume_role(caller.caller(), &target.written, external_id.map(Secret::reveal));
    // The caller's own policies can't be read in a foreign account: only the trust policy can decide.
    if matches!(caller.found, Found::Outside) {
        return match evaluate::trust(trust, &request) {
            Answer::Denied(denial) => refused(caller, target, trust, &denial, external_id),
            Answer::Unknown(why) => Hop::unknown(ASSUME_ROLE, object, format!("Unknown: {}.", masked(&why, external_id))),
            Answer::Allowed(grant) => {
                let reason = format!(
                    "{} allows the {}. Whether the caller's own policies allow it can be read only in account {}.",
                    sentence(&grant.statement),
                    caller.title(),
                    caller.arn.account
                );
                Hop::external(ASSUME_ROLE, object, reason)
            }
        };
    }
    match evaluate::assume_role(trust, &caller.identity(), &request) {
        Answer::Allowed(grant) => {
            let reason = format!("{} allows the {}, and no policy of the caller denies it.", sentence(&grant.statement), caller.title());
            Hop::ok(ASSUME_ROLE, object, reason)
        }
        Answer::Unknown(why) => undecided(ASSUME_ROLE, object.to_owned(), &caller.found, &masked(&why, external_id)),
        Answer::Denied(denial) => refused(caller, target, trust, &denial, external_id),
    }
}

fn refused(caller: &Step, target: &Step, trust: &Source, denial: &Denial, external_id: Option<&Secret>) -> Hop {
    let (reason, fix) = match denial {
        Denial::Explicit { statement } if statement.ends_with(&trust.name) => (
            format!("{} denies it.", sentence(statement)),
            format!("Remove {statement}, or narrow it so that it does not match {}.", caller.known_arn()),
        ),
        Denial::Explicit { statement } => (format!("{} denies it.", sentence(statement)), lift(statement, caller)),
        Denial::NoMatch { layer, .. } if *layer == trust.name => by_trust(caller, target, denial, external_id),
        Denial::NoMatch { layer, .. } if is_boundary(layer) => (
            format!("The {} is not allowed to call sts:AssumeRole on it: {}.", caller.title(), nearest(denial)),
            widen(caller, "sts:AssumeRole", &target.written),
        ),
        Denial::NoMatch { .. } => (
            format!("The {} is not allowed to call sts:AssumeRole on it: {}.", caller.title(), nearest(denial)),
            allow(
                caller,
                "sts:AssumeRole",
                &target.written,
                "workload_role of xeks_cross_account_access does this, unless manage_policy = false",
                denial,
            ),
        ),
    };
    Hop::broken(ASSUME_ROLE, &target.written, masked(&reason, external_id), fix)
}

/// What is wrong with the trust policy, nearest miss first. An external id is never repeated.
fn by_trust(caller: &Step, target: &Step, denial: &Denial, external_id: Option<&Secret>) -> (String, String) {
    let (trust, caller_arn) = (trust_name(target), caller.known_arn());
    let Denial::NoMatch { near, .. } = denial else { return (denial.to_string(), String::new()) };
    match near.first().map(|near| (&near.miss, near)) {
        Some((Miss::Principal { stale, .. }, _)) if !stale.is_empty() => (
            format!(
                "{} contains {}, the unique ID of a deleted principal: IAM shows it in place of the ARN. The current {} is a new \
                 principal with the same name.",
                sentence(&trust),
                stale.join(", "),
                caller.title()
            ),
            format!("Apply xeks_cross_account_access again, or write {caller_arn} into {trust} again (aws iam update-assume-role-policy)."),
        ),
        Some((Miss::Condition { key, found, .. }, near)) if key.eq_ignore_ascii_case("sts:ExternalId") => {
            let reason = match (found, external_id) {
                (Known::Absent, _) | (_, None) => format!("{} requires an external ID, and none is set.", sentence(&near.statement)),
                _ => format!("{} requires a different external ID.", sentence(&near.statement)),
            };
            (
                reason,
                format!(
                    "Set external_id to the external ID in {trust} (access_role.external_id of xeks_cross_account_access, external_id \
                     of xeks_irsa_trust), or correct the trust policy."
                ),
            )
        }
        Some((Miss::Condition { key, .. }, near)) => (
            format!("{} does not allow the {}: {near}.", sentence(&trust), caller.title()),
            format!("Satisfy the condition on {key} in {}, or change it.", near.statement),
        ),
        _ => (
            format!("{} does not allow the {}: {}.", sentence(&trust), caller.title(), nearest(denial)),
            format!(
                "Allow sts:AssumeRole in {trust} for {caller_arn}: access_role of xeks_cross_account_access does this for its \
                 workload_role and for trusted_principal_arns."
            ),
        ),
    }
}

/// What can't be decided; a permission to read that is missing is named as what to do.
fn undecided(name: &'static str, object: String, found: &Found, why: &str) -> Hop {
    match found {
        Found::Here(_, Err(error)) | Found::Unreadable(error) => Hop::unreadable(name, object, error),
        Found::Outside => Hop { status: Status::External, ..Hop::unknown(name, object, format!("{}.", sentence(why))) },
        _ => Hop::unknown(name, object, format!("Unknown: {why}.")).with_fix("Set live = true to test it with the credentials of live_as."),
    }
}

fn trust_name(target: &Step) -> String {
    format!("the trust policy of the {}", target.title())
}

/// How a permission is given to whom. Roles of Identity Center are edited in their permission set, and `by_xeks` writes for roles of
/// its own only.
fn allow(step: &Step, action: &str, resource: &str, by_xeks: &str, denial: &Denial) -> String {
    if let Denial::NoMatch { near, .. } = denial
        && let Some((Miss::Condition { key, .. }, near)) = near.first().map(|near| (&near.miss, near))
    {
        return format!("Satisfy the condition on {key} in {}, or change it.", near.statement);
    }
    match step.sort {
        Sort::Role if step.is_of_identity_center() => format!("In the permission set, allow {action} on {resource}."),
        Sort::Role => format!("Allow {action} on {resource} to the {}: {by_xeks}.", step.title()),
        Sort::User => format!("Allow {action} on {resource} to the {}.", step.title()),
    }
}

/// The statement that came nearest to allowing it, in its own words.
fn nearest(denial: &Denial) -> String {
    match denial {
        Denial::NoMatch { near, .. } => near.first().map_or_else(|| denial.to_string(), ToString::to_string),
        Denial::Explicit { .. } => denial.to_string(),
    }
}

/// As `evaluate` names the layer of what a principal's own side says.
fn is_boundary(layer: &str) -> bool {
    layer.contains("boundary")
}

fn widen(step: &Step, action: &str, resource: &str) -> String {
    let boundary = step.principal().and_then(|p| p.boundary.as_deref()).unwrap_or("the boundary");
    format!("Allow {action} on {resource} in {boundary}, or set another permissions_boundary on the {}.", step.title())
}

fn lift(statement: &str, step: &Step) -> String {
    let place = if step.is_of_identity_center() { " in the permission set" } else { "" };
    format!("Remove {statement}{place}, or narrow it.")
}

fn masked(text: &str, external_id: Option<&Secret>) -> String {
    match external_id.map(Secret::reveal).filter(|id| !id.is_empty()) {
        Some(id) => text.replace(id, "(the external ID)"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::principals::{Document, Permissions};
    use crate::aws::{Arn, Error, policy};

    const CALLER: &str = "arn:aws:iam::185863138492:role/app";
    const TARGET: &str = "arn:aws:iam::183295435445:role/access";
    const CLUSTER: &str = "arn:aws:eks:ap-south-1:183295435445:cluster/prod";

    fn role(arn: &str, trust: Json, may: Json) -> Step {
        let parsed = Arn::parse(arn).unwrap();
        let (sort, name) = crate::aws::principals::named(&parsed).unwrap();
        let principal = Principal {
            sort,
            name: name.clone(),
            arn: arn.to_owned(),
            id: "AROAEXAMPLE000000001".into(),
            created_at: 0,
            trust: policy::document([trust]),
            boundary: None,
            tags: Default::default(),
        };
        let documents = vec![Document { name: "inline".into(), document: policy::document([may]) }];
        let found = Found::Here(principal, Ok(Permissions { documents, boundary: None }));
        Step { written: arn.to_owned(), arn: parsed, sort, name, found }
    }

    fn allowing(action: &str) -> Json {
        json!({"Effect": "Allow", "Action": action, "Resource": "*"})
    }

    fn trusting(principal: &str) -> Json {
        json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}})
    }

    fn caller() -> Step {
        role(CALLER, trusting(TARGET), allowing("sts:AssumeRole"))
    }

    fn target(trust: Json) -> Step {
        role(TARGET, trust, allowing("eks:DescribeCluster"))
    }

    fn with(found: Found) -> Step {
        Step { found, ..caller() }
    }

    #[test]
    fn both_sides_must_allow_it_across_accounts() {
        let status = |caller: &Step, trust| assume_role(caller, &target(trust), None).status;
        assert_eq!(status(&caller(), trusting(CALLER)), Status::Ok);
        assert_eq!(status(&caller(), trusting("arn:aws:iam::185863138492:role/other")), Status::Broken);
        assert_eq!(status(&role(CALLER, trusting(TARGET), allowing("s3:*")), trusting(CALLER)), Status::Broken);
    }

    #[test]
    fn an_external_id_is_never_repeated() {
        let mut trust = trusting(CALLER);
        trust["Condition"] = json!({"StringEquals": {"sts:ExternalId": "hush-1"}});
        for given in [None, Some(Secret::new("hush-2"))] {
            let hop = assume_role(&caller(), &target(trust.clone()), given.as_ref());
            assert_eq!(hop.status, Status::Broken);
            assert!(hop.reason.contains("external ID") && !format!("{hop:?}").contains("hush"), "{hop:?}");
        }
        assert_eq!(assume_role(&caller(), &target(trust), Some(&Secret::new("hush-1"))).status, Status::Ok);
    }

    #[test]
    fn a_trust_that_names_an_id_has_decayed() {
        let hop = assume_role(&caller(), &target(trusting("AROAEXAMPLE000000009")), None);
        assert!(hop.reason.contains("contains AROAEXAMPLE000000009, the unique ID of a deleted principal"), "{}", hop.reason);
        assert!(hop.fix.unwrap().contains(CALLER));
    }

    #[test]
    fn what_the_caller_may_do_differs_from_what_can_not_be_read() {
        let denied = || Error::from_code("iam:ListRolePolicies", "185863138492 (workload)", "AccessDenied", "no", None);
        let of = |caller: Step| assume_role(&caller, &target(trusting(CALLER)), None);
        assert_eq!(of(with(Found::Outside)).status, Status::External);
        assert_eq!(of(with(Found::Absent)).status, Status::Unknown);
        let Found::Here(principal, _) = caller().found else { unreachable!() };
        let hop = of(with(Found::Here(principal, Err(denied()))));
        assert_eq!(hop.status, Status::Unknown);
        assert!(hop.reason.contains("lack iam:ListRolePolicies"), "{}", hop.reason);
        assert_eq!(of(with(Found::Unreadable(denied()))).status, Status::Unknown);
    }

    #[test]
    fn no_principal_needs_to_describe_the_cluster() {
        assert_eq!(role_policy(&target(trusting(CALLER)), CLUSTER).status, Status::Ok);
        let hop = role_policy(&caller(), CLUSTER);
        assert_eq!(hop.status, Status::Ok);
        assert!(hop.reason.contains("the kubeconfig must contain the endpoint"), "{}", hop.reason);
        let hop = role_policy(&role(TARGET, trusting(CALLER), allowing("s3:*")), CLUSTER);
        assert_eq!(hop.status, Status::Ok);
        assert!(
            hop.reason.contains("only aws eks update-kubeconfig calls eks:DescribeCluster, which the role access is not"),
            "{}",
            hop.reason
        );
        let denied = Error::from_code("iam:ListRolePolicies", "183295435445 (cluster)", "AccessDenied", "no", None);
        let Found::Here(principal, _) = target(trusting(CALLER)).found else { unreachable!() };
        let hop = role_policy(&Step { found: Found::Here(principal, Err(denied)), ..target(trusting(CALLER)) }, CLUSTER);
        assert_eq!((hop.status, hop.reason.contains("lack iam:ListRolePolicies")), (Status::Ok, true), "{}", hop.reason);
    }

    #[test]
    fn a_role_under_another_path_is_another_role() {
        let hop = identity(&Step { written: "arn:aws:iam::185863138492:role/teams/app".into(), ..caller() });
        assert_eq!(hop.status, Status::Broken);
        assert_eq!(hop.fix.as_deref(), Some("Use arn:aws:iam::185863138492:role/app in principal_arn."));
    }
}
