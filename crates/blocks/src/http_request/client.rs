//! The HTTP clients: built at the first request, one per set of network limits.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use blueprint_model::{BlockError, limits::Network};

use crate::http_request::address;

/// How long making a connection may take; the whole request is bounded by the block's `timeout`.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_PER_HOST: usize = 32;

/// The clients that were needed so far. A process has one set of limits, so mostly one.
///
/// They belong to the block type and not to the process: connections die with the runtime that
/// made them, and a process of tests has many.
#[derive(Default)]
pub(super) struct Clients(Mutex<Vec<(Network, Client)>>);

impl Clients {
    /// Returns the client that connects within these limits.
    ///
    /// A connection is judged when it is made, so clients of different limits share none.
    pub(super) fn get(&self, network: &Network) -> Result<Client, BlockError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == network) {
            return Ok(client.clone());
        }
        let client = build(network)?;
        clients.push((network.clone(), client.clone()));
        Ok(client)
    }
}

fn build(network: &Network) -> Result<Client, BlockError> {
    // Whoever came first has installed a provider that is as good; then this one is dropped.
    drop(rustls::crypto::ring::default_provider().install_default());
    let network = Arc::new(network.clone());
    // On a machine without certificate authorities plain HTTP must still work.
    builder(&network)
        .build()
        .or_else(|_| builder(&network).tls_certs_only([]).build())
        .map_err(|_| BlockError::permanent("the HTTP client could not be set up"))
}

fn builder(network: &Arc<Network>) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .dns_resolver(Resolver { network: network.clone() })
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_only()
}

/// The system's resolver, minus the addresses that must not be connected to.
struct Resolver {
    network: Arc<Network>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let network = self.network.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await.map_err(|_| UnknownHost)?;
            let permitted = address::permitted(host, found, &network)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// A name that has no address.
#[derive(Debug)]
pub(super) struct UnknownHost;

impl std::error::Error for UnknownHost {}

impl fmt::Display for UnknownHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host name cannot be resolved")
    }
}
