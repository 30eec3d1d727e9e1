//! Kubernetes resources by the names that kubectl takes: `deployments`, `deploy`, `Deployment`, `deployments.apps`, `deployments.v1.apps`.
//!
//! The table has what the API server of Kubernetes 1.34 serves by itself (`kubectl api-resources`). What others define has to be named with
//! its group, since only the cluster knows it.

/// Group, plural, and short names.
type Resource = (&'static str, &'static str, &'static [&'static str]);

const TABLE: &[Resource] = &[
    ("", "bindings", &[]),
    ("", "componentstatuses", &["cs"]),
    ("", "configmaps", &["cm"]),
    ("", "endpoints", &["ep"]),
    ("", "events", &["ev"]),
    ("", "limitranges", &["limits"]),
    ("", "namespaces", &["ns"]),
    ("", "nodes", &["no"]),
    ("", "persistentvolumeclaims", &["pvc"]),
    ("", "persistentvolumes", &["pv"]),
    ("", "pods", &["po"]),
    ("", "podtemplates", &[]),
    ("", "replicationcontrollers", &["rc"]),
    ("", "resourcequotas", &["quota"]),
    ("", "secrets", &[]),
    ("", "serviceaccounts", &["sa"]),
    ("", "services", &["svc"]),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", &[]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", &[]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings", &[]),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", &[]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["crd", "crds"]),
    ("apiregistration.k8s.io", "apiservices", &[]),
    ("apps", "controllerrevisions", &[]),
    ("apps", "daemonsets", &["ds"]),
    ("apps", "deployments", &["deploy"]),
    ("apps", "replicasets", &["rs"]),
    ("apps", "statefulsets", &["sts"]),
    ("authentication.k8s.io", "selfsubjectreviews", &[]),
    ("authentication.k8s.io", "tokenreviews", &[]),
    ("authorization.k8s.io", "localsubjectaccessreviews", &[]),
    ("authorization.k8s.io", "selfsubjectaccessreviews", &[]),
    ("authorization.k8s.io", "selfsubjectrulesreviews", &[]),
    ("authorization.k8s.io", "subjectaccessreviews", &[]),
    ("autoscaling", "horizontalpodautoscalers", &["hpa"]),
    ("batch", "cronjobs", &["cj"]),
    ("batch", "jobs", &[]),
    ("certificates.k8s.io", "certificatesigningrequests", &["csr"]),
    ("coordination.k8s.io", "leases", &[]),
    ("discovery.k8s.io", "endpointslices", &[]),
    ("events.k8s.io", "events", &["ev"]),
    ("flowcontrol.apiserver.k8s.io", "flowschemas", &[]),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", &[]),
    ("networking.k8s.io", "ingressclasses", &[]),
    ("networking.k8s.io", "ingresses", &["ing"]),
    ("networking.k8s.io", "ipaddresses", &["ip"]),
    ("networking.k8s.io", "networkpolicies", &["netpol"]),
    ("networking.k8s.io", "servicecidrs", &[]),
    ("node.k8s.io", "runtimeclasses", &[]),
    ("policy", "poddisruptionbudgets", &["pdb"]),
    ("rbac.authorization.k8s.io", "clusterrolebindings", &[]),
    ("rbac.authorization.k8s.io", "clusterroles", &[]),
    ("rbac.authorization.k8s.io", "rolebindings", &[]),
    ("rbac.authorization.k8s.io", "roles", &[]),
    ("resource.k8s.io", "deviceclasses", &[]),
    ("resource.k8s.io", "resourceclaims", &[]),
    ("resource.k8s.io", "resourceclaimtemplates", &[]),
    ("resource.k8s.io", "resourceslices", &[]),
    ("scheduling.k8s.io", "priorityclasses", &["pc"]),
    ("storage.k8s.io", "csidrivers", &[]),
    ("storage.k8s.io", "csinodes", &[]),
    ("storage.k8s.io", "csistoragecapacities", &[]),
    ("storage.k8s.io", "storageclasses", &["sc"]),
    ("storage.k8s.io", "volumeattachments", &[]),
    ("storage.k8s.io", "volumeattributesclasses", &["vac"]),
];

/// A resource in the plural, with a subresource such as `pods/exec`, and its API group, empty for the core's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub resource: String,
    pub group: String,
}

/// What kubectl takes that name for.
///
/// # Errors
/// The name has no group, and is none of the table's.
pub(super) fn named(text: &str) -> Result<Named, String> {
    let (name, sub) = text.split_once('/').map_or((text, None), |(name, sub)| (name, Some(sub)));
    let (name, rest) = name.split_once('.').map_or((name, None), |(name, rest)| (name, Some(rest)));
    // `RESOURCE.VERSION.GROUP`, where the core's group is empty: `pods.v1.`.
    let group = rest.map(|rest| match rest.split_once('.').unwrap_or((rest, "")) {
        (version, group) if is_version(version) => group,
        _ => rest,
    });
    let lower = name.to_ascii_lowercase();
    let is_it = |(of, plural, short): &&Resource| {
        group.is_none_or(|group| group == *of) && (lower == *plural || lower == singular(plural) || short.contains(&lower.as_str()))
    };
    let (plural, group) = match (TABLE.iter().find(is_it), group) {
        (Some((of, plural, _)), _) => (*plural, *of),
        (None, Some(group)) if !name.is_empty() => (name, group),
        (None, _) if name == "*" => ("*", ""),
        (None, _) => {
            return Err(format!(
                "{text:?} is not a resource that Kubernetes itself has. Use its plural or short name, such as pods, deploy or \
                 deployments.apps. Name a custom resource with its API group, such as certificates.cert-manager.io, or set live = true, \
                 which asks the cluster for it."
            ));
        }
    };
    let resource = sub.map_or_else(|| plural.to_owned(), |sub| format!("{plural}/{sub}"));
    Ok(Named { resource, group: group.to_owned() })
}

/// `v1`, `v1beta2`.
fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn singular(plural: &str) -> String {
    if let Some(stem) = plural.strip_suffix("ies") {
        return format!("{stem}y");
    }
    let stem = if plural.ends_with("sses") || plural.ends_with("statuses") { plural.strip_suffix("es") } else { plural.strip_suffix('s') };
    stem.unwrap_or(plural).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let Named { resource, group } = named(text).unwrap();
        (resource, group)
    }

    #[test]
    fn a_resource_is_written_as_for_kubectl() {
        for text in ["deployments", "deployment", "deploy", "Deployment", "deployments.apps", "deploy.apps", "deployments.v1.apps"] {
            assert_eq!(read(text), ("deployments".into(), "apps".into()), "{text}");
        }
        for text in ["pods", "po", "pod", "Pod", "pods.v1.", "pods.v1"] {
            assert_eq!(read(text), ("pods".into(), String::new()), "{text}");
        }
        assert_eq!(read("po/exec"), ("pods/exec".into(), String::new()));
        assert_eq!(read("deploy/scale"), ("deployments/scale".into(), "apps".into()));
        assert_eq!(read("events.events.k8s.io"), ("events".into(), "events.k8s.io".into()));
        assert_eq!(read("pods.metrics.k8s.io"), ("pods".into(), "metrics.k8s.io".into()));
        assert_eq!(read("certificates.cert-manager.io"), ("certificates".into(), "cert-manager.io".into()));
        assert_eq!(read("certificates.v1.cert-manager.io"), ("certificates".into(), "cert-manager.io".into()));
        assert_eq!(read("*"), ("*".into(), String::new()));
    }

    #[test]
    fn singulars_are_those_of_kubectl() {
        for (plural, one) in [
            ("ingresses", "ingress"),
            ("networkpolicies", "networkpolicy"),
            ("componentstatuses", "componentstatus"),
            ("leases", "lease"),
            ("ipaddresses", "ipaddress"),
            ("storageclasses", "storageclass"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }

    #[test]
    fn an_unknown_name_without_a_group_is_refused() {
        for text in ["certificates", "pdos", "", "/exec", "."] {
            assert!(named(text).unwrap_err().contains("certificates.cert-manager.io"), "{text}");
        }
    }
}
