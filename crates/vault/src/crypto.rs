//! The few primitives everything here is made of: random bytes, keyed hashes, sealed boxes.

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a key, of a digest.
pub(crate) const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;

/// A key, wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_LEN]>;

/// Returns random bytes from the operating system.
///
/// # Panics
///
/// Where the operating system has none: nothing here can be done safely then.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Returns a fresh key.
pub(crate) fn new_key() -> Key {
    Zeroizing::new(random())
}

/// Returns the HMAC-SHA-256 of `data`.
pub(crate) fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; KEY_LEN] {
    mac_of(key, data).finalize().into_bytes().into()
}

/// Returns whether `tag` is the HMAC-SHA-256 of `data`, in constant time.
pub(crate) fn is_mac(key: &[u8], data: &[u8], tag: &[u8]) -> bool {
    mac_of(key, data).verify_slice(tag).is_ok()
}

/// A key of HMAC-SHA-256 that is used again and again: what depends on the key alone is done once.
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    /// Takes a key.
    pub(crate) fn new(key: &Key) -> Self {
        Self(mac_of(key.as_slice(), &[]))
    }

    /// Returns the HMAC of two texts, one after the other.
    pub(crate) fn mac(&self, first: &[u8], second: &[u8]) -> [u8; KEY_LEN] {
        self.over(first, second).finalize().into_bytes().into()
    }

    /// Returns whether `tag` is that HMAC, in constant time.
    pub(crate) fn is_mac(&self, first: &[u8], second: &[u8], tag: &[u8]) -> bool {
        self.over(first, second).verify_slice(tag).is_ok()
    }

    fn over(&self, first: &[u8], second: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(first);
        mac.update(second);
        mac
    }
}

/// Returns the key for one job, so that no key is used for two.
pub(crate) fn subkey(key: &Key, job: &str) -> Key {
    Zeroizing::new(hmac_sha256(key.as_slice(), job.as_bytes()))
}

/// Encrypts and authenticates; `context` is authenticated too. The random nonce stands in front.
pub(crate) fn seal(key: &Key, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce = random::<NONCE_LEN>();
    let payload = Payload { msg: plain, aad: context };
    let sealed = cipher(key)
        .encrypt(&nonce.into(), payload)
        .expect("texts here are far below the 256 GiB that the cipher takes");
    [nonce.as_slice(), &sealed].concat()
}

/// Returns what was sealed, or `None` where key, context or bytes are not the ones of [`seal`].
pub(crate) fn unseal(key: &Key, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let payload = Payload { msg: sealed, aad: context };
    cipher(key).decrypt(&(*nonce).into(), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(**key).into())
}

fn mac_of(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(data);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_unchanged() {
        let key = new_key();
        let sealed = seal(&key, b"context", b"a value");
        assert_eq!(unseal(&key, b"context", &sealed).unwrap().as_slice(), b"a value");
        assert!(unseal(&key, b"contexT", &sealed).is_none());
        assert!(unseal(&new_key(), b"context", &sealed).is_none());
        assert!(unseal(&key, b"context", &sealed[..20]).is_none());
        assert_ne!(sealed, seal(&key, b"context", b"a value"));
    }

    #[test]
    fn the_keyed_hash_is_hmac_sha256() {
        // RFC 4231, test case 2.
        let digest = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert!(is_mac(b"Jefe", b"what do ya want for nothing?", &digest));
        assert!(!is_mac(b"Jefe", b"what do ya want for nothing!", &digest));
    }
}
