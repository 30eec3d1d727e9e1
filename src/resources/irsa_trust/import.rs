//! Import: from the id to the configuration that would create what exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::model::{Model, STS_AUDIENCE, Source};
use crate::aws::policy::statements::Passed;
use crate::aws::{Side, names, policy};
use crate::engine::{Refreshed, Tags};
use crate::objects::iam::inline_policy;
use crate::objects::iam::oidc_provider::{self, Setting, Values};
use crate::objects::{Context, Env, OWN_POLICIES};
use crate::resources::lifecycle::{ImportId, Located, NotAnId};
use crate::resources::role::Discovered;
use crate::resources::trusted_principals;
use crate::resources::values::{Location, map_or_null, set_or_null};
use crate::schema::{Schema, Value};
use crate::terminal::visible;

/// `CLUSTER/ROLE[/ACCOUNT_KEY[/REGION]]` or `https://ISSUER/ROLE`; `POD_ROLE>ROLE` in place of `ROLE` for mode `chained`. Several clusters or
/// issuers are joined by commas, and a set of one cluster ends in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustId {
    pub source: Source,
    pub pod_role: Option<String>,
    pub role: String,
    /// Not part of the id where issuers are given.
    pub location: Location,
}

impl fmt::Display for TrustId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Cluster(name) => write!(f, "{name}/")?,
            Source::Clusters(names) => write!(f, "{}{}/", names.join(","), if names.len() == 1 { "," } else { "" })?,
            Source::Issuers(urls) => write!(f, "{}/", urls.join(","))?,
        }
        if let Some(pod_role) = &self.pod_role {
            write!(f, "{pod_role}>")?;
        }
        f.write_str(&self.role)?;
        if matches!(self.source, Source::Issuers(_)) { Ok(()) } else { self.location.fmt(f) }
    }
}

impl FromStr for TrustId {
    type Err = NotAnId;

    fn from_str(id: &str) -> Result<Self, NotAnId> {
        let (source, roles, location) = if id.starts_with("https://") {
            // An issuer's URL has slashes itself: the role follows the last one.
            let (urls, roles) = id.rsplit_once('/').ok_or(NotAnId)?;
            if urls.split(',').any(|url| names::issuer_url(url).is_err()) {
                return Err(NotAnId);
            }
            (Source::Issuers(urls.split(',').map(str::to_owned).collect()), roles, Location::default())
        } else {
            let parts: Vec<&str> = id.split('/').collect();
            let [clusters, roles, location @ ..] = parts.as_slice() else { return Err(NotAnId) };
            if clusters.is_empty() || location.len() > 2 {
                return Err(NotAnId);
            }
            let names = || clusters.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            let source = if clusters.contains(',') { Source::Clusters(names()) } else { Source::Cluster((*clusters).to_owned()) };
            (source, *roles, Location::parse(location))
        };
        let (pod_role, role) = roles.split_once('>').map_or((None, roles), |(pod, role)| (Some(pod.to_owned()), role));
        if role.is_empty() || pod_role.as_deref() == Some("") {
            return Err(NotAnId);
        }
        Ok(TrustId { source, pod_role, role: role.to_owned(), location })
    }
}

impl ImportId for TrustId {
    const FORM: &'static str = "CLUSTER/ROLE[/ACCOUNT_KEY[/REGION]] or https://ISSUER/ROLE, and for mode chained CLUSTER/POD_ROLE>ROLE, \
                                such as prac-eks-abhi/nodejs-app; separate several clusters or issuers with commas, and end \
                                cluster_names of one cluster with a comma";

    fn config(&self, schema: &Schema) -> Value {
        let mut value = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        self.location.configure(&mut value);
        value.insert("issuers", Value::Unknown);
        match &self.source {
            Source::Cluster(name) => value.insert("cluster_name", Value::string(name)),
            Source::Clusters(names) => value.insert("cluster_names", Value::set_of_strings(names.iter().cloned())),
            Source::Issuers(urls) => {
                let urls = Value::set_of_strings(urls.iter().cloned());
                value.insert("issuer_urls", urls.clone());
                value.insert("issuers", urls);
            }
        }
        let named = |name: &String| Value::object([("name", Value::string(name))]);
        value.insert("role", named(&self.role));
        value.insert("service_accounts", Value::set([]));
        value.insert("mode", Value::string(if self.pod_role.is_some() { "chained" } else { "federated" }));
        value.insert("pod_role", self.pod_role.as_ref().map_or(Value::Null, named));
        schema.with_defaults(&value)
    }
}

/// `oidc_provider` as this resource's mark on a provider says that it was configured.
fn discover_provider(model: &Model, value: &mut Value, seen: &Refreshed) {
    let providers = model.issuers.iter().filter_map(|issuer| seen.observed.get(&model.provider_key(issuer)));
    let written: Values = providers.flat_map(oidc_provider::written).collect();
    if written.is_empty() {
        return;
    }
    let (mut thumbprints, mut tags) = (Value::Null, Tags::new());
    for (setting, found) in written {
        match setting {
            Setting::Thumbprints => thumbprints = Value::List(found.split(", ").map(Value::string).collect()),
            Setting::Tag(key) => drop(tags.insert(key, found)),
        }
    }
    let manage = Value::string("shared");
    value.insert("oidc_provider", Value::object([("manage", manage), ("thumbprints", thumbprints), ("tags", map_or_null(&tags))]));
}

/// Fills in what the first read found: the roles' own attributes and policies, and whom they trust.
pub async fn discover(model: &Model, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
    discover_provider(model, value, seen);
    let tags = env.tags_all(value);
    let mut trust = Vec::new();
    if let Some(found) = model.pod_role.as_ref().and_then(|pod_role| Discovered::of(pod_role, value, cx, seen, &tags)) {
        trust = found.trust(cx);
        value.insert("pod_role", found.value);
    }
    if let Some(found) = Discovered::of(&model.role, value, cx, seen, &tags) {
        if model.pod_role.is_none() {
            trust = found.trust(cx);
        }
        if model.pod_role.is_some() {
            discover_passed(value, &found.trust(cx));
        }
        let (existing, attachments, names) = (found.is_existing(), found.attachments(), found.facts.inline_policies.clone());
        let pod_role_arn = model.pod_role.as_ref().map(|pod_role| pod_role.arn(env));
        let principals = trusted_principals::discovered(&found.trust(cx), pod_role_arn.as_deref());
        let mut role = found.value;
        role.insert(trusted_principals::NAME, set_or_null(principals.into_iter().collect(), &Value::Null));
        let mut policies = BTreeMap::new();
        // Those of an existing role carry no mark of this resource, and other resources of this provider write those with its prefix.
        for name in names.into_iter().filter(|name| !existing && !name.starts_with(OWN_POLICIES)) {
            let document = inline_policy::document(cx, Side::Workload, &model.role.name, &name).await;
            let document = document.map_err(Located::at("role.inline_policies"))?;
            policies.extend(document.map(|document| (name, Value::string(document))));
        }
        role.insert("inline_policies", if policies.is_empty() { Value::Null } else { Value::Map(policies) });
        role.insert("managed_policy_arns", attachments);
        value.insert("role", role);
    }
    let trusting = model.pod_role.as_ref().unwrap_or(&model.role);
    if seen.observed.contains_key(&trusting.key()) {
        discover_subjects(value, &trust);
    }
    Ok(())
}

/// External ID, and what the pod role may hand on, from the trust policy of the role that it assumes.
fn discover_passed(value: &mut Value, trust: &[&Json]) {
    for statement in trust {
        if let Some(id) = statement["Condition"]["StringEquals"]["sts:ExternalId"].as_str() {
            value.insert("external_id", Value::string(visible(id)));
        }
        let passed = Passed::of_statement(statement);
        for (name, _) in [("session_tags", passed.session_tags), ("source_identity", passed.source_identity)].iter().filter(|(_, is)| *is) {
            value.insert(name, Value::Bool(true));
        }
    }
}

/// Service accounts and audiences from the conditions of web identity trusts.
fn discover_subjects(value: &mut Value, trust: &[&Json]) {
    let (mut subjects, mut audiences) = (BTreeSet::new(), BTreeSet::new());
    for statement in trust {
        for condition in statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values()) {
            for (key, expected) in condition.as_object().into_iter().flatten() {
                let texts = policy::values_of(expected).into_iter().map(|text| visible(&text).into_owned());
                if key.ends_with(":sub") {
                    subjects.extend(texts);
                } else if key.ends_with(":aud") {
                    audiences.extend(texts);
                }
            }
        }
    }
    let accounts = subjects.iter().filter_map(|subject| {
        let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some(Value::object([("namespace", Value::string(namespace)), ("name", Value::string(name))]))
    });
    value.insert("service_accounts", Value::set(accounts));
    let default = audiences.len() == 1 && audiences.contains(STS_AUDIENCE);
    value.insert("audiences", if default { Value::Null } else { set_or_null(audiences.into_iter().collect(), &Value::Null) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::policy;
    use serde_json::json;

    fn parsed(id: &str) -> Result<Value, NotAnId> {
        let id: TrustId = id.parse()?;
        assert_eq!(id.to_string().parse(), Ok(id.clone()), "it reads back");
        Ok(id.config(&super::super::schema::schema()))
    }

    #[test]
    fn an_id_names_clusters_or_issuers_and_roles() {
        let value = parsed("c/nodejs-app/payments").unwrap();
        assert_eq!((value.get("cluster_name"), value.at("role.name")), (&Value::string("c"), &Value::string("nodejs-app")));
        assert_eq!(value.get("workload_account"), &Value::string("payments"));
        let value = parsed("https://oidc.eks.ap-south-1.amazonaws.com/id/AB12/nodejs-app").unwrap();
        assert_eq!(value.get("issuer_urls").strings(), ["https://oidc.eks.ap-south-1.amazonaws.com/id/AB12"]);
        let value = parsed("blue,green/pod>app").unwrap();
        assert_eq!((value.get("mode"), value.at("pod_role.name")), (&Value::string("chained"), &Value::string("pod")));
        assert_eq!(value.get("cluster_names").strings(), ["blue", "green"]);
        assert_eq!(parsed("blue,/app").unwrap().get("cluster_names").strings(), ["blue"]);
    }

    #[test]
    fn an_id_of_another_form_is_refused() {
        for id in ["", "c", "c/", "/r", "c/>r", "c/p>", "c/r/k/r/x", "https://*.example.com/r", "https://a.b/${x}/r", "https://a.b,c/r"] {
            assert_eq!(parsed(id), Err(NotAnId), "{id}");
        }
    }

    #[test]
    fn what_a_chain_passes_is_read_back_from_the_trust() {
        let mut value = parsed("c/pod>r").unwrap();
        let assume = json!({"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "xeks"}}});
        discover_passed(&mut value, &[&assume, &json!({"Action": "sts:TagSession"})]);
        assert_eq!(value.get("external_id"), &Value::string("xeks"));
        assert_eq!((value.get("session_tags"), value.get("source_identity")), (&Value::Bool(true), &Value::Null));
    }

    #[test]
    fn subjects_and_audiences_are_read_back_from_the_trust() {
        let mut value = parsed("c/r").unwrap();
        let trust = json!({"Statement": [{"Condition": {"StringEquals": {"iss:aud": "sts.amazonaws.com", "iss:sub": "system:serviceaccount:a:b"}}}]});
        discover_subjects(&mut value, &policy::statements_of(&trust));
        assert_eq!(value.get("service_accounts").members().len(), 1);
        assert!(value.get("audiences").is_null());
    }
}
