//! What a user is told: severity, summary, detail and the attribute concerned.
//!
//! Knows nothing of the wire: `protocol` translates.

use std::fmt;

/// How grave a diagnostic is. An error stops Terraform; a warning is shown and the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Attribute(String),
    Key(String),
    Index(i64),
}

/// The way from a resource's root to one attribute. Members of sets have no path of their own: it ends at the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The resource as a whole.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a dotted list of attribute names, such as `access_role.name`.
    pub fn of(dotted: &str) -> Self {
        Path(dotted.split('.').filter(|s| !s.is_empty()).map(|s| Step::Attribute(s.to_owned())).collect())
    }

    pub fn attribute(&self, name: &str) -> Self {
        self.with(Step::Attribute(name.to_owned()))
    }

    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if i == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One message to the user: the summary says what failed; the detail what exists now and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub summary: String,
    pub detail: String,
    pub path: Path,
}

/// The messages of one request, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn error(&mut self, path: Path, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Severity::Error, path, summary.into(), detail.into());
    }

    pub fn warning(&mut self, path: Path, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Severity::Warning, path, summary.into(), detail.into());
    }

    /// The same, with every error as a warning.
    #[must_use]
    pub fn as_warnings(mut self) -> Self {
        self.0.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Warning);
        self
    }

    pub fn has_error(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    fn push(&mut self, severity: Severity, path: Path, summary: String, detail: String) {
        let diagnostic = Diagnostic { severity, summary, detail, path };
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics(vec![diagnostic])
    }
}

/// The text as a sentence begins: with a capital letter.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_the_user_would_write_it() {
        let path = Path::of("kubernetes.policies").key("AmazonEKSViewPolicy").attribute("namespaces").index(2);
        assert_eq!(path.to_string(), "kubernetes.policies[\"AmazonEKSViewPolicy\"].namespaces[2]");
    }

    #[test]
    fn the_same_message_is_told_once() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.warning(Path::root(), "skipped", "why");
        diagnostics.warning(Path::root(), "skipped", "why");
        assert_eq!(diagnostics.0.len(), 1);
        assert!(!diagnostics.has_error());
    }
}
