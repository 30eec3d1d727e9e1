//! Tags of AWS objects: which of them others set, and are to be left alone.

/// Tags that others put on our objects: neither read nor removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreTags {
    pub keys: Vec<String>,
    pub key_prefixes: Vec<String>,
}

impl IgnoreTags {
    pub fn holds(&self, key: &str) -> bool {
        self.keys.iter().any(|k| k == key) || self.key_prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_ignored_by_its_key_or_by_how_its_key_begins() {
        let ignored = IgnoreTags { keys: vec!["last-scan".into()], key_prefixes: vec!["cost:".into()] };
        assert!(ignored.holds("last-scan") && ignored.holds("cost:centre"));
        assert!(!ignored.holds("last-scan-by") && !ignored.holds("owner"));
        assert!(!IgnoreTags::default().holds("owner"));
    }
}
