//! Which addresses a request may connect to.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use url::{Host, Url};

use blueprint_model::{BlockError, limits::Network};

/// Addresses under which clouds hand out credentials to whoever asks.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// An address that must not be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    host: String,
    address: IpAddr,
    kind: &'static str,
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address, kind } = self;
        write!(f, "connections to `{host}` are refused: {address} is a {kind} address")?;
        if *kind == METADATA {
            return Ok(());
        }
        f.write_str("; list it in `network.allow` of `project.yaml` to allow it")
    }
}

const METADATA: &str = "cloud metadata";

/// Checks a host that is an address itself, however it is spelled. A resolver never sees those.
pub(super) fn check_literal(url: &Url, network: &Network) -> Result<(), BlockError> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    let host = url.host_str().unwrap_or_default();
    judge(host, address, network).map_err(|refused| BlockError::permanent(refused.to_string()))
}

/// Returns those of a name's addresses that may be connected to, or why none may.
pub(super) fn permitted(
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
    network: &Network,
) -> Result<Vec<SocketAddr>, Refused> {
    let mut permitted = Vec::new();
    let mut refused = None;
    for address in found {
        match judge(host, address.ip(), network) {
            Ok(()) => permitted.push(address),
            Err(err) => refused = refused.or(Some(err)),
        }
    }
    match refused {
        Some(refused) if permitted.is_empty() => Err(refused),
        Some(_) | None => Ok(permitted),
    }
}

fn judge(host: &str, address: IpAddr, network: &Network) -> Result<(), Refused> {
    let refuse = |kind| Err(Refused { host: host.into(), address, kind });
    let inner = unwrapped(address);
    if [address, inner].into_iter().any(is_metadata) {
        return refuse(METADATA);
    }
    let is_listed = || {
        network
            .allow
            .iter()
            .any(|entry| names(entry, host) || covers(entry, address) || covers(entry, inner))
    };
    match private_kind(inner) {
        Some(kind) if !network.allows_private && !is_listed() => refuse(kind),
        Some(_) | None => Ok(()),
    }
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => METADATA_V4.contains(&address),
        IpAddr::V6(address) => METADATA_V6.contains(&address),
    }
}

/// Returns the IPv4 address inside an IPv6 one: mapped, translated, compatible, NAT64
/// or 6to4.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let groups = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match groups {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, _, _, _, _, high, low] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// Returns what makes an address private, or `None` if it is a public one.
fn private_kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => private_kind_v4(v4),
        IpAddr::V6(v6) => private_kind_v6(v6),
    }
}

fn private_kind_v4(v4: Ipv4Addr) -> Option<&'static str> {
    match v4.octets() {
        [127 | 0, ..] => Some("loopback"),
        [169, 254, ..] => Some("link-local"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Some("private"),
        [192, 0, 0 | 2, _] | [198, 18..=19, ..] | [224..=255, ..] => Some("reserved"),
        [198, 51, 100, _] | [203, 0, 113, _] => Some("reserved"),
        _ => None,
    }
}

fn private_kind_v6(v6: Ipv6Addr) -> Option<&'static str> {
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, _] => Some("loopback"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some("private"),
        [0xff00..=0xffff, ..] | [0x100, 0, ..] | [0x2001, 0xdb8 | 0, ..] => Some("reserved"),
        _ => None,
    }
}

/// Returns whether an entry of the list is this host: the name, or `*.` and a parent of it.
fn names(entry: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let entry = entry.to_ascii_lowercase();
    match entry.strip_prefix('*') {
        Some(parent) => parent.starts_with('.') && host.ends_with(parent),
        None => host == entry,
    }
}

/// Returns whether an entry of the list is this address, or a range such as `10.0.0.0/8` with it.
fn covers(entry: &str, address: IpAddr) -> bool {
    let (base, len) = match entry.split_once('/') {
        Some((base, len)) => (base, len.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let base: Option<IpAddr> = base.trim_matches(['[', ']']).parse().ok();
    match (base, address, len) {
        (Some(IpAddr::V4(base)), IpAddr::V4(address), Some(len)) => {
            let ignored = 32_u32.saturating_sub(len);
            let differing = u32::from(base) ^ u32::from(address);
            differing.checked_shr(ignored).unwrap_or(0) == 0
        }
        (Some(IpAddr::V6(base)), IpAddr::V6(address), Some(len)) => {
            let ignored = 128_u32.saturating_sub(len);
            let differing = u128::from(base) ^ u128::from(address);
            differing.checked_shr(ignored).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(allows_private: bool, allow: &[&str]) -> Network {
        let allow = allow.iter().map(|entry| (*entry).into()).collect();
        Network { allows_private, allow, mocks: Vec::new() }
    }

    #[track_caller]
    fn check(url: &str, network: &Network, expected: Option<&str>) {
        let url = Url::parse(url).unwrap();
        let message = check_literal(&url, network).err().map(|err| err.message);
        match expected {
            None => assert_eq!(message, None, "{url}"),
            Some(kind) => {
                let message = message.unwrap_or_else(|| panic!("{url} is allowed"));
                assert!(message.contains(kind), "{url}: {message}");
            }
        }
    }

    #[test]
    fn every_spelling_of_a_literal_is_judged() {
        let strict = network(false, &[]);
        for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.1."] {
            check(&format!("http://{host}/"), &strict, Some("loopback"));
        }
        for host in [
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[::ffff:0:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "0",
            "[::]",
        ] {
            check(&format!("http://{host}/"), &strict, Some("loopback"));
        }
        check("http://１２７.0.0.1/", &strict, Some("loopback"));
    }

    #[test]
    fn private_ranges_have_names() {
        let strict = network(false, &[]);
        for (host, kind) in [
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "private"),
            ("[fd12::1]", "private"),
            ("[2002:0a00:0001::]", "private"),
            ("169.254.1.1", "link-local"),
            ("[fe80::1]", "link-local"),
            ("224.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("[ff02::1]", "reserved"),
        ] {
            check(&format!("http://{host}/"), &strict, Some(kind));
            check(&format!("http://{host}/"), &network(true, &[]), None);
        }
        for host in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "[2606:4700::1]", "a.example"] {
            check(&format!("http://{host}/"), &strict, None);
        }
    }

    #[test]
    fn metadata_is_refused_whatever_is_allowed() {
        let open = network(true, &["169.254.169.254", "0.0.0.0/0", "::/0"]);
        for host in [
            "169.254.169.254",
            "2852039166",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "169.254.170.2",
            "168.63.129.16",
        ] {
            check(&format!("http://{host}/latest"), &open, Some("cloud metadata"));
        }
    }

    #[test]
    fn listed_hosts_and_ranges_are_allowed() {
        check("http://10.1.2.3/", &network(false, &["10.1.0.0/16"]), None);
        check("http://10.2.2.3/", &network(false, &["10.1.0.0/16"]), Some("private"));
        check("http://10.1.2.3/", &network(false, &["10.1.2.3"]), None);
        check("http://[fd12::1]/", &network(false, &["fd00::/8"]), None);
        check("http://[fd12::1]/", &network(false, &["[fd12::1]"]), None);
        check(
            "http://10.1.2.3/",
            &network(false, &["nonsense", "1/2/3", "/8", ""]),
            Some("private"),
        );
    }

    #[test]
    fn names_are_judged_by_their_addresses() {
        let strict = network(false, &[]);
        let found = |list: &[&str]| {
            let list: Vec<SocketAddr> = list.iter().map(|a| a.parse().unwrap()).collect();
            list.into_iter()
        };
        let kept = permitted("a.example", found(&["10.0.0.1:0", "1.1.1.1:0"]), &strict).unwrap();
        assert_eq!(kept, ["1.1.1.1:0".parse().unwrap()]);
        let refused = permitted("a.example", found(&["10.0.0.1:0"]), &strict).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "connections to `a.example` are refused: 10.0.0.1 is a private address; list it \
             in `network.allow` of `project.yaml` to allow it"
        );
        let listed = network(false, &["*.corp.example", "db.internal"]);
        assert!(permitted("DB.internal.", found(&["10.0.0.1:0"]), &listed).is_ok());
        assert!(permitted("a.corp.example", found(&["10.0.0.1:0"]), &listed).is_ok());
        assert!(permitted("corp.example", found(&["10.0.0.1:0"]), &listed).is_err());
        assert!(permitted("db.internal", found(&["169.254.169.254:0"]), &listed).is_err());
    }
}
