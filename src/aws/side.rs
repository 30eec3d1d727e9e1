//! Which of the two accounts of a connection.

use std::fmt;

/// One of the two accounts that a connection joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The account that owns the EKS cluster.
    Cluster,
    /// The account that owns the instances, roles and buckets of a team.
    Workload,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Cluster, Side::Workload];

    pub fn as_str(self) -> &'static str {
        match self {
            Side::Cluster => "cluster",
            Side::Workload => "workload",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Side::Cluster => Side::Workload,
            Side::Workload => Side::Cluster,
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|side| side.as_str() == text)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
