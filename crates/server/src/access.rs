//! Who may do what: tokens, sessions of browsers, and the guard before every route.

mod buckets;
mod guard;
mod hosts;
mod login;
mod rules;
mod sessions;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Result;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use blueprint_model::{Journal, JournalError};
use blueprint_project::{failure::Failure, store};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use tokio::time::Instant;

use self::{
    buckets::{Buckets, Rate},
    hosts::Hosts,
    sessions::Sessions,
};
use crate::tokens::{self, Presented, Token};

pub(crate) use self::{guard::guard, login::routes};
pub(crate) use crate::tokens::Scope;

/// How old what is known of the tokens may be: a revoked one is refused after that at the latest.
const FRESH: Duration = Duration::from_secs(1);
/// The same where a token is not known: it may be new.
const NEWER: Duration = Duration::from_millis(50);

/// Who may ask for something, and what they may do.
pub(crate) struct Access {
    hosts: Hosts,
    /// What makes the texts against forged forms; of this process.
    key: [u8; 32],
    known: RwLock<Known>,
    sessions: Sessions,
    buckets: Buckets,
}

/// The tokens as they were a moment ago.
#[derive(Clone, Default)]
struct Known {
    tokens: Arc<Vec<Token>>,
    read: Option<Instant>,
}

/// Who asks, put into the request by the guard before any route.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    who: Who,
    scopes: BTreeSet<Scope>,
    csrf: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    /// Nobody has to say who they are.
    Everybody,
    /// A program with a token.
    Bearer { id: String, name: String },
    /// A browser that has logged in with a token.
    Session { token: String, name: String },
    /// Somebody who has not said who they are.
    Nobody,
}

impl Access {
    /// Returns the access to a server that listens here and has these further names.
    pub(crate) fn new(listen: SocketAddr, further: &[String]) -> Self {
        Self {
            hosts: Hosts::new(listen, further),
            key: tokens::random(),
            known: RwLock::default(),
            sessions: Sessions::default(),
            buckets: Buckets::default(),
        }
    }

    /// Looks whether the server can be opened to those who can reach it.
    ///
    /// # Errors
    ///
    /// Returns a failure if others than those on this machine can, and there is no token.
    pub(crate) async fn begin(&self, journal: &dyn Journal) -> Result<()> {
        self.learn(journal, Duration::ZERO).await.map_err(store::failure)?;
        if self.hosts.is_only_local() || !self.known().tokens.is_empty() {
            return Ok(());
        }
        let failure = Failure::wrong(
            "others than you could reach this server, and there is no token to tell them apart",
        );
        Err(failure.help("blueprint token create NAME --scope admin").into())
    }

    /// Returns whether somebody must say who they are.
    pub(crate) fn is_required(&self) -> bool {
        !self.hosts.is_only_local() || !self.known().tokens.is_empty()
    }

    /// Forgets what was known of the tokens: one was made or revoked here.
    pub(crate) fn changed(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).read = None;
    }

    /// Finds out who asks, by token, by session, or by nothing.
    async fn identify(
        &self,
        headers: &HeaderMap,
        journal: &dyn Journal,
        now: Timestamp,
    ) -> Result<Visitor, JournalError> {
        self.learn(journal, FRESH).await?;
        if !self.is_required() {
            return Ok(self.visitor(Who::Everybody, Scope::ALL.into(), "everybody"));
        }
        if let Some(text) = bearer(headers) {
            let Some(token) = self.token(text, journal).await? else { return Ok(self.nobody()) };
            self.note_use(&token, journal, now).await?;
            let who = Who::Bearer { id: token.id.clone(), name: token.name };
            return Ok(self.visitor(who, token.scopes, ""));
        }
        let cookie = self.session_cookie(headers);
        let session = cookie.and_then(|id| Some((id, self.sessions.get(id, now)?)));
        let known = self.known();
        let found = session.and_then(|(id, session)| {
            Some((id, known.tokens.iter().find(|token| token.id == session.token)?))
        });
        let Some((id, token)) = found else { return Ok(self.nobody()) };
        let who = Who::Session { token: token.id.clone(), name: token.name.clone() };
        Ok(self.visitor(who, token.scopes.clone(), &format!("session {id}")))
    }

    /// Returns the token that this is the text of.
    async fn token(
        &self,
        text: &str,
        journal: &dyn Journal,
    ) -> Result<Option<Token>, JournalError> {
        let Some(presented) = Presented::parse(text) else { return Ok(None) };
        if !self.known().tokens.iter().any(|token| token.id == presented.id) {
            self.learn(journal, NEWER).await?;
        }
        let known = self.known();
        Ok(known.tokens.iter().find(|token| token.is(&presented)).cloned())
    }

    async fn note_use(
        &self,
        token: &Token,
        journal: &dyn Journal,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        match self.buckets.take(Rate::Note, &token.id, Instant::now()) {
            Ok(()) => tokens::note_use(journal, &token.id, now).await,
            Err(_) => Ok(()),
        }
    }

    /// Reads the tokens again where what is known is older than this.
    async fn learn(&self, journal: &dyn Journal, age: Duration) -> Result<(), JournalError> {
        let now = Instant::now();
        let is_fresh = |known: &Known| known.read.is_some_and(|read| now - read < age);
        if is_fresh(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if is_fresh(&known) {
                return Ok(());
            }
            // Others go on with what is known meanwhile, if anything is.
            known.read = known.read.map(|_| now);
        }
        let tokens = Arc::new(tokens::list(journal).await?);
        let read = Some(now);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { tokens, read };
        Ok(())
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn nobody(&self) -> Visitor {
        self.visitor(Who::Nobody, BTreeSet::new(), "nobody")
    }

    fn visitor(&self, who: Who, scopes: BTreeSet<Scope>, about: &str) -> Visitor {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of HMAC may have any length");
        mac.update(about.as_bytes());
        Visitor { who, scopes, csrf: URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()) }
    }

    /// Returns the name of the cookie: servers on one machine do not log each other out.
    fn cookie_name(&self) -> String {
        format!("blueprint_{}", self.hosts.port())
    }

    fn session_cookie<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.cookie_name();
        let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
        let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|it| it.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, id)| id.trim())
    }
}

impl Visitor {
    /// Returns whether they may do this.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Returns what forms of pages carry in the hidden field `_csrf`.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Returns the name of the token of somebody who has logged in, and can log out.
    pub(crate) fn logged_in(&self) -> Option<&str> {
        match &self.who {
            Who::Session { name, .. } => Some(name),
            Who::Everybody | Who::Bearer { .. } | Who::Nobody => None,
        }
    }

    /// Returns whether nobody knows who this is, and somebody should.
    fn is_nobody(&self) -> bool {
        self.who == Who::Nobody
    }

    /// Returns whose bucket is used.
    fn bucket(&self, address: Option<IpAddr>) -> String {
        match &self.who {
            Who::Bearer { id, .. } => id.clone(),
            Who::Session { token, .. } => token.clone(),
            Who::Everybody | Who::Nobody => address.map(buckets::name_of).unwrap_or_default(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let known = parts.extensions.get::<Self>().cloned();
        // Without the guard nobody may do anything.
        let nobody = || Self { who: Who::Nobody, scopes: BTreeSet::new(), csrf: String::new() };
        Ok(known.unwrap_or_else(nobody))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
