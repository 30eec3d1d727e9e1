//! The one list of each: what the provider offers. Nothing registers itself.
//!
//! The only module that knows single resources and data sources; `protocol` serves what is listed here.

use std::sync::Arc;

use crate::data_sources::{access_path, cluster, irsa_path, runner_policy};
use crate::provider::{DataSource, Ephemeral, Function, Resource};
use crate::resources::{Run, cluster_peering, cross_account_access, irsa_trust};

pub fn resources() -> Vec<Arc<dyn Resource>> {
    let run = Run::default();
    vec![cluster_peering::resource(run.clone()), cross_account_access::resource(run.clone()), irsa_trust::resource(run)]
}

pub fn data_sources() -> Vec<Arc<dyn DataSource>> {
    vec![access_path::data_source(), cluster::data_source(), irsa_path::data_source(), runner_policy::data_source()]
}

pub fn ephemerals() -> Vec<Arc<dyn Ephemeral>> {
    vec![]
}

pub fn functions() -> Vec<Arc<dyn Function>> {
    vec![]
}
