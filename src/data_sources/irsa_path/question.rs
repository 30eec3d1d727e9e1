//! What is asked of `xeks_irsa_path`, as plain data: the configuration, decoded.

use crate::aws::policy::statements::ServiceAccount;
use crate::schema::Value;
use crate::secrets::Secret;

const AUDIENCE: &str = "sts.amazonaws.com";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub role: String,
    /// The role that the pods get first, where there is one.
    pub pod_role: Option<String>,
    pub cluster: Option<String>,
    pub region: Option<String>,
    pub issuer: Option<String>,
    pub service_account: ServiceAccount,
    pub audience: String,
    pub external_id: Option<Secret>,
    pub workload_account: Option<String>,
    pub actions: Vec<String>,
    /// Never empty.
    pub resources: Vec<String>,
}

impl Question {
    /// `value` is a configuration that passed validation.
    pub fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).as_str().map(str::to_owned);
        let resources = value.get("resources").strings();
        Question {
            role: text("role_arn").unwrap_or_default(),
            pod_role: text("pod_role_arn"),
            cluster: text("cluster_name"),
            region: text("region"),
            issuer: text("issuer_url"),
            service_account: ServiceAccount {
                namespace: text("namespace").unwrap_or_default(),
                name: text("service_account").unwrap_or_default(),
            },
            audience: text("audience").unwrap_or_else(|| AUDIENCE.to_owned()),
            external_id: text("external_id").map(Secret::unlisted),
            workload_account: text("workload_account"),
            actions: value.get("actions").strings(),
            resources: if resources.is_empty() { vec!["*".to_owned()] } else { resources },
        }
    }
}
