//! Functions over secrets for tests: simple enough to check by eye. The workers have the same.

use blueprint_model::secret::{Bytes, Derivation};
use zeroize::Zeroizing;

/// All of them.
pub(crate) static DERIVATIONS: &[Derivation] = &[
    Derivation { name: "upper", arity: 1, compute: upper, summary: "upper case" },
    Derivation { name: "hex", arity: 1, compute: hex, summary: "hexadecimal" },
    Derivation { name: "mirror", arity: 1, compute: mirror, summary: "a digest: bytes reversed" },
    Derivation { name: "pair", arity: 2, compute: pair, summary: "joins with a colon" },
    Derivation { name: "broken", arity: 1, compute: broken, summary: "fails" },
];

fn upper(arguments: &[Bytes]) -> Result<Bytes, String> {
    Ok(Bytes::text(arguments[0].to_text().to_uppercase()))
}

fn hex(arguments: &[Bytes]) -> Result<Bytes, String> {
    let digits = Bytes::Digest(Zeroizing::new(arguments[0].as_bytes().to_vec())).to_text();
    Ok(Bytes::text(digits.as_str()))
}

fn mirror(arguments: &[Bytes]) -> Result<Bytes, String> {
    Ok(Bytes::Digest(Zeroizing::new(arguments[0].as_bytes().iter().rev().copied().collect())))
}

fn pair(arguments: &[Bytes]) -> Result<Bytes, String> {
    Ok(Bytes::text(format!("{}:{}", *arguments[0].to_text(), *arguments[1].to_text())))
}

fn broken(_arguments: &[Bytes]) -> Result<Bytes, String> {
    Err("it never works".into())
}
