//! Tags of objects that exist.

use super::request::Parameters;
use super::{Ec2, Error, Tags};

impl Ec2 {
    /// Sets tags; those that are there already get the new value. Nothing is called for no tags.
    pub async fn create_tags(&self, id: &str, tags: &Tags) -> Result<(), Error> {
        if tags.is_empty() {
            return Ok(());
        }
        self.call("CreateTags", Parameters::new().with("ResourceId.1", id).tags("Tag", tags)).await.map(drop)
    }

    /// Takes tags off, whatever their value. Without keys EC2 would take all: then nothing is called.
    pub async fn delete_tags(&self, id: &str, keys: &[&str]) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut parameters = Parameters::new().with("ResourceId.1", id);
        for (at, key) in keys.iter().enumerate() {
            parameters = parameters.with(format!("Tag.{}.Key", at + 1), key);
        }
        self.call("DeleteTags", parameters).await.map(drop)
    }
}
