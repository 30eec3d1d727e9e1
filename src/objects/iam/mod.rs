//! Objects of IAM. All are global: an entry has no region.
//!
//! From bottom to top: `federation` reads trust policies; `role` and `instance_profile`; then what is attached to one of these.

mod federation;
pub mod inline_policy;
pub mod instance_profile;
pub mod instance_profile_role;
pub mod oidc_provider;
pub mod policy_attachment;
pub mod role;
