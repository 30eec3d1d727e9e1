//! The managed resources. Each is a short list of objects; `composite` asks the engine for the rest.

pub mod cluster_peering;
mod common;
pub mod cross_account_access;
mod env;
pub mod irsa_trust;
mod lifecycle;
mod preflight;
mod roles;

#[cfg(any(test, fuzzing))]
pub use common::without_unknowns;
