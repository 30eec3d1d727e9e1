//! Objects of IAM. All are global: an entry has no region.

mod federation;
pub mod inline_policy;
pub mod instance_profile;
pub mod instance_profile_role;
pub mod oidc_provider;
pub mod policy_attachment;
pub mod role;
mod trust;
