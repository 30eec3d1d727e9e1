//! What a user reads: severity, summary, detail and the attribute concerned.
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

/// Nobody reads more than this many messages of one request: a wrong set of ten thousand members is one mistake, not as many.
const MOST: usize = 30;
/// Characters of one text: what is wrong may be as long as a message, and is quoted.
const LONGEST: usize = 10_000;
const MORE: &str = "More messages exist than are shown";

/// The messages of one request, in the order in which they were found: thirty at most, and where some are left out an error is
/// left in.
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
        other.0.into_iter().for_each(|diagnostic| self.add(diagnostic));
    }

    fn push(&mut self, severity: Severity, path: Path, summary: String, detail: String) {
        self.add(Diagnostic { severity, summary, detail, path });
    }

    fn add(&mut self, mut diagnostic: Diagnostic) {
        for text in [&mut diagnostic.summary, &mut diagnostic.detail] {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
                text.push_str(" [cut]");
            }
        }
        if self.0.contains(&diagnostic) {
            return;
        }
        if self.0.len() < MOST {
            return self.0.push(diagnostic);
        }
        let warning = self.0.iter().rposition(|d| d.severity == Severity::Warning && d.summary != MORE);
        if let (Severity::Error, Some(warning)) = (diagnostic.severity, warning) {
            self.0[warning] = diagnostic;
        }
        if !self.0.iter().any(|d| d.summary == MORE) {
            let detail = format!(
                "Only {MOST} messages are shown. They probably have one cause: correct it, and run Terraform again to see what remains."
            );
            self.0.push(Diagnostic { severity: Severity::Warning, summary: MORE.to_owned(), detail, path: Path::root() });
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

/// "Did you mean …? " for a name that is nearly one of these, whatever its case; else nothing. Of a path or an ARN, the last part counts.
pub fn did_you_mean(name: &str, names: &[&str]) -> String {
    let short = name.rsplit('/').next().unwrap_or(name);
    let distance = |candidate: &str| strsim::levenshtein(&short.to_lowercase(), &candidate.to_lowercase());
    match names.iter().map(|candidate| (distance(candidate), candidate)).min() {
        Some((distance, candidate)) if distance <= 1 + short.len() / 4 => format!("Did you mean {candidate}? "),
        _ => String::new(),
    }
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
    fn a_misspelt_name_is_shown_the_nearest() {
        let names = ["AmazonEKSViewPolicy", "AmazonEKSClusterAdminPolicy"];
        assert_eq!(did_you_mean("AmazonEKSVeiwPolicy", &names), "Did you mean AmazonEKSViewPolicy? ");
        assert_eq!(
            did_you_mean("arn:aws:eks::aws:cluster-access-policy/amazoneksviewpolicy", &names),
            "Did you mean AmazonEKSViewPolicy? "
        );
        assert_eq!(did_you_mean("SomethingElse", &names), "");
    }

    #[test]
    fn the_same_message_is_reported_once() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.warning(Path::root(), "skipped", "why");
        diagnostics.warning(Path::root(), "skipped", "why");
        assert_eq!(diagnostics.0.len(), 1);
        assert!(!diagnostics.has_error());
    }

    #[test]
    fn ten_thousand_messages_are_reported_as_thirty_and_an_error_is_not_lost_among_warnings() {
        let mut diagnostics = Diagnostics::new();
        (0..10_000).for_each(|n| diagnostics.warning(Path::root(), "w", n.to_string()));
        assert!(!diagnostics.has_error());
        diagnostics.error(Path::root(), "e", "why");
        let mut all = Diagnostics::new();
        all.extend(diagnostics);
        assert_eq!(all.0.len(), MOST + 1);
        assert!(all.has_error() && all.0.iter().filter(|d| d.summary == MORE).count() == 1);
        (0..10_000).for_each(|n| all.error(Path::root(), "e", n.to_string()));
        assert_eq!(all.0.len(), MOST + 1);
    }
}
