//! Access tokens: made once and shown once, kept as hashes, with what their bearer may do.

use std::{collections::BTreeSet, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use blueprint_model::{Journal, JournalError, Value};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Where tokens are among the notes of a store.
const NOTES: &str = "token/";
/// Where it is noted when one was used: apart, so that this never brings back a revoked one.
const USES: &str = "token-used/";
/// Characters of an id.
const ID_LEN: usize = 8;
/// The longest name of a token.
pub const MAX_NAME: usize = 64;
/// Most tokens of a project.
pub const MAX_TOKENS: usize = 1_000;

/// What somebody may do. Each allows only itself; `Admin` allows all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look at blueprints, runs, and the names of secrets.
    Read,
    /// Start, cancel and answer runs.
    Run,
    /// Set, rename and delete secrets.
    Secrets,
    /// All of it, and make and revoke tokens.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Run, Self::Secrets, Self::Admin];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Secrets => "secrets",
            Self::Admin => "admin",
        }
    }

    /// Returns the scope with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A token as it is kept: whoever reads it cannot act as its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// By which it is known; the first part of the text.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What its bearer may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to some minutes.
    pub last_used: Option<Timestamp>,
    hash: [u8; 32],
}

impl Token {
    /// Returns whether this is the text of the token, in constant time.
    pub fn is(&self, presented: &Presented<'_>) -> bool {
        self.id == presented.id && bool::from(self.hash.ct_eq(&hash_of(presented.secret)))
    }

    fn of_note(id: &str, note: &Value, used: Option<&Value>) -> Option<Self> {
        let scopes = note["scopes"].as_array()?.iter().map(|it| Scope::parse(it.as_str()?));
        Some(Self {
            id: id.into(),
            name: note["name"].as_str()?.into(),
            scopes: scopes.collect::<Option<_>>()?,
            created: note["created"].as_str()?.parse().ok()?,
            last_used: used.and_then(|used| used.as_str()?.parse().ok()),
            hash: URL_SAFE_NO_PAD.decode(note["sha256"].as_str()?).ok()?.try_into().ok()?,
        })
    }

    fn note(&self) -> Value {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        json!({
            "name": self.name,
            "scopes": scopes,
            "created": self.created.to_string(),
            "sha256": URL_SAFE_NO_PAD.encode(self.hash),
        })
    }
}

/// The two parts of a token's text, as somebody presents it.
pub struct Presented<'t> {
    /// By which it is known.
    pub id: &'t str,
    secret: &'t str,
}

impl<'t> Presented<'t> {
    /// Takes a text apart; `None` if it is no token.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("bp_")?.split_at_checked(ID_LEN)?;
        let secret = secret.strip_prefix('_')?;
        let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id && secret.len() == 43).then_some(Self { id, secret })
    }
}

/// Why a token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The name is empty, too long, or not printable.
    #[error("the name of a token is 1 to {MAX_NAME} printable characters")]
    Name,
    /// Another token has this name.
    #[error("there is a token `{0}` already")]
    Taken(String),
    /// It would allow nothing.
    #[error("a token without a scope allows nothing")]
    NoScope,
    /// There are too many.
    #[error("there are {MAX_TOKENS} tokens, which is the most")]
    Full,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] JournalError),
}

/// Makes a token, and returns it with its text, which cannot be had again.
///
/// # Errors
///
/// Returns an error if the name or the scopes will not do, or the store refuses.
pub async fn create(
    journal: &dyn Journal,
    name: &str,
    scopes: BTreeSet<Scope>,
    now: Timestamp,
) -> Result<(Token, String), TokenError> {
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME || name.trim() != name || name.contains(char::is_control) {
        return Err(TokenError::Name);
    }
    if scopes.is_empty() {
        return Err(TokenError::NoScope);
    }
    let known = list(journal).await?;
    if known.iter().any(|token| token.name == name) {
        return Err(TokenError::Taken(name.into()));
    }
    if known.len() >= MAX_TOKENS {
        return Err(TokenError::Full);
    }
    let id: String = random::<{ ID_LEN / 2 }>().iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = URL_SAFE_NO_PAD.encode(random::<32>());
    let hash = hash_of(&secret);
    let text = format!("bp_{id}_{secret}");
    let token = Token { id, name: name.into(), scopes, created: now, last_used: None, hash };
    journal.put_note(&format!("{NOTES}{}", token.id), Some(&token.note())).await?;
    Ok((token, text))
}

/// Returns the tokens, by name. One that cannot be read is left out: it opens nothing.
///
/// # Errors
///
/// Returns an error if the store cannot be read.
pub async fn list(journal: &dyn Journal) -> Result<Vec<Token>, JournalError> {
    let uses = journal.notes(USES).await?;
    let notes = journal.notes(NOTES).await?;
    let mut tokens = Vec::new();
    for (name, note) in &notes {
        let Some(id) = name.strip_prefix(NOTES) else { continue };
        let used = uses.iter().find(|(name, _)| name.strip_prefix(USES) == Some(id));
        let token = Token::of_note(id, note, used.map(|(_, used)| used));
        // One that cannot be read must not be taken for none, which would open the server to all.
        let damaged = || JournalError::Damaged(format!("the note of token `{id}`"));
        tokens.push(token.ok_or_else(damaged)?);
    }
    tokens.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tokens)
}

/// Returns a token as it is shown: nothing in it opens anything.
pub fn to_json(token: &Token) -> Value {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": scopes,
        "created": format!("{:.0}", token.created),
        "last_used": token.last_used.map(|at| format!("{at:.0}")),
    })
}

/// Notes that a token was used. A token that is revoked meanwhile stays so.
///
/// # Errors
///
/// Returns an error if the store refuses.
pub async fn note_use(journal: &dyn Journal, id: &str, now: Timestamp) -> Result<(), JournalError> {
    journal.put_note(&format!("{USES}{id}"), Some(&now.to_string().into())).await
}

/// Revokes a token, named by its id or its name, and returns it; `None` if there is none.
///
/// # Errors
///
/// Returns an error if the store refuses.
pub async fn revoke(journal: &dyn Journal, typed: &str) -> Result<Option<Token>, JournalError> {
    let found = list(journal).await?;
    // An id is nobody else's; a name could look like one.
    let by_id = found.iter().position(|token| token.id == typed);
    let Some(at) = by_id.or_else(|| found.iter().position(|token| token.name == typed)) else {
        return Ok(None);
    };
    let token = found[at].clone();
    journal.put_note(&format!("{NOTES}{}", token.id), None).await?;
    journal.put_note(&format!("{USES}{}", token.id), None).await?;
    Ok(Some(token))
}

/// Returns random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_of_a_token_is_one() {
        let secret = "x".repeat(43);
        let good = format!("bp_0123abcd_{secret}");
        assert!(Presented::parse(&good).is_some());
        let short = format!("bp_0123abcd_{}", "x".repeat(42));
        let other = format!("bp_0123abc/_{secret}");
        for bad in ["", "bp_", "0123abcd", &short, &other, &good[3..], "bp_ööööö_x"] {
            assert!(Presented::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_kept_token_knows_its_text_and_no_other() {
        let secret = "a".repeat(43);
        let token = Token {
            id: "0123abcd".into(),
            name: "ci".into(),
            scopes: [Scope::Run].into(),
            created: Timestamp::UNIX_EPOCH,
            last_used: None,
            hash: hash_of(&secret),
        };
        let kept = Token::of_note("0123abcd", &token.note(), None).unwrap();
        assert_eq!(kept, token);
        assert!(!token.note().to_string().contains(&secret));
        let is = |text: &str| kept.is(&Presented::parse(text).unwrap());
        assert!(is(&format!("bp_0123abcd_{secret}")));
        assert!(!is(&format!("bp_0123abce_{secret}")));
        assert!(!is(&format!("bp_0123abcd_{}b", "a".repeat(42))));
    }
}
