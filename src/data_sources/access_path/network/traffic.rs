//! Sets of addresses and ports, and what is left of them as one rule after another takes its share.

use crate::aws::cidr::Cidr;

/// Ports, first and last.
pub(super) type Ports = (i64, i64);

pub(super) const HTTPS: Ports = (443, 443);
/// Ports that answers may come back to: NAT gateways and many clients use all of these (VPC user guide, "Ephemeral ports").
pub(super) const EPHEMERAL: Ports = (1024, 65535);

/// How much of some traffic is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    All,
    Part,
    None,
}

/// Traffic to or from blocks of addresses, on a range of ports.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    rest: Vec<(Cidr, Ports)>,
}

impl Traffic {
    pub fn new(blocks: &[Cidr], ports: Ports) -> Self {
        Traffic { rest: blocks.iter().map(|block| (*block, ports)).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The blocks of what is left.
    pub fn blocks(&self) -> Vec<Cidr> {
        let mut blocks: Vec<Cidr> = self.rest.iter().map(|(block, _)| *block).collect();
        blocks.dedup();
        blocks
    }

    /// Removes the traffic in this block and port range. Returns whether any was removed.
    pub fn take(&mut self, block: &Cidr, ports: Ports) -> bool {
        let mut taken = false;
        let mut left = Vec::new();
        for (own, (first, last)) in std::mem::take(&mut self.rest) {
            let (from, to) = (first.max(ports.0), last.min(ports.1));
            if from > to || !own.overlaps(block) {
                left.push((own, (first, last)));
                continue;
            }
            taken = true;
            if first < from {
                left.push((own, (first, from - 1)));
            }
            if to < last {
                left.push((own, (to + 1, last)));
            }
            left.extend(own.minus(block).into_iter().map(|part| (part, (from, to))));
        }
        self.rest = left;
        taken
    }
}

/// How much of these blocks the allowed ones cover together.
pub(super) fn share(wanted: &[Cidr], allowed: &[Cidr]) -> Share {
    let mut rest = Traffic::new(wanted, HTTPS);
    let mut taken = false;
    for block in allowed {
        taken |= rest.take(block, HTTPS);
    }
    match (rest.is_empty(), taken) {
        (true, _) => Share::All,
        (false, true) => Share::Part,
        (false, false) => Share::None,
    }
}

/// The addresses of the internet: everything but the blocks of the IANA special-purpose registries that no public host has.
pub(super) fn internet(ipv4: bool) -> Vec<Cidr> {
    const NOT_PUBLIC: [&str; 8] =
        ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"];
    let read = |text: &str| Cidr::parse(text).into_iter();
    if !ipv4 {
        return read("2000::/3").collect();
    }
    let mut rest = Traffic::new(&read("0.0.0.0/0").collect::<Vec<_>>(), HTTPS);
    for block in NOT_PUBLIC.into_iter().flat_map(read) {
        rest.take(&block, HTTPS);
    }
    rest.blocks()
}

/// `10.20.0.0/24 and 10.20.1.0/24`
pub(super) fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.dedup();
    match items.pop() {
        None => "nothing".to_owned(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(texts: &[&str]) -> Vec<Cidr> {
        texts.iter().map(|text| Cidr::parse(text).unwrap()).collect()
    }

    #[test]
    fn blocks_cover_together_what_none_of_them_covers_alone() {
        let share = |wanted: &[&str], allowed: &[&str]| share(&blocks(wanted), &blocks(allowed));
        assert_eq!(share(&["10.20.0.0/24"], &["10.20.0.0/25", "10.20.0.128/25"]), Share::All);
        assert_eq!(share(&["10.20.0.0/24"], &["10.20.0.0/25"]), Share::Part);
        assert_eq!(share(&["10.20.0.0/24", "10.20.1.0/24"], &["10.0.0.0/8"]), Share::All);
        assert_eq!(share(&["10.20.0.0/24", "10.20.1.0/24"], &["10.20.1.0/24"]), Share::Part);
        assert_eq!(share(&["10.20.0.0/24"], &["10.21.0.0/16", "::/0"]), Share::None);
        assert_eq!(share(&["2001:db8::/64"], &["::/0"]), Share::All);
    }

    #[test]
    fn ports_and_addresses_are_taken_apart() {
        let mut rest = Traffic::new(&blocks(&["10.20.0.0/24"]), EPHEMERAL);
        assert!(rest.take(&blocks(&["10.20.0.0/25"])[0], (32768, 65535)));
        assert!(!rest.take(&blocks(&["10.20.0.0/25"])[0], (40000, 50000)), "taken before");
        assert!(rest.take(&blocks(&["0.0.0.0/0"])[0], (1024, 32767)));
        assert_eq!(rest.blocks(), blocks(&["10.20.0.128/25"]));
        assert!(rest.take(&blocks(&["10.20.0.128/25"])[0], (0, 65535)) && rest.is_empty());
    }

    #[test]
    fn private_ranges_are_no_part_of_the_internet() {
        assert_eq!(share(&internet(true), &blocks(&["0.0.0.0/0"])), Share::All);
        assert_eq!(share(&internet(true), &blocks(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])), Share::None);
        assert_eq!(share(&internet(true), &blocks(&["52.0.0.0/8"])), Share::Part);
        assert_eq!(share(&internet(false), &blocks(&["::/0"])), Share::All);
    }
}
