//! What a compromised pipeline can do with the policies that `xeks_runner_policy` renders, by the crate's own evaluation of them.
//!
//! The page docs/guides/compromised-pipeline.md lists it for each policy: XEKS_WRITE=1 writes its list instead of comparing it.

mod attacks;
mod page;
mod policies;

use serde_json::{Value as Json, json};
use xeks::evaluate::{self, Answer, Denial, Identity, Miss, Source};

use attacks::Attack;
use policies::{CLUSTER, Rendered, WORKLOAD, boundary, refused, render};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guides/compromised-pipeline.md");

/// How an attack ends under a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Allowed,
    /// The condition key that does not fit.
    Condition(String),
    /// No statement with the call covers the object's ARN.
    Arn,
    /// No statement names the call.
    NotGranted,
}

/// The policy must decide: an answer that is unknown is a fault of the catalogue.
pub fn end(policy: &Json, attack: &Attack) -> End {
    let identity = Identity { policies: vec![Source::new("the policy", policy.clone())], ..Identity::default() };
    let ends = attack.requests.iter().map(|request| match evaluate::permissions(&identity, request) {
        Answer::Allowed(_) => End::Allowed,
        Answer::Denied(Denial::NoMatch { near, .. }) => match near.into_iter().next().map(|near| near.miss) {
            Some(Miss::Condition { key, .. }) => End::Condition(key),
            Some(Miss::Resource { .. }) => End::Arn,
            _ => End::NotGranted,
        },
        answer => panic!("{} on {}: {answer}", request.action, request.resource),
    });
    ends.max().unwrap()
}

/// What of the attacks of this account on this object the policies allow.
fn allowed(rendered: &Rendered, account: &str, object: &str) -> Vec<String> {
    let attacks: Vec<Attack> = attacks::all().into_iter().filter(|a| a.account == account && a.object == object).collect();
    assert!(!attacks.is_empty(), "no attack on {object}");
    let policy = rendered.policy(account).unwrap();
    attacks.into_iter().filter(|attack| end(policy, attack) == End::Allowed).map(|attack| attack.does).collect()
}

fn titled(title: &str) -> Rendered {
    policies::all().into_iter().find(|rendered| rendered.title == title).unwrap()
}

#[test]
fn the_page_lists_what_is_allowed() {
    let (written, wanted) = page::written_and_wanted(PAGE, &policies::all(), &attacks::all());
    if std::env::var_os("XEKS_WRITE").is_some() {
        std::fs::write(PAGE, &wanted).unwrap();
        return;
    }
    assert!(
        written == wanted,
        "docs/guides/compromised-pipeline.md is not what the test finds: write it with XEKS_WRITE=1 cargo test --test containment"
    );
}

#[test]
fn with_a_boundary_a_role_without_it_is_out_of_reach_whatever_its_name() {
    const LEFT: [&str; 2] = ["put the boundary on it", "tag it, also with a forged `xeks:resource`"];
    for name in ["Admin", "team-legacy"] {
        let object = format!("role `{name}`");
        for title in ["`xeks_cross_account_access`, any name, with a boundary", "`xeks_cross_account_access`, with a boundary"] {
            for account in [CLUSTER, WORKLOAD] {
                let left = allowed(&titled(title), account, &object);
                assert!(left.iter().all(|does| LEFT.contains(&does.as_str())), "{title}: {object}: {left:?}");
            }
        }
    }
}

#[test]
fn an_existing_role_is_written_only_with_the_boundary_that_is_named() {
    for (title, account) in [
        ("`xeks_cross_account_access`, existing roles, with a boundary", CLUSTER),
        ("`xeks_cross_account_access`, existing roles, with a boundary", WORKLOAD),
        ("`xeks_irsa_trust`, an existing role, with a boundary", WORKLOAD),
    ] {
        assert_eq!(allowed(&titled(title), account, "role `team-legacy`"), [""; 0], "{title}");
        assert!(!allowed(&titled(title), account, "role `team-bounded`, which has the boundary").is_empty(), "{title}");
    }
}

#[test]
fn a_boundary_can_be_put_on_a_role_and_never_removed_or_replaced() {
    for rendered in policies::all().into_iter().filter(|rendered| rendered.title.ends_with("with a boundary")) {
        for account in [CLUSTER, WORKLOAD].into_iter().filter(|account| rendered.policy(account).is_some()) {
            for object in ["role `team-legacy`", "role `team-bounded`, which has the boundary", "a new role `team-new`"] {
                let allowed = allowed(&rendered, account, object);
                let outside =
                    allowed.iter().filter(|does| does.contains("AdministratorAccess its") || does.contains("remove its boundary"));
                assert_eq!(outside.count(), 0, "{}: {object}: {allowed:?}", rendered.title);
            }
        }
    }
}

#[test]
fn no_policy_adds_an_oidc_provider_of_another_domain_or_region() {
    let issuers = ["the issuer `oidc.eks.x.evil.example/y.amazonaws.com/id/1`", "the issuer `evil.example`"];
    for rendered in policies::all() {
        for account in [CLUSTER, WORKLOAD].into_iter().filter(|account| rendered.policy(account).is_some()) {
            for issuer in issuers.into_iter().chain(["an EKS cluster of the attacker in another region"]) {
                let object = format!("an OIDC provider of {issuer}");
                assert_eq!(allowed(&rendered, account, &object), [""; 0], "{}", rendered.title);
            }
        }
    }
}

#[test]
fn issuers_need_a_region_and_a_host_without_wildcards() {
    let trust = |more: Json| {
        let mut wanted = json!({"role": {"name": "app"}});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wanted
    };
    for given in [
        json!({"irsa_trust": [trust(json!({"cluster_name": "c"}))]}),
        json!({"region": "*", "irsa_trust": [trust(json!({"cluster_names": ["c"]}))]}),
        json!({"region": "ap-south-1", "irsa_trust": [trust(json!({"cluster_name": "c", "cluster_region": "*"}))]}),
    ] {
        let errors = refused(&given);
        assert_eq!(errors.len(), 1, "{given}: {errors:?}");
        assert!(errors[0].starts_with("irsa_trust[0].cluster_region: ") && errors[0].contains("evil.example"), "{errors:?}");
    }
    assert_eq!(refused(&json!({"irsa_trust": [trust(json!({"cluster_name": "c", "cluster_region": "ap-south-1"}))]})), [""; 0]);
    for url in [
        "https://*",
        "https://oidc.eks.*.amazonaws.com/id/1",
        "https://issuer.example.com*",
        "https://oidc.eks.ap-sout?-1.amazonaws.com/id/*",
    ] {
        let errors = refused(&json!({"irsa_trust": [trust(json!({"issuer_urls": [url]}))]}));
        assert!(errors.len() == 1 && errors[0].starts_with("irsa_trust[0].issuer_urls"), "{url}: {errors:?}");
    }
    assert_eq!(
        refused(&json!({"irsa_trust": [trust(json!({"issuer_urls": ["https://oidc.eks.ap-south-1.amazonaws.com/id/*"]}))]})),
        [""; 0]
    );
}

#[test]
fn what_is_named_of_an_entry_is_all_that_the_pipeline_can_give_it() {
    let named = titled("`xeks_cross_account_access`, with a boundary, an instance profile and named Kubernetes permissions");
    assert_eq!(allowed(&named, CLUSTER, "xeks's entry of the access role `team-app`"), [""; 0]);
    let open = titled("`xeks_cross_account_access`, with a boundary");
    assert_eq!(allowed(&open, CLUSTER, "xeks's entry of the access role `team-app`").len(), 7, "all but its own");
}

#[test]
fn namespaces_without_a_scope_are_no_cluster_scope() {
    let policies = json!({"AmazonEKSViewPolicy": {"namespaces": ["team-*"]}});
    let wanted = json!({
        "cluster_name": "prac-eks-abhi",
        "access_role": {"name": "team-*"},
        "workload_role": {"name": "team-*"},
        "kubernetes": {"policies": policies},
    });
    let rendered = render("namespaces", json!({"cross_account_access": [wanted]}));
    assert_eq!(allowed(&rendered, CLUSTER, "xeks's entry of the access role `team-app`"), [""; 0]);
}

#[test]
fn only_the_security_group_that_eks_made_for_the_cluster_can_be_opened() {
    for title in ["`xeks_cluster_peering`", "`xeks_cluster_peering`, an existing connection"] {
        for object in [
            "the security group of a database in the cluster's VPC",
            "a security group of another VPC",
            "the cluster security group of another cluster",
        ] {
            assert_eq!(allowed(&titled(title), CLUSTER, object), [""; 0], "{title}: {object}");
        }
        assert_eq!(allowed(&titled(title), CLUSTER, "the cluster security group").len(), 2, "{title}");
    }
}

#[test]
fn a_connection_id_with_wildcards_is_limited_by_both_vpcs() {
    let wanted = json!({
        "cluster_name": "prac-eks-abhi",
        "workload_vpc_id": "vpc-workload",
        "cluster_vpc_id": "vpc-cluster",
        "peering_connection_id": "pcx-*",
        "dns_resolution": true,
    });
    let rendered = render("any connection", json!({"cluster_peering": [wanted]}));
    for account in [CLUSTER, WORKLOAD] {
        assert_eq!(allowed(&rendered, account, "the connection with a VPC of the attacker"), [""; 0]);
        assert!(!allowed(&rendered, account, "the connection that others made between the two VPCs").is_empty());
    }
}

/// One member of the list with these roles.
fn any_name(access_role: Json, workload_role: Json) -> Json {
    json!({"cross_account_access": [{"cluster_name": "c", "access_role": access_role, "workload_role": workload_role}]})
}

#[test]
fn any_name_without_a_boundary_is_a_warning_that_says_so() {
    let any = || json!({"name": "*"});
    let warned = |given: Json| render("any name", given).warnings.into_iter().map(|(summary, _)| summary).collect::<Vec<_>>();
    let of = |side: &str| format!("The policy for the {side} account is, in effect, administration of the account");
    assert_eq!(warned(any_name(any(), any())), [of("cluster"), of("workload")]);
    assert_eq!(warned(any_name(json!({"name": "team-*"}), any())), [of("workload")]);
    assert_eq!(warned(any_name(json!({"name": "team-*"}), json!({"name": "*", "path": "/teams/"}))), [""; 0]);
    let detail = &render("any name", any_name(any(), any())).warnings[0].1;
    assert!(detail.contains("permissions_boundary") && detail.contains(CLUSTER) && detail.contains("name = \"team-*\""), "{detail}");

    // What is no limit: any boundary, and one of AWS's policies.
    for boundary in ["*", "arn:aws:iam::aws:policy/*"] {
        let role = || json!({"name": "*", "permissions_boundary": boundary});
        assert_eq!(warned(any_name(role(), role())), [of("cluster"), of("workload")], "{boundary}");
    }
    let bounded = |account: &str| json!({"name": "*", "permissions_boundary": boundary(account)});
    assert_eq!(warned(any_name(bounded(CLUSTER), bounded(WORKLOAD))), [""; 0]);
    let read = json!({"name": "*", "existing": true, "manage_policy": false});
    assert_eq!(warned(any_name(json!({"name": "team-*"}), read)), [""; 0], "nothing of it is written");
}

#[test]
fn a_boundary_does_not_contain_what_is_passed_so_that_any_name_is_refused() {
    let role =
        |name: &str, path: &str| json!({"name": name, "path": path, "permissions_boundary": boundary(WORKLOAD), "instance_profile": true});
    for (name, path) in [("*", "/"), ("**", "/*/")] {
        let errors = refused(&any_name(json!({"name": "a"}), role(name, path)));
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("cross_account_access[0].workload_role.name: "), "{errors:?}");
        assert!(errors[0].contains("team-*"), "{errors:?}");
    }
    assert_eq!(refused(&any_name(json!({"name": "a"}), role("team-*", "/"))), [""; 0]);
    assert_eq!(refused(&any_name(json!({"name": "a"}), role("*", "/teams/"))), [""; 0]);
}
