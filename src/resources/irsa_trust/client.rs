//! `client`: how the profiles, the ConfigMap and the PodTemplate of a trust are named, so that one service account can have several trusts:
//! their profiles go into one file, and their Kubernetes objects into one namespace.

use crate::aws::names;
use crate::aws::policy::statements::ServiceAccount;
use crate::objects::digest;
use crate::schema::{Attribute, Value, placeholder, validators};

const DEFAULT_PROFILE: &str = "default";
/// Beginning of the names of the profiles with the pod roles' credentials. No other profile of xeks begins so.
const POD_PROFILE: &str = "xeks-pod";
/// Kubernetes, "Object Names and IDs", DNS subdomain names.
const LONGEST_NAME: usize = 253;
const CONFIG_MAP: &str = "-aws-config";
const POD_TEMPLATE: &str = "-chained";
/// Hexadecimal digits that stand for a name where it can't be used as it is.
const DIGITS: usize = 8;

pub fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::string(
            "profile_name",
            "Name of the profile in `aws_config`. Default `default`, which SDKs use unless the program names another one. In mode \
             `chained`, the profile with the pod role's credentials is `xeks-pod`, or `xeks-pod-` and this name if it is set.",
        )
        .optional()
        .check(validators::text(profile_name)),
        Attribute::string(
            "object_name",
            "Name from which those of the ConfigMap (`-aws-config` appended) and the PodTemplate (`-chained` appended) are made. Default: the \
             role's name; if Kubernetes does not accept it, in lowercase with `-` in place of other characters, followed by a hash.",
        )
        .optional()
        .check(validators::text(object_name)),
    ]
}

fn profile_name(text: &str) -> Result<(), String> {
    names::profile_name(text)?;
    match text.strip_prefix(POD_PROFILE) {
        Some(_) => Err(format!(
            "{text:?} begins with {POD_PROFILE}, as do the names of profiles with a pod role's credentials. Choose another name, such as payments."
        )),
        None => Ok(()),
    }
}

fn object_name(text: &str) -> Result<(), String> {
    names::kubernetes_object(text, LONGEST_NAME - CONFIG_MAP.len())
}

/// The names of a trust.
#[derive(Clone, Debug)]
pub struct Client {
    pub profile_name: String,
    object_name: String,
    /// Whether the configuration says anything of it: in mode `federated`, the manifests have a ConfigMap then.
    pub is_given: bool,
}

impl Client {
    pub fn of(client: &Value, role_name: &str) -> Self {
        let text = |name: &str| placeholder::text(client.get(name));
        Client {
            profile_name: text("profile_name").unwrap_or_else(|| DEFAULT_PROFILE.to_owned()),
            object_name: text("object_name").unwrap_or_else(|| derived_from(role_name)),
            is_given: !client.is_null(),
        }
    }

    /// The profile with the pod role's credentials. Differs where `profile_name` does.
    pub fn pod_profile(&self) -> String {
        match self.profile_name.as_str() {
            DEFAULT_PROFILE => POD_PROFILE.to_owned(),
            name => format!("{POD_PROFILE}-{name}"),
        }
    }

    pub fn config_map(&self) -> String {
        format!("{}{CONFIG_MAP}", self.object_name)
    }

    /// The pod template of a service account. `is_alone`: whether the trust has no other one in its namespace.
    pub fn pod_template(&self, account: &ServiceAccount, is_alone: bool) -> String {
        let name = format!("{}{POD_TEMPLATE}", self.object_name);
        match format!("{name}.{}", account.name) {
            _ if is_alone => name,
            long if long.len() > LONGEST_NAME => format!("{name}.{}", short(&account.name)),
            named => named,
        }
    }
}

/// The name of Kubernetes objects that follows from a role's. Two roles' names never become one: what can't stay as it is gets a hash.
pub fn derived_from(role_name: &str) -> String {
    if placeholder::is_in(role_name) {
        return placeholder::unknown();
    }
    if object_name(role_name).is_ok() {
        return role_name.to_owned();
    }
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = role_name.chars().map(allowed).take(LONGEST_NAME / 2).collect();
    match plain.trim_matches('-') {
        "" => short(role_name),
        stem => format!("{stem}-{}", short(role_name)),
    }
}

fn short(text: &str) -> String {
    digest(text)[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(role_name: &str) -> Client {
        Client::of(&Value::Null, role_name)
    }

    #[test]
    fn a_roles_name_is_kept_where_kubernetes_takes_it_and_else_differs_by_a_hash() {
        assert_eq!(client("velero-payments").config_map(), "velero-payments-aws-config");
        assert_eq!(client("a.b-1").config_map(), "a.b-1-aws-config");
        let awkward = ["Velero", "velero_", "velero+", "vel.-ero", "_", "=", "@@", &"R".repeat(64)];
        let derived: std::collections::BTreeSet<String> = awkward.iter().map(|name| client(name).object_name).collect();
        assert_eq!(derived.len(), awkward.len(), "{derived:?}");
        for name in &derived {
            assert_eq!(object_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn profiles_of_trusts_differ_where_their_names_do_and_none_is_called_as_a_source() {
        let named = |name: &str| Client::of(&Value::object([("profile_name", Value::string(name))]), "r").pod_profile();
        let sources = [client("r").pod_profile(), named("payments"), named("search")];
        assert_eq!(sources, ["xeks-pod", "xeks-pod-payments", "xeks-pod-search"]);
        assert!(sources.iter().all(|name| profile_name(name).is_err()));
        assert_eq!(profile_name("payments"), Ok(()));
        assert!(profile_name("a b").is_err() && profile_name("-a").is_err());
    }

    #[test]
    fn service_accounts_of_one_namespace_have_a_template_each() {
        let account = |name: &str| ServiceAccount { namespace: "n".into(), name: name.into() };
        let (client, long) = (client("app"), "s".repeat(253));
        assert_eq!(client.pod_template(&account("a"), true), "app-chained");
        assert_eq!(client.pod_template(&account("a"), false), "app-chained.a");
        assert_eq!(names::kubernetes_object(&client.pod_template(&account(&long), false), LONGEST_NAME), Ok(()));
    }

    #[test]
    fn an_object_name_is_refused_where_the_config_maps_would_be() {
        assert!(object_name(&"a".repeat(243)).is_err() && object_name("A").is_err() && object_name("a_b").is_err());
        assert_eq!(object_name(&"a".repeat(242)), Ok(()));
    }

    #[test]
    fn what_is_unknown_of_a_role_makes_the_names_unknown() {
        assert!(placeholder::is_in(&client(&format!("a{}", placeholder::unknown())).config_map()));
        assert!(placeholder::is_in(&Client::of(&Value::Unknown, "r").pod_profile()));
    }
}
