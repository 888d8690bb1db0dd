//! Signatures of what comes from outside: judged here, so that no value leaves the vault for it.

use blueprint_model::{
    SecretName,
    audit::{Action, AuditError, Audited, SecretUse},
    provider::Entry,
};
use jiff::Timestamp;

use crate::{
    crypto,
    vault::{LoadError, Vault},
};

/// What somebody signed with HMAC-SHA-256.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The key.
    pub key: &'a SecretName,
    /// The blueprint that is asked to run.
    pub blueprint: &'a str,
    /// What was signed.
    pub data: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not that of the key.
    #[error("the signature does not fit")]
    Wrong,
    /// The vault does not have the key, or gives no answer.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The key's policy is against it.
    #[error("secret `{key}` may not be used: {why}")]
    Policy {
        /// The key.
        key: SecretName,
        /// What the policy says.
        why: String,
    },
    /// The use could not be written down, so the key was not used.
    #[error("the audit cannot be kept: {0}")]
    Audit(#[from] AuditError),
}

impl Vault {
    /// Judges a signature, in a time that does not tell where it differs. The use is in the audit
    /// before the key is used.
    ///
    /// # Errors
    ///
    /// Returns why the signature does not count.
    pub fn verify(&self, signed: &Signed<'_>, now: Timestamp) -> Result<(), Refusal> {
        let key = signed.key;
        let Some((_, entry)) = self.find(key)? else {
            return Err(LoadError::Missing(vec![key.clone()]).into());
        };
        let refused = why_not(&entry, signed.blueprint, now);
        let used = SecretUse {
            key: key.to_string(),
            version: entry.version,
            action: Action::Derive,
            host: String::new(),
            place: "webhook".into(),
            function: Some(format!("hmac_sha256(vault.{key}, …)")),
            refused: refused.clone(),
        };
        let blueprint = signed.blueprint;
        (self.audit)(&Audited { run: "", blueprint, block: "", uses: &[used] })?;
        if let Some(why) = refused {
            return Err(Refusal::Policy { key: key.clone(), why });
        }
        match crypto::is_mac(entry.value.expose().as_bytes(), signed.data, signed.signature) {
            true => Ok(()),
            false => Err(Refusal::Wrong),
        }
    }
}

fn why_not(entry: &Entry, blueprint: &str, now: Timestamp) -> Option<String> {
    let policy = &entry.policy;
    if policy.expires.is_some_and(|expires| expires <= now) {
        return Some("it has expired".into());
    }
    let allowed = &policy.blueprints;
    if !allowed.is_empty() && !allowed.iter().any(|name| name == blueprint) {
        return Some(format!("its policy does not name blueprint `{blueprint}`"));
    }
    if entry.value.expose().is_empty() {
        return Some("it is empty".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use blueprint_model::{Secret, secret::Policy};

    use super::*;
    use crate::memory::MemoryVault;

    /// HMAC-SHA-256 of `hello` with the key `example-hook-key`.
    fn tag() -> [u8; 32] {
        crypto::hmac_sha256(b"example-hook-key", b"hello")
    }

    #[track_caller]
    fn check(policy: Policy, data: &[u8], signature: &[u8], expected: &str) {
        let key = SecretName::parse("HOOK_KEY").unwrap();
        let value = Secret::new("example-hook-key".into());
        let told: Arc<Mutex<Vec<SecretUse>>> = Arc::default();
        let kept = told.clone();
        let audit = Arc::new(move |audited: &Audited<'_>| {
            kept.lock().unwrap().extend(audited.uses.iter().cloned());
            Ok(())
        });
        let provider = MemoryVault::new().with(key.clone(), value, policy);
        let vault = Vault::new(vec![Box::new(provider)]).with_audit(audit);
        let signed = Signed { key: &key, blueprint: "orders", data, signature };
        let found = vault.verify(&signed, "2026-11-24T06:00:00Z".parse().unwrap());
        assert_eq!(found.map_or_else(|err| err.to_string(), |()| "fine".into()), expected);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1, "each use is told once");
        assert!(!format!("{told:?}").contains("example-hook-key"));
    }

    #[test]
    fn only_the_keys_own_signature_counts() {
        let all = Policy::default;
        check(all(), b"hello", &tag(), "fine");
        check(all(), b"hello!", &tag(), "the signature does not fit");
        check(all(), b"hello", &tag()[..31], "the signature does not fit");
        check(all(), b"hello", &[], "the signature does not fit");
    }

    #[test]
    fn the_keys_policy_counts() {
        let others = Policy { blueprints: vec!["letters".into()], ..Policy::default() };
        let why = "secret `HOOK_KEY` may not be used: its policy does not name blueprint `orders`";
        check(others, b"hello", &tag(), why);
        let expires = Some("2026-01-01T00:00:00Z".parse().unwrap());
        let old = Policy { expires, ..Policy::default() };
        check(old, b"hello", &tag(), "secret `HOOK_KEY` may not be used: it has expired");
    }
}
