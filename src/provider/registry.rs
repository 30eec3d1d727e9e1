//! The one list of each: what the provider offers. Nothing registers itself.

use std::sync::Arc;

use super::{DataSource, Ephemeral, Function, Resource};

pub fn resources() -> Vec<Arc<dyn Resource>> {
    vec![]
}

pub fn data_sources() -> Vec<Arc<dyn DataSource>> {
    vec![]
}

pub fn ephemerals() -> Vec<Arc<dyn Ephemeral>> {
    vec![]
}

pub fn functions() -> Vec<Arc<dyn Function>> {
    vec![]
}
