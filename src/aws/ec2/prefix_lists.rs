//! Prefix lists: blocks under one id, which rules and routes name in place of them.

use super::request::Parameters;
use super::{Ec2, Error};

impl Ec2 {
    /// The blocks of a prefix list, one's own or AWS's.
    pub async fn prefix_list_entries(&self, id: &str) -> Result<Vec<String>, Error> {
        let parameters = Parameters::new().with("PrefixListId", id);
        self.all("GetManagedPrefixListEntries", parameters, "entrySet", |entry| entry.string("cidr")).await
    }
}
