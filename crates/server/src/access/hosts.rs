//! Which names the server answers to, and which pages may send to it.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// The names by which the server may be asked: a page of another name that resolves to this machine
/// must not talk to it.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    listen: SocketAddr,
    further: Vec<String>,
}

/// Where a request comes from, as far as a browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A page of this server, the address line, or a program that is no browser.
    Own,
    /// A page of somebody else.
    Other,
}

impl Hosts {
    /// Returns the names that belong to an address, and further ones.
    pub(crate) fn new(listen: SocketAddr, further: &[String]) -> Self {
        Self { listen, further: further.iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.listen.port()
    }

    /// Returns whether only this machine can reach the server, as far as is known here.
    pub(crate) fn is_only_local(&self) -> bool {
        self.listen.ip().is_loopback() && self.further.is_empty()
    }

    /// Returns the name by which a request asks, if it is one of the server's.
    pub(crate) fn asked_by<'h>(&self, headers: &'h HeaderMap, uri: &Uri) -> Option<&'h str> {
        let mut all = headers.get_all(header::HOST).iter();
        let (host, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
        let is_same = uri.authority().is_none_or(|it| it.as_str().eq_ignore_ascii_case(host));
        (is_same && self.is_known(host)).then_some(host)
    }

    /// Returns whether this is one of the further names: of a proxy, which may speak https.
    pub(crate) fn is_further(&self, host: &str) -> bool {
        let Some(authority) = authority(host) else { return false };
        let name = authority.host().to_ascii_lowercase();
        self.further.iter().any(|further| match authority.port_u16() {
            _ if *further == name => true,
            Some(port) => *further == format!("{name}:{port}"),
            None => false,
        })
    }

    /// Returns who sent a request that was asked for by this name.
    pub(crate) fn sender(&self, headers: &HeaderMap, host: &str) -> Sender {
        let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
        if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return Sender::Other;
        }
        let Some(origin) = text("origin") else { return Sender::Own };
        let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let is_own = from.is_some_and(|from| is_same_host(from, host) || self.is_further(from));
        if is_own { Sender::Own } else { Sender::Other }
    }

    fn is_known(&self, host: &str) -> bool {
        self.is_further(host) || authority(host).is_some_and(|it| self.is_own(&it))
    }

    fn is_own(&self, authority: &Authority) -> bool {
        let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(80);
        let ip: Option<IpAddr> = name.parse().ok();
        let own = self.listen.ip();
        let is_here = name == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
        if own.is_unspecified() {
            // What is written as an address cannot be made to mean another one.
            return ip.is_some() || is_here;
        }
        port == self.listen.port() && (ip == Some(own) || (own.is_loopback() && is_here))
    }
}

/// Returns a host and a port, and nothing else.
fn authority(text: &str) -> Option<Authority> {
    text.parse().ok().filter(|_| !text.contains('@'))
}

fn is_same_host(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let text = text.to_ascii_lowercase();
        let short = text.strip_suffix(":443").or_else(|| text.strip_suffix(":80"));
        short.map(str::to_owned).unwrap_or(text)
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: &str, further: &[&str]) -> Hosts {
        let further: Vec<String> = further.iter().map(|host| (*host).into()).collect();
        Hosts::new(listen.parse().unwrap(), &further)
    }

    #[track_caller]
    fn check(hosts: &Hosts, known: &[&str], strange: &[&str]) {
        let is = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            hosts.asked_by(&headers, &Uri::from_static("/")).is_some()
        };
        for host in known {
            assert!(is(host), "{host} is ours");
        }
        for host in strange {
            assert!(!is(host), "{host} is not ours");
        }
    }

    #[test]
    fn a_server_of_this_machine_has_the_names_of_this_machine() {
        check(
            &hosts("127.0.0.1:7700", &[]),
            &["127.0.0.1:7700", "localhost:7700", "LOCALHOST:7700", "[::1]:7700"],
            &[
                "127.0.0.1",
                "127.0.0.1:7701",
                "evil.example:7700",
                "localhost.evil.example:7700",
                "192.168.0.1:7700",
                "a@localhost:7700",
                "",
            ],
        );
        check(&hosts("[::1]:7700", &[]), &["[::1]:7700", "localhost:7700"], &["[::2]:7700"]);
        check(&hosts("127.0.0.1:80", &[]), &["localhost", "127.0.0.1:80"], &["evil.example"]);
    }

    #[test]
    fn further_names_come_with_any_port_or_their_own() {
        check(
            &hosts("127.0.0.1:7700", &["team.example", "other.example:8443"]),
            &["team.example", "Team.example:443", "other.example:8443", "localhost:7700"],
            &["other.example", "a.team.example", "team.example.evil.example"],
        );
    }

    #[test]
    fn a_server_of_all_addresses_is_asked_by_addresses_and_not_by_names() {
        check(
            &hosts("0.0.0.0:7700", &[]),
            &["10.0.0.3:7700", "127.0.0.1:8080", "[2001:db8::1]:7700", "localhost:7700"],
            &["evil.example:7700", "10.0.0.3.evil.example"],
        );
        check(
            &hosts("10.0.0.3:7700", &[]),
            &["10.0.0.3:7700"],
            &["localhost:7700", "10.0.0.4:7700"],
        );
    }

    #[test]
    fn two_names_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost:7700".parse().unwrap());
        let hosts = hosts("127.0.0.1:7700", &[]);
        let other = Uri::from_static("http://evil.example:7700/");
        assert!(hosts.asked_by(&headers, &Uri::from_static("http://localhost:7700/")).is_some());
        assert!(hosts.asked_by(&headers, &other).is_none());
        headers.append(header::HOST, "localhost:7700".parse().unwrap());
        assert!(hosts.asked_by(&headers, &Uri::from_static("/")).is_none());
    }

    #[test]
    fn pages_of_others_are_told_by_their_browser() {
        let hosts = hosts("127.0.0.1:7700", &["team.example"]);
        let sender = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            hosts.sender(&headers, "localhost:7700")
        };
        let own: [&[(&str, &str)]; 5] = [
            &[],
            &[("origin", "http://localhost:7700")],
            &[("origin", "https://team.example")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:7700")],
            &[("sec-fetch-site", "none")],
        ];
        let other: [&[(&str, &str)]; 6] = [
            &[("origin", "null")],
            &[("origin", "http://localhost:7701")],
            &[("origin", "http://evil.example")],
            &[("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ];
        for pairs in own {
            assert_eq!(sender(pairs), Sender::Own, "{pairs:?}");
        }
        for pairs in other {
            assert_eq!(sender(pairs), Sender::Other, "{pairs:?}");
        }
    }
}
