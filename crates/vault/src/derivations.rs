//! The functions over secrets: what scripts and templates can compute without seeing a value.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use blueprint_model::secret::{Bytes, Derivation};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::crypto;

/// Returns the functions over secrets, each under the name that scripts call it by.
pub fn derivations() -> &'static [Derivation] {
    DERIVATIONS
}

const DERIVATIONS: &[Derivation] = &[
    Derivation {
        name: "basic_auth",
        arity: 2,
        compute: |of| basic_auth(&of[0], &of[1]),
        summary: "`basic_auth(user, password)`: the value of an `Authorization` header",
    },
    Derivation {
        name: "base64",
        arity: 1,
        compute: |of| Ok(Bytes::text(STANDARD.encode(of[0].as_bytes()))),
        summary: "`base64(x)`: base64 with `+`, `/` and padding",
    },
    Derivation {
        name: "base64_url",
        arity: 1,
        compute: |of| Ok(Bytes::text(URL_SAFE_NO_PAD.encode(of[0].as_bytes()))),
        summary: "`base64_url(x)`: base64 with `-` and `_`, without padding",
    },
    Derivation {
        name: "base64_decode",
        arity: 1,
        compute: |of| base64_decode(&of[0]),
        summary: "`base64_decode(x)`: the bytes of a key that is kept as base64, for `hmac_sha256`",
    },
    Derivation {
        name: "hex",
        arity: 1,
        compute: |of| Ok(Bytes::Digest(Zeroizing::new(of[0].as_bytes().to_vec()))),
        summary: "`hex(x)`: small hexadecimal digits",
    },
    Derivation {
        name: "sha256",
        arity: 1,
        compute: |of| Ok(digest(Sha256::digest(of[0].as_bytes()))),
        summary: "`sha256(x)`: a digest, hexadecimal in texts, bytes inside `base64` and `hmac_sha256`",
    },
    Derivation {
        name: "sha512",
        arity: 1,
        compute: |of| Ok(digest(Sha512::digest(of[0].as_bytes()))),
        summary: "`sha512(x)`: a digest, as with `sha256`",
    },
    Derivation {
        name: "hmac_sha256",
        arity: 2,
        compute: |of| Ok(digest(crypto::hmac_sha256(of[0].as_bytes(), of[1].as_bytes()))),
        summary: "`hmac_sha256(key, data)`: a signature, a digest as with `sha256`",
    },
    Derivation {
        name: "hmac_sha512",
        arity: 2,
        compute: |of| Ok(hmac_sha512(&of[0], &of[1])),
        summary: "`hmac_sha512(key, data)`: a signature, a digest as with `sha256`",
    },
    Derivation {
        name: "jwt_hs256",
        arity: 2,
        compute: |of| jwt_hs256(&of[0], &of[1]),
        summary: "`jwt_hs256(claims, key)`: a signed token; the claims are the JSON text of an object",
    },
    Derivation {
        name: "url_encode",
        arity: 1,
        compute: |of| Ok(url_encode(&of[0])),
        summary: "`url_encode(x)`: percent-encoding of all but letters, digits, `-`, `.`, `_`, `~`",
    },
    Derivation {
        name: "json_escape",
        arity: 1,
        compute: |of| json_escape(&of[0]),
        summary: "`json_escape(x)`: as it stands between the quotes of a JSON text",
    },
    Derivation {
        name: "upper",
        arity: 1,
        compute: |of| Ok(Bytes::text(of[0].to_text().to_uppercase())),
        summary: "`upper(x)`: in capital letters",
    },
    Derivation {
        name: "lower",
        arity: 1,
        compute: |of| Ok(Bytes::text(of[0].to_text().to_lowercase())),
        summary: "`lower(x)`: in small letters",
    },
    Derivation {
        name: "trim",
        arity: 1,
        compute: |of| Ok(Bytes::text(of[0].to_text().trim())),
        summary: "`trim(x)`: without white space at its ends",
    },
];

fn digest(bytes: impl AsRef<[u8]>) -> Bytes {
    Bytes::Digest(Zeroizing::new(bytes.as_ref().to_vec()))
}

fn basic_auth(user: &Bytes, password: &Bytes) -> Result<Bytes, String> {
    let (user, password) = (user.to_text(), password.to_text());
    if user.contains(':') {
        return Err("a user name with `:` in it cannot be sent this way".into());
    }
    let pair = Zeroizing::new([user.as_str(), ":", &password].concat());
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Ok(Bytes::text(["Basic ", &encoded].concat()))
}

fn base64_decode(of: &Bytes) -> Result<Bytes, String> {
    let text = of.to_text();
    let bare = text.trim().trim_end_matches('=');
    let plain = Zeroizing::new(bare.replace('+', "-").replace('/', "_"));
    match URL_SAFE_NO_PAD.decode(plain.as_bytes()) {
        Ok(bytes) => Ok(Bytes::Digest(Zeroizing::new(bytes))),
        Err(_) => Err("the value is not base64".into()),
    }
}

fn hmac_sha512(key: &Bytes, data: &Bytes) -> Bytes {
    let mut mac = <Hmac<Sha512> as hmac::KeyInit>::new_from_slice(key.as_bytes())
        .expect("HMAC takes keys of every length");
    mac.update(data.as_bytes());
    digest(mac.finalize().into_bytes())
}

fn jwt_hs256(claims: &Bytes, key: &Bytes) -> Result<Bytes, String> {
    let claims = claims.to_text();
    if !serde_json::from_str::<serde_json::Value>(&claims).is_ok_and(|claims| claims.is_object()) {
        return Err("the claims are not the JSON text of an object".into());
    }
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let body = Zeroizing::new(URL_SAFE_NO_PAD.encode(claims.as_bytes()));
    let signed = Zeroizing::new([head.as_str(), ".", &body].concat());
    let signature = crypto::hmac_sha256(key.as_bytes(), signed.as_bytes());
    Ok(Bytes::text([signed.as_str(), ".", &URL_SAFE_NO_PAD.encode(signature)].concat()))
}

fn url_encode(of: &Bytes) -> Bytes {
    let text = of.to_text();
    // Three characters a byte at most: the text never grows, so no copy is left behind.
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
            continue;
        }
        encoded.push('%');
        for nibble in [byte >> 4, byte & 15] {
            let digit = char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16");
            encoded.push(digit.to_ascii_uppercase());
        }
    }
    Bytes::text(encoded)
}

fn json_escape(of: &Bytes) -> Result<Bytes, String> {
    match serde_json::to_string(of.to_text().as_str()).map(Zeroizing::new) {
        Ok(quoted) => Ok(Bytes::text(&quoted[1..quoted.len() - 1])),
        Err(_) => Err("the value cannot stand in JSON".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(name: &str, arguments: &[Bytes]) -> Result<Bytes, String> {
        let derivation = DERIVATIONS.iter().find(|derivation| derivation.name == name).unwrap();
        assert_eq!(derivation.arity, arguments.len());
        (derivation.compute)(arguments)
    }

    #[track_caller]
    fn check(name: &str, arguments: &[&str], expected: Result<&str, &str>) {
        let arguments: Vec<Bytes> = arguments.iter().map(|text| Bytes::text(*text)).collect();
        let result = compute(name, &arguments);
        let result = result.as_ref().map(|bytes| bytes.to_text().to_string());
        assert_eq!(result, expected.map(str::to_owned).map_err(str::to_owned).as_ref().cloned());
    }

    #[test]
    fn names_are_unique_and_explained() {
        for (n, derivation) in DERIVATIONS.iter().enumerate() {
            assert!(!DERIVATIONS[..n].iter().any(|earlier| earlier.name == derivation.name));
            assert!(derivation.summary.starts_with(&format!("`{}(", derivation.name)));
        }
    }

    #[test]
    fn encodings_are_the_usual_ones() {
        check("basic_auth", &["Aladdin", "open sesame"], Ok("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        check(
            "basic_auth",
            &["a:b", "c"],
            Err("a user name with `:` in it cannot be sent this way"),
        );
        check("base64", &["a?>b~"], Ok("YT8+Yn4="));
        check("base64_url", &["a?>b~"], Ok("YT8-Yn4"));
        check("hex", &["Az\n"], Ok("417a0a"));
        check("url_encode", &["a b/ü~-._"], Ok("a%20b%2F%C3%BC~-._"));
        check("json_escape", &["\"a\\\n"], Ok("\\\"a\\\\\\n"));
        check("upper", &["straße"], Ok("STRASSE"));
        check("lower", &["ÄB"], Ok("äb"));
        check("trim", &[" a b\n"], Ok("a b"));
        check("base64_decode", &["YT8+Yn4="], Ok("613f3e627e"));
        check("base64_decode", &["YT8-Yn4"], Ok("613f3e627e"));
        check("base64_decode", &["not base64!"], Err("the value is not base64"));
    }

    #[test]
    fn digests_and_signatures_are_the_usual_ones() {
        check("sha256", &["abc"], {
            Ok("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        });
        check("hmac_sha256", &["Jefe", "what do ya want for nothing?"], {
            Ok("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        });
        check("hmac_sha512", &["Jefe", "what do ya want for nothing?"], {
            Ok("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
        });
        // The example of jwt.io.
        let claims = r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#;
        check("jwt_hs256", &[claims, "your-256-bit-secret"], {
            Ok("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
                SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c")
        });
        check("jwt_hs256", &["[1]", "k"], Err("the claims are not the JSON text of an object"));
    }

    #[test]
    fn a_digest_keeps_its_bytes_inside_other_functions() {
        let inner = compute("sha256", &[Bytes::text("abc")]).unwrap();
        let outer = compute("base64", &[inner]).unwrap();
        assert_eq!(outer.to_text().as_str(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
