//! The managed resources. Each is a short list of pieces; `composite` asks the engine for the rest.

pub mod cluster_peering;
mod common;
mod composite;
pub mod cross_account_access;
pub mod irsa_trust;
mod place;
mod preflight;
mod roles;

#[cfg(any(test, fuzzing))]
pub use common::without_unknowns;
