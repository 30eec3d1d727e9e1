//! The shape of `xeks_access_path`.

use super::question::is_caller;
use super::resources;
use crate::aws::{arn, names};
use crate::data_sources::hops;
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::{Attribute, Nesting, Schema, Value, attributes, validators};

pub(super) fn schema() -> Schema {
    let doc = "Explains whether an AWS identity can access an EKS cluster, hop by hop: from the principal through the roles that it \
               assumes, the access entry and the network to the API server. Each hop has a reason and, if it is broken, a fix.\n\n\
               By default, the data source reads the documents on both sides and evaluates them; it changes nothing and assumes no role \
               of the chain. A hop is `external` if it depends on something that can't be read from here, such as an organization's \
               policies, and `unknown` if it could not be evaluated, for example because a read permission is missing; `reason` then \
               names the permission. A missing or broken object is a result and never an error of the data source, so that you can use \
               it in a `check` block.";
    Schema::new(doc, attributes([asked(), hops::attributes()]))
}

/// A resource that Kubernetes itself does not have is for the cluster to find, which only `live` asks.
pub(super) fn validate(config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let may_ask = config.get("live").is_unknown() || config.get("live").as_bool() == Some(true);
    let named = config.get("resource").as_str().map(resources::named);
    if let Some(Err(wrong)) = named.filter(|_| !may_ask) {
        diagnostics.error(Path::of("resource"), "Invalid value", wrong);
    }
    diagnostics
}

fn asked() -> Vec<Attribute> {
    vec![
        Attribute::string("cluster_name", "Name of the cluster.").required().check(validators::text(names::cluster_name)),
        Attribute::string("region", "Region of the cluster. Default: the region of the provider's `cluster_account`.")
            .optional()
            .computed()
            .check(validators::text(names::region)),
        Attribute::string(
            "principal_arn",
            "The identity that needs access: the ARN of a role, a user or a session. For a session, the data source evaluates its role; \
             it does not see the session's own policies.",
        )
        .required()
        .check(validators::text(is_caller)),
        Attribute::list_of_strings(
            "via_role_arns",
            "Roles that the principal assumes one after the other; the cluster sees the last one. Default: none, and the access entry is \
             for the principal itself.",
        )
        .optional()
        .check(validators::count(0, 5))
        .check(validators::each_text(arn::is_role)),
        Attribute::string(
            "workload_account",
            "Key of the workload account in the provider's `workload_accounts`. Default: the provider's `workload_account`. Roles of any \
             other account except the cluster's are `external`.",
        )
        .optional(),
        Attribute::string("external_id", "External ID to pass with each role that is assumed.")
            .optional()
            .sensitive()
            .check(validators::text(names::external_id)),
        Attribute::set_of_strings("namespaces", "Namespaces to check. Default: the whole cluster, if `verbs` or `resource` is set.")
            .optional()
            .check(validators::each_text(names::namespace)),
        Attribute::set_of_strings(
            "verbs",
            "Kubernetes verbs to check, such as `get` or `create`. Default: `get`, if `namespaces` or `resource` is set.",
        )
        .optional(),
        Attribute::string(
            "resource",
            "Kubernetes resource to check, as for kubectl: `pods`, `deploy`, `deployments.apps`, `pods/exec`. Without `live`, a custom \
             resource has its API group: `certificates.cert-manager.io`. Default: `pods`.",
        )
        .optional(),
        Attribute::nested(
            "source",
            Nesting::Single,
            source(),
            "Where requests come from. If it is set, the data source also checks the network hops. What the API server's name resolves to \
             from there determines whether the traffic uses the peering connection or the internet: a cluster with public access has \
             public addresses outside its own VPC.",
        )
        .optional(),
        Attribute::bool(
            "live",
            "Whether to test the chain: the data source assumes the roles and asks the API server who the caller is and what it can do \
             (SelfSubjectReview, SelfSubjectAccessReview). No credential is stored in the state. Default: `false`.",
        )
        .optional(),
        Attribute::string(
            "live_as",
            "Key of the entry in the provider's `workload_accounts` whose credentials the test starts with; use the principal's. Default: \
             the credentials of `workload_account`.",
        )
        .optional(),
    ]
}

fn source() -> Vec<Attribute> {
    vec![
        Attribute::string("vpc_id", "ID of the workload's VPC.").required(),
        Attribute::string("subnet_id", "ID of the workload's subnet.").required(),
        Attribute::set_of_strings("security_group_ids", "IDs of the security groups of the workload's network interface.").required(),
    ]
}
