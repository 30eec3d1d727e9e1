//! Three-valued logic (Kleene's): yes, no, or unknown with the reason.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tri {
    Yes,
    No,
    /// Why it is not known.
    Unknown(String),
}

impl Tri {
    pub fn and(self, other: Tri) -> Tri {
        match (self, other) {
            (Tri::No, _) | (_, Tri::No) => Tri::No,
            (Tri::Unknown(why), _) | (_, Tri::Unknown(why)) => Tri::Unknown(why),
            (Tri::Yes, Tri::Yes) => Tri::Yes,
        }
    }

    pub fn or(self, other: Tri) -> Tri {
        match (self, other) {
            (Tri::Yes, _) | (_, Tri::Yes) => Tri::Yes,
            (Tri::Unknown(why), _) | (_, Tri::Unknown(why)) => Tri::Unknown(why),
            (Tri::No, Tri::No) => Tri::No,
        }
    }

    /// Whether any is yes.
    pub fn any(all: impl IntoIterator<Item = Tri>) -> Tri {
        all.into_iter().fold(Tri::No, Tri::or)
    }

    /// Whether all are yes.
    pub fn all(all: impl IntoIterator<Item = Tri>) -> Tri {
        all.into_iter().fold(Tri::Yes, Tri::and)
    }
}

impl std::ops::Not for Tri {
    type Output = Tri;

    fn not(self) -> Tri {
        match self {
            Tri::Yes => Tri::No,
            Tri::No => Tri::Yes,
            unknown => unknown,
        }
    }
}

impl From<bool> for Tri {
    fn from(value: bool) -> Self {
        if value { Tri::Yes } else { Tri::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> Tri {
        Tri::Unknown("?".into())
    }

    #[test]
    fn an_unknown_decides_nothing_and_is_decided_by_what_is_known() {
        assert_eq!(unknown().and(Tri::No), Tri::No);
        assert_eq!(unknown().and(Tri::Yes), unknown());
        assert_eq!(unknown().or(Tri::Yes), Tri::Yes);
        assert_eq!(unknown().or(Tri::No), unknown());
        assert_eq!(!unknown(), unknown());
    }

    #[test]
    fn any_of_none_is_no_and_all_of_none_is_yes() {
        assert_eq!((Tri::any([]), Tri::all([])), (Tri::No, Tri::Yes));
    }
}
