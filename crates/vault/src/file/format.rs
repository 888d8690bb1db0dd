//! The text of the encrypted file, format 1.
//!
//! ```text
//! blueprint-vault 1
//! {"store":"…","key":"random"} BASE64
//! {"name":"ACME_API_KEY","version":3,"changed_at":"…","policy":{"hosts":["…"]}} BASE64
//! …
//! mac BASE64
//! ```
//!
//! Each line in the middle is a JSON object, in clear, and a sealed box behind one space: nonce,
//! then XChaCha20-Poly1305. The first of them seals the data key under the key that lives
//! elsewhere; each other one seals a value under the data key. What a box authenticates besides its
//! content is the kind of line, the id of the store and the JSON text as it stands: a value cannot
//! move to another name, version, policy or vault. The last line is an HMAC-SHA-256 over all bytes
//! before it, so that no line can be changed, dropped, added, moved or put back alone.
//!
//! Not noticed: an older copy of the whole file. Names and policies can be read by whoever can read
//! the file.

use std::{collections::BTreeMap, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use blueprint_model::{
    SecretName,
    egress::{HostPattern, Place},
    provider::Listed,
    secret::Policy,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const MAGIC: &str = "blueprint-vault ";
const VERSION: &str = "1";

/// What is wrong with the text.
pub(super) enum Flaw {
    /// It is not as it was written.
    Damaged(&'static str),
    /// A newer program wrote it.
    UnknownVersion(String),
}

/// A line: an object in clear, and a sealed box.
pub(super) struct Line<T> {
    /// The object as it stands in the file, which the box authenticates.
    pub(super) text: String,
    /// What it says.
    pub(super) says: T,
    /// The box.
    pub(super) sealed: Vec<u8>,
}

/// What is said in clear about the vault.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The id of the vault.
    pub(super) store: String,
    /// What opens it.
    pub(super) key: KeyInFile,
}

/// What is said in clear about the key that opens it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum KeyInFile {
    /// A random key, in a file or a variable.
    Random,
    /// A passphrase, through Argon2id.
    Passphrase {
        /// Random bytes, in base64.
        salt: String,
        /// Memory.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
}

/// What is said in clear about a secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) changed_at: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) weak: bool,
    #[serde(default, skip_serializing_if = "PolicyInFile::is_empty")]
    pub(super) policy: PolicyInFile,
}

/// A policy as it is stored.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyInFile {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blueprints: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    reveal: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

/// The file, cut into its parts; only [`Unchecked::head`] may be used before the MAC is checked.
pub(super) struct Unchecked<'a> {
    /// The line about the vault.
    pub(super) head: Line<Head>,
    /// What the MAC is over.
    pub(super) signed: &'a str,
    /// The MAC.
    pub(super) mac: Vec<u8>,
    rows: &'a str,
}

/// The secrets, sealed.
pub(super) type Rows = BTreeMap<SecretName, Line<About>>;

/// Cuts the text of a file into its parts.
pub(super) fn split(bytes: &[u8]) -> Result<Unchecked<'_>, Flaw> {
    let text = str::from_utf8(bytes).map_err(|_| Flaw::Damaged("it is no text"))?;
    let (first, rest) = text.split_once('\n').ok_or(Flaw::Damaged("it is cut short"))?;
    let version = first.strip_prefix(MAGIC).ok_or(Flaw::Damaged("it is no vault"))?;
    if version != VERSION {
        return Err(Flaw::UnknownVersion(version.chars().take(16).collect()));
    }
    let (body, last) = rest
        .strip_suffix('\n')
        .and_then(|rest| rest.rsplit_once('\n'))
        .ok_or(Flaw::Damaged("it is cut short"))?;
    let mac = last.strip_prefix("mac ").ok_or(Flaw::Damaged("its last line is missing"))?;
    let (head, rows) = body.split_once('\n').unwrap_or((body, ""));
    Ok(Unchecked {
        head: Line::parse(head).ok_or(Flaw::Damaged("its second line cannot be read"))?,
        signed: &text[..text.len() - last.len() - 1],
        mac: decode(mac).ok_or(Flaw::Damaged("its last line cannot be read"))?,
        rows,
    })
}

impl Unchecked<'_> {
    /// Returns how many secrets the file says it has.
    pub(super) fn count(&self) -> usize {
        self.rows.lines().count()
    }

    /// Returns the secrets; `None` where a line cannot be read or a name stands twice.
    pub(super) fn rows(&self) -> Option<Rows> {
        let mut rows = Rows::new();
        for text in self.rows.lines() {
            let line = Line::<About>::parse(text)?;
            line.says.policy.to_policy()?;
            line.says.changed_at.parse::<Timestamp>().ok()?;
            if rows.insert(SecretName::parse(&line.says.name)?, line).is_some() {
                return None;
            }
        }
        Some(rows)
    }
}

/// Returns the text of a file up to the last line, which [`finish`] adds.
pub(super) fn print<'a>(
    head: &Line<Head>,
    rows: impl IntoIterator<Item = &'a Line<About>>,
) -> String {
    let mut text = format!("{MAGIC}{VERSION}\n");
    head.print(&mut text);
    for row in rows {
        row.print(&mut text);
    }
    text
}

/// Adds the last line.
pub(super) fn finish(mut text: String, mac: &[u8]) -> String {
    text.push_str("mac ");
    STANDARD.encode_string(mac, &mut text);
    text.push('\n');
    text
}

impl<T: DeserializeOwned> Line<T> {
    fn parse(line: &str) -> Option<Self> {
        let (text, sealed) = line.rsplit_once(' ')?;
        let says = serde_json::from_str(text).ok()?;
        Some(Self { text: text.into(), says, sealed: decode(sealed)? })
    }
}

impl<T> Line<T> {
    fn print(&self, to: &mut String) {
        to.push_str(&self.text);
        to.push(' ');
        STANDARD.encode_string(&self.sealed, to);
        to.push('\n');
    }
}

impl About {
    /// Returns the row of a list; `None` where the file says something that cannot be.
    pub(super) fn listed(&self) -> Option<Listed> {
        Some(Listed {
            name: SecretName::parse(&self.name)?,
            version: self.version,
            changed_at: Some(self.changed_at.parse().ok()?),
            policy: self.policy.to_policy()?,
        })
    }
}

impl PolicyInFile {
    /// Returns the stored form of a policy.
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            hosts: policy.hosts.iter().map(ToString::to_string).collect(),
            places: policy.places.iter().map(ToString::to_string).collect(),
            blueprints: policy.blueprints.clone(),
            reveal: policy.may_reveal,
            expires: policy.expires.map(|at| at.to_string()),
        }
    }

    /// Returns the policy; `None` where a part of it cannot be read: it then allows nothing.
    pub(super) fn to_policy(&self) -> Option<Policy> {
        Some(Policy {
            hosts: self.hosts.iter().map(|text| HostPattern::parse(text)).collect::<Option<_>>()?,
            places: self.places.iter().map(|text| Place::parse(text)).collect::<Option<_>>()?,
            blueprints: self.blueprints.clone(),
            may_reveal: self.reveal,
            expires: self.expires.as_deref().map(Timestamp::from_str).transpose().ok()?,
        })
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_survives_the_file() {
        let hosts =
            ["api.acme.example", "*.acme.example:8443", "http://127.0.0.1", "https://[::1]"];
        let places = ["header:x-key", "header", "query", "path", "body", "password", "variable:A"];
        let policy = Policy {
            hosts: hosts.iter().map(|text| HostPattern::parse(text).unwrap()).collect(),
            places: places.iter().map(|text| Place::parse(text).unwrap()).collect(),
            blueprints: vec!["city-weather".into()],
            may_reveal: true,
            expires: Some("2027-01-02T03:04:05.678Z".parse().unwrap()),
        };
        let text = serde_json::to_string(&PolicyInFile::of(&policy)).unwrap();
        let stored: PolicyInFile = serde_json::from_str(&text).unwrap();
        assert_eq!(stored.to_policy().unwrap(), policy);
    }

    #[test]
    fn an_empty_policy_takes_no_room() {
        assert!(PolicyInFile::of(&Policy::default()).is_empty());
        assert_eq!(serde_json::to_string(&PolicyInFile::default()).unwrap(), "{}");
    }
}
