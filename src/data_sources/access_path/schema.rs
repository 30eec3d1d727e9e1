//! The shape of `xeks_access_path`.

use super::question::is_caller;
use crate::aws::{arn, names};
use crate::data_sources::hops;
use crate::schema::{Attribute, Nesting, Schema, attributes, validators};

pub(super) fn schema() -> Schema {
    let doc = "\
Explains whether an AWS identity gets into an EKS cluster: hop by hop, from the principal over the roles that it assumes, the access entry and the network to the \
API server, each with what was found and, where it is broken, what to change.

By default it reads documents on both sides and evaluates them; nothing is changed and nobody is impersonated. What can't be read from here, such as an \
organisation's policies, is `external`; what could not be decided, such as for want of a permission to read, is `unknown`, and `reason` names the permission. \
What is missing or broken is an answer, never an error of the data source, so that it fits a `check` block.";
    Schema::new(doc, attributes([asked(), hops::attributes()]))
}

fn asked() -> Vec<Attribute> {
    vec![
        Attribute::string("cluster_name", "Name of the cluster.").required().check(validators::text(names::cluster_name)),
        Attribute::string("region", "Region of the cluster. Default: the region of the provider's `cluster_account`.")
            .optional()
            .computed()
            .check(validators::text(names::region)),
        Attribute::string("principal_arn", "Who wants in: the ARN of a role, of a user, or of a session (its role is then judged; policies that the session itself was given are not seen).")
            .required()
            .check(validators::text(is_caller)),
        Attribute::list_of_strings(
            "via_role_arns",
            "Roles that the principal assumes one after the other; the cluster sees the last. Default: none, the principal itself has the access entry.",
        )
        .optional()
        .check(validators::count(0, 5))
        .check(validators::each_text(arn::is_role)),
        Attribute::string(
            "workload_account",
            "Key of the provider's `workload_accounts`, whose roles are read. Default: its `workload_account`. Roles of an account that is neither this one \
             nor the cluster's are `external`.",
        )
        .optional(),
        Attribute::string("external_id", "External id that is given with each role assumed.")
            .optional()
            .sensitive()
            .check(validators::text(names::external_id)),
        Attribute::set_of_strings("namespaces", "Namespaces to ask about. Default: the whole cluster, where `verbs` or `resource` is given.")
            .optional()
            .check(validators::each_text(names::namespace)),
        Attribute::set_of_strings("verbs", "What it wants to do, such as `get` or `create`. Default: `get`, where `namespaces` or `resource` is given.")
            .optional(),
        Attribute::string("resource", "On what, as for kubectl: `pods`, `deployments.apps`, `pods/exec`. Default: `pods`.").optional(),
        Attribute::nested("source", Nesting::Single, source(), "Where requests come from. With it the hops of the network are looked at: what the API server's name resolves to from there decides whether the peering \
             connection or the way to the internet counts. A cluster with public access has public addresses outside of its own VPC.").optional(),
        Attribute::bool(
            "live",
            "Whether to try the chain: the roles are assumed, and the API server is asked who the token's bearer is and what it may do \
             (SelfSubjectReview, SelfSubjectAccessReview). Nothing of the credentials gets into the state. Default: false.",
        )
        .optional(),
        Attribute::string(
            "live_as",
            "Key of the one of the provider's `workload_accounts` whose credentials the trial begins with; they should be the principal's. Default: \
             those of `workload_account`.",
        )
        .optional(),
    ]
}

fn source() -> Vec<Attribute> {
    vec![
        Attribute::string("vpc_id", "VPC of the workload.").required(),
        Attribute::string("subnet_id", "Subnet of the workload.").required(),
        Attribute::set_of_strings("security_group_ids", "Security groups of the workload's network interface.").required(),
    ]
}
