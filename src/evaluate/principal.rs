//! Whether a Principal element means the caller.
//!
//! IAM user guide, "AWS JSON policy elements: Principal". NotPrincipal is no element of identity policies nor of trust policies
//! ("AWS JSON policy elements: NotPrincipal"): what AWS would make of it is unknown.

use serde_json::Value;

use super::answer::Grantee;
use super::request::{Caller, Principal};
use super::tri::Tri;
use crate::aws::Arn;
use crate::aws::arn::{self, is_unique_id};
use crate::aws::policy::values_of;

/// Whom of the caller the element names: each with whether it does.
pub(super) fn named(element: &Value, caller: &Caller) -> Vec<(Grantee, Tri)> {
    let (kind, all) = match element {
        Value::String(all) if all == "*" => ("AWS", vec!["*".to_owned()]),
        Value::Object(_) => {
            let kind = match caller {
                Caller::Aws(_) => "AWS",
                Caller::Federated(_) => "Federated",
                Caller::Service(_) => "Service",
            };
            (kind, values_of(&element[kind]))
        }
        _ => return vec![(Grantee::Principal, Tri::Unknown("its Principal does not have a form that AWS accepts".into()))],
    };
    let everyone = kind == "AWS" && all.iter().any(|p| p == "*") || values_of(&element["AWS"]).iter().any(|p| p == "*");
    let mut found: Vec<(Grantee, Tri)> = match caller {
        Caller::Aws(principal) => all.iter().filter(|p| *p != "*").map(|written| aws(written, principal)).collect(),
        Caller::Federated(name) | Caller::Service(name) => {
            all.iter().filter(|p| *p != "*").map(|written| (Grantee::Principal, (written == name).into())).collect()
        }
    };
    if everyone {
        found.push((Grantee::Everyone, Tri::Yes));
    } else if !matches!(caller, Caller::Aws(_)) && element.get("AWS").is_some() {
        found.push((
            Grantee::Account,
            Tri::Unknown("its Principal is an account, and AWS does not document whether a web identity belongs to one".into()),
        ));
    }
    found
}

/// What is written, for people: without the kind, unless it is another than the caller's.
pub(super) fn written(element: &Value) -> Vec<String> {
    match element {
        Value::Object(kinds) => kinds.values().flat_map(values_of).collect(),
        other => values_of(other),
    }
}

/// Those of what is written that are ids of principals: IAM shows the id of a principal that it knew by ARN and that is gone
/// ("AWS JSON policy elements: Principal", IAM role principals). The caller's own is not among them.
pub(super) fn stale(element: &Value, caller: &Caller) -> Vec<String> {
    let Caller::Aws(principal) = caller else { return Vec::new() };
    let own = principal.unique_id.as_deref();
    written(element).into_iter().filter(|written| is_unique_id(written) && Some(written.as_str()) != own).collect()
}

fn aws(written: &str, caller: &Principal) -> (Grantee, Tri) {
    if arn::is_account_id(written) {
        return (Grantee::Account, (written == caller.account_id).into());
    }
    if is_unique_id(written) {
        let matches = match &caller.unique_id {
            Some(id) => (written == id).into(),
            None => Tri::Unknown(format!("the unique ID of {} is not known, and {written} may be it", caller.arn)),
        };
        return (Grantee::Principal, matches);
    }
    let Ok(parsed) = Arn::parse(written) else { return (Grantee::Principal, Tri::No) };
    if parsed.service == "iam" && parsed.resource == "root" {
        return (Grantee::Account, (parsed.account == caller.account_id && parsed.partition == caller.partition).into());
    }
    if let Some((role, session)) = parsed.session() {
        return (Grantee::Session, of_session(role, session, &parsed, caller));
    }
    (Grantee::Principal, by_arn(written, &parsed, caller))
}

fn by_arn(written: &str, parsed: &Arn, caller: &Principal) -> Tri {
    let of_that_name = parsed.role().is_some_and(|(_, name)| caller.role_name() == Some(&name))
        && (&parsed.partition, &parsed.account) == (&caller.partition, &caller.account_id);
    match caller.pathless && of_that_name {
        true => {
            Tri::Unknown(format!("the path of the role {} is not known, and {written} may be it", caller.role_name().unwrap_or_default()))
        }
        false => (written == caller.arn).into(),
    }
}

fn of_session(role: &str, session: &str, parsed: &Arn, caller: &Principal) -> Tri {
    if parsed.account != caller.account_id || caller.role_name() != Some(role) {
        return Tri::No;
    }
    match &caller.session_name {
        Some(name) => (name == session).into(),
        None => Tri::Unknown(format!("only sessions named {session} of {} match, and the session name is not known", caller.arn)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "AROAEXAMPLE000000001";

    fn app() -> Caller {
        let principal = Principal::of_arn("arn:aws:iam::185863138492:role/teams/app").unwrap();
        Caller::Aws(Principal { unique_id: Some(ID.into()), ..principal })
    }

    fn grantee(element: serde_json::Value) -> Option<Grantee> {
        named(&element, &app()).into_iter().filter(|(_, tri)| *tri == Tri::Yes).map(|(grantee, _)| grantee).max()
    }

    #[test]
    fn a_role_is_named_by_arn_by_id_by_account_or_with_everyone() {
        assert_eq!(grantee(json!({"AWS": "arn:aws:iam::185863138492:role/teams/app"})), Some(Grantee::Principal));
        assert_eq!(grantee(json!({"AWS": [ID, "185863138492"]})), Some(Grantee::Principal));
        assert_eq!(grantee(json!({"AWS": "185863138492"})), Some(Grantee::Account));
        assert_eq!(grantee(json!({"AWS": "arn:aws:iam::185863138492:root"})), Some(Grantee::Account));
        assert_eq!(grantee(json!("*")), Some(Grantee::Everyone));
        assert_eq!(grantee(json!({"AWS": "*"})), Some(Grantee::Everyone));
    }

    #[test]
    fn other_kinds_and_nearly_matching_arns_are_not_the_caller() {
        for other in [
            json!({"AWS": "arn:aws:iam::185863138492:role/app"}),
            json!({"AWS": "arn:aws:iam::183295435445:root"}),
            json!({"AWS": "arn:aws-cn:iam::185863138492:root"}),
            json!({"AWS": "arn:aws:iam::185863138492:role/teams/*"}),
            json!({"Service": "ec2.amazonaws.com"}),
            json!({"Federated": "arn:aws:iam::185863138492:role/teams/app"}),
            json!({"AWS": "AROAEXAMPLE000000002"}),
        ] {
            assert_eq!(grantee(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn an_id_that_is_not_the_callers_is_reported_as_a_stale_identity() {
        assert_eq!(stale(&json!({"AWS": ["AROAEXAMPLE000000002", ID]}), &app()), ["AROAEXAMPLE000000002"]);
    }

    #[test]
    fn a_role_whose_path_is_not_known_may_be_any_of_its_name() {
        let caller = Caller::Aws(Principal::of_pathless_role("aws", "185863138492", "app"));
        let of = |arn: &str| named(&json!({ "AWS": arn }), &caller)[0].1.clone();
        assert!(matches!(of("arn:aws:iam::185863138492:role/teams/app"), Tri::Unknown(_)));
        assert!(matches!(of("arn:aws:iam::185863138492:role/app"), Tri::Unknown(_)));
        for other in
            ["arn:aws:iam::185863138492:role/teams/other", "arn:aws:iam::183295435445:role/app", "arn:aws:iam::185863138492:user/app"]
        {
            assert_eq!(of(other), Tri::No, "{other}");
        }
        assert_eq!(of("arn:aws:iam::185863138492:root"), Tri::Yes);
    }

    #[test]
    fn a_session_is_matched_by_its_name_and_unknown_without_one() {
        let element = json!({"AWS": "arn:aws:sts::185863138492:assumed-role/app/i-1"});
        assert!(matches!(named(&element, &app())[0], (Grantee::Session, Tri::Unknown(_))));
        let Caller::Aws(principal) = app() else { unreachable!() };
        let named_session = |name: &str| Caller::Aws(Principal { session_name: Some(name.into()), ..principal.clone() });
        assert_eq!(named(&element, &named_session("i-1"))[0], (Grantee::Session, Tri::Yes));
        assert_eq!(named(&element, &named_session("i-2"))[0], (Grantee::Session, Tri::No));
    }
}
