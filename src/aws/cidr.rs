//! CIDR blocks, IPv4 and IPv6: their canonical form, and which of them overlap.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A block of addresses, in the form that EC2 answers with: no bits set beyond the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Reads `ADDRESS/PREFIX`. Bits beyond the prefix are dropped, as EC2 does (CreateRoute: 100.68.0.18/18 becomes 100.68.0.0/18).
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let digits = !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u8 = if digits { prefix.parse().ok()? } else { return None };
        // Not IpNet's own reading, which takes an IPv4 address with leading zeros.
        let address: IpAddr = address.parse().ok()?;
        IpNet::new(address, prefix).ok().map(|block| Cidr(block.trunc()))
    }

    /// The length of the prefix.
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The fewest blocks that hold every address of this one that is not of the other.
    pub fn minus(&self, other: &Self) -> Vec<Cidr> {
        if other.contains(self) {
            return Vec::new();
        }
        if !self.contains(other) {
            return vec![*self];
        }
        // On the way down to the other, the half of each block that does not hold it.
        let halves = (self.prefix() + 1..=other.prefix()).filter_map(|prefix| {
            let holding = IpNet::new(other.0.addr(), prefix).ok()?.trunc();
            holding.supernet()?.subnets(prefix).ok()?.find(|half| *half != holding)
        });
        halves.map(Cidr).collect()
    }

    /// Whether they have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// Whether every address of the other is one of these.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The rule of an attribute that takes CIDR blocks: as EC2 gives them back, so that a plan and what is there never differ in spelling.
pub fn is_block(text: &str) -> Result<(), String> {
    match Cidr::parse(text) {
        Some(block) if block.to_string() == text => Ok(()),
        Some(block) => Err(format!("{text:?} is not the canonical form of this CIDR block. Use {block}.")),
        None => Err(format!("{text:?} is not a CIDR block, such as 10.30.0.0/16 or 2001:db8::/56.")),
    }
}

/// The block in canonical form; another text, such as the placeholder of an unknown value, as it is.
pub fn canonical(text: &str) -> String {
    Cidr::parse(text).map_or_else(|| text.to_owned(), |block| block.to_string())
}

/// The first two blocks, one of each list, that have an address in common.
pub fn overlapping(ours: &[String], theirs: &[String]) -> Option<(Cidr, Cidr)> {
    let read = |all: &[String]| all.iter().filter_map(|text| Cidr::parse(text)).collect::<Vec<_>>();
    let theirs = read(theirs);
    read(ours).into_iter().find_map(|own| theirs.iter().find(|other| own.overlaps(other)).map(|other| (own, *other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        Cidr::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_block_is_written_as_ec2_writes_it() {
        for (given, canonical) in [
            ("10.30.0.0/16", "10.30.0.0/16"),
            ("100.68.0.18/18", "100.68.0.0/18"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4/32", "1.2.3.4/32"),
            ("2001:0db8:0:0::/56", "2001:db8::/56"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(cidr(given).to_string(), canonical);
        }
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "::/129", "10.0.0.0/", "x/8", "010.0.0.0/8"] {
            assert_eq!(Cidr::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn blocks_overlap_where_one_holds_the_other() {
        for (one, other, overlap) in [
            ("10.20.0.0/16", "10.30.0.0/16", false),
            ("10.20.0.0/16", "10.20.255.0/24", true),
            ("10.0.0.0/8", "10.20.0.0/16", true),
            ("100.64.0.0/10", "100.64.0.0/16", true),
            ("0.0.0.0/0", "192.168.0.0/24", true),
            ("2001:db8::/56", "2001:db8:0:42::/64", true),
            ("2001:db8::/56", "2001:db8:0:100::/56", false),
            ("0.0.0.0/0", "::/0", false),
        ] {
            assert_eq!(cidr(one).overlaps(&cidr(other)), overlap, "{one} {other}");
            assert_eq!(cidr(other).overlaps(&cidr(one)), overlap, "{other} {one}");
        }
    }

    #[test]
    fn a_block_with_bits_beyond_its_prefix_is_refused_with_the_right_one() {
        assert!(is_block("10.30.0.1/16").unwrap_err().contains("Use 10.30.0.0/16."));
        assert!(is_block("10.30.0.0").is_err());
        assert_eq!(is_block("2001:db8::/56"), Ok(()));
    }

    #[test]
    fn what_is_left_of_a_block_is_the_fewest_beside_the_other() {
        let minus = |one: &str, other: &str| {
            let left = cidr(one).minus(&cidr(other));
            left.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(minus("10.0.0.0/8", "10.64.0.0/10"), "10.128.0.0/9 10.0.0.0/10");
        assert_eq!(minus("10.0.0.0/31", "10.0.0.1/32"), "10.0.0.0/32");
        assert_eq!(minus("10.0.0.0/8", "0.0.0.0/0"), "");
        assert_eq!(minus("10.0.0.0/8", "11.0.0.0/8"), "10.0.0.0/8");
        assert_eq!(minus("0.0.0.0/0", "128.0.0.0/1"), "0.0.0.0/1");
        assert_eq!(minus("2001:db8::/32", "2001:db8:8000::/33"), "2001:db8::/33");
        assert_eq!(minus("0.0.0.0/0", "::/0"), "0.0.0.0/0");
        assert_eq!(cidr("::/0").minus(&cidr("::1/128")).len(), 128);
    }
}
