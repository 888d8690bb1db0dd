//! The vault in scripts: handles that join to text and tell nothing else, and functions over them.

use std::sync::Arc;

use blueprint_model::secret::{Bytes, Derivation};
use rhai::{Dynamic, EvalAltResult, ImmutableString};
use zeroize::Zeroizing;

use super::{
    json, print,
    session::{Fallible, note_reveal, refuse, refuse_quoting, room, stopped, with_keys, work},
};
use crate::{
    guard::{self, Stop},
    keys::{Keys, Question, Reply},
};

/// Digests of digests keep where they come from up to this depth.
const MAX_ORIGIN_DEPTH: usize = 24;

/// Most bytes that a function over secrets computes on at once: nothing stops it half-way.
const MAX_PLAIN: usize = 16 << 20;

/// The variable `vault`: holds nothing, asks the running block's way out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vault;

/// A secret in a script: the handle, and no way to look at it.
#[derive(Debug, Clone)]
pub(super) struct SecretText(ImmutableString);

impl SecretText {
    /// Returns the handle.
    pub(super) fn token(&self) -> &ImmutableString {
        &self.0
    }
}

/// A digest of plain text: hexadecimal in text, raw bytes inside `base64` and `hex`.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    bytes: Zeroizing<Vec<u8>>,
    origin: Option<Arc<Origin>>,
}

/// How a digest was made, so that it can be made again where a secret goes in beside it.
#[derive(Debug)]
struct Origin {
    function: &'static str,
    arguments: Vec<Argument>,
    depth: usize,
}

#[derive(Debug, Clone)]
enum Argument {
    Text(ImmutableString),
    Handle(ImmutableString),
    Digest(Digest),
}

impl Digest {
    /// Returns it in small hexadecimal digits.
    pub(super) fn to_hex(&self) -> String {
        (*Bytes::Digest(self.bytes.clone()).to_text()).clone()
    }

    /// Returns a handle that stands for the digest's bytes.
    fn token(&self, keys: &Keys) -> Fallible<String> {
        let origin = self.origin.as_ref().ok_or_else(|| {
            refuse("digests of digests are nested too deep to be used beside a secret")
        })?;
        derive(keys, origin.function, &origin.arguments)
    }
}

impl Argument {
    fn new(value: &Dynamic, keys: &Keys) -> Fallible<Self> {
        if let Some(secret) = value.read_lock::<SecretText>() {
            return Ok(Self::Handle(secret.0.clone()));
        }
        if let Some(digest) = value.read_lock::<Digest>() {
            return Ok(Self::Digest(digest.clone()));
        }
        if value.is_unit() {
            return Err(refuse("a function over text was given nothing (`()`)"));
        }
        let is_data = value.is_array() || value.is_map();
        let text = if is_data { json::to_json(value.clone())? } else { print::text(value) };
        work(text.len())?;
        match keys.ask(Question::Holds(&text)) {
            Reply::No => Ok(Self::Text(text)),
            Reply::Yes => Ok(Self::Handle(text)),
            reply => Err(unanswered(reply)),
        }
    }

    fn to_bytes(&self) -> Bytes {
        match self {
            Self::Text(text) | Self::Handle(text) => Bytes::text(text.as_str()),
            Self::Digest(digest) => Bytes::Digest(digest.bytes.clone()),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Text(_) | Self::Handle(_) => 0,
            Self::Digest(digest) => {
                digest.origin.as_ref().map_or(usize::MAX, |origin| origin.depth)
            }
        }
    }
}

/// Returns what `vault.NAME` is.
pub(super) fn get(name: &str) -> Fallible<Dynamic> {
    look_up(name)?.ok_or_else(|| {
        refuse_quoting(format!(
            "secret `{name}` is missing; set it with `blueprint vault set {name}`"
        ))
    })
}

/// Returns what `vault.get(NAME)` is, and `otherwise` where there is none.
pub(super) fn get_or(name: &str, otherwise: Dynamic) -> Fallible<Dynamic> {
    Ok(look_up(name)?.unwrap_or(otherwise))
}

fn look_up(name: &str) -> Fallible<Option<Dynamic>> {
    if name.len() > 128 {
        return Err(refuse("the name of a secret has at most 128 characters"));
    }
    match with_keys(|keys| Ok(keys.ask(Question::Name(name))))? {
        Reply::Value(value) => {
            note_reveal();
            Ok(Some(ImmutableString::from(value.as_str()).into()))
        }
        Reply::Handle(token) => Ok(Some(Dynamic::from(SecretText(token.into())))),
        Reply::Missing => Ok(None),
        Reply::Unknown => Err(unnamed(name)),
        reply => Err(unanswered(reply)),
    }
}

/// Returns the error of a question that has no answer.
fn unanswered(reply: Reply) -> Box<EvalAltResult> {
    match reply {
        Reply::TooMuch => {
            guard::stop(Stop::Memory);
            stopped(Stop::Memory)
        }
        Reply::Refused(why) => refuse_quoting(why),
        Reply::Handle(_)
        | Reply::Value(_)
        | Reply::Missing
        | Reply::Unknown
        | Reply::Yes
        | Reply::No => refuse("secrets cannot be used here"),
    }
}

fn unnamed(name: &str) -> Box<EvalAltResult> {
    refuse_quoting(format!(
        "this block may not use secret `{name}`: write it as `vault.{name}`, or list it under \
         `secrets:` of the block"
    ))
}

/// Applies a function over secrets: a new handle where a secret goes in, the result at once where
/// none does.
pub(super) fn apply(derivation: &Derivation, values: &[&mut Dynamic]) -> Fallible<Dynamic> {
    with_keys(|keys| {
        let arguments = values
            .iter()
            .map(|value| Argument::new(value, keys))
            .collect::<Fallible<Vec<Argument>>>()?;
        let holds_secret = arguments.iter().any(|argument| matches!(argument, Argument::Handle(_)));
        if holds_secret {
            let token = derive(keys, derivation.name, &arguments)?;
            return Ok(Dynamic::from(SecretText(token.into())));
        }
        compute(derivation, arguments)
    })
}

fn compute(derivation: &Derivation, arguments: Vec<Argument>) -> Fallible<Dynamic> {
    let bytes: Vec<Bytes> = arguments.iter().map(Argument::to_bytes).collect();
    let size = bytes.iter().map(|bytes| bytes.as_bytes().len()).sum::<usize>();
    if size > MAX_PLAIN {
        return Err(refuse(format!("`{}` takes at most {MAX_PLAIN} bytes", derivation.name)));
    }
    // Percent-encoding makes three characters of one, and no function makes more.
    room(size.saturating_mul(4))?;
    let result = (derivation.compute)(&bytes)
        .map_err(|message| refuse(format!("`{}` failed: {message}", derivation.name)))?;
    Ok(match result {
        Bytes::Text(text) => ImmutableString::from(text.as_str()).into(),
        Bytes::Digest(bytes) => {
            let depth = arguments.iter().map(Argument::depth).max().unwrap_or(0);
            let origin = (depth < MAX_ORIGIN_DEPTH).then(|| {
                Arc::new(Origin { function: derivation.name, arguments, depth: depth + 1 })
            });
            Dynamic::from(Digest { bytes, origin })
        }
    })
}

fn derive(keys: &Keys, function: &'static str, arguments: &[Argument]) -> Fallible<String> {
    let mut texts = Vec::with_capacity(arguments.len());
    for argument in arguments {
        texts.push(match argument {
            Argument::Text(text) | Argument::Handle(text) => {
                room(text.len())?;
                text.to_string()
            }
            Argument::Digest(digest) => digest.token(keys)?,
        });
    }
    match keys.ask(Question::Derive { function, arguments: texts }) {
        Reply::Handle(token) => Ok(token),
        Reply::Unknown => Err(refuse(format!("`{function}` cannot be used on a secret here"))),
        reply => Err(unanswered(reply)),
    }
}

/// Returns the error of whatever would look at a secret.
pub(super) fn opaque(what: &str) -> Box<EvalAltResult> {
    refuse(format!(
        "{what} a secret: a script holds only its handle, which becomes the value where it \
         leaves; join it to text, use functions such as `base64(vault.KEY)`, or list the key under \
         `reveal:` of the block"
    ))
}
