//! Large values: kept once under the hash of what they are, and checked against it.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::sqlite::live::Blob;

/// Adds bytes to those that are to be kept, and returns their name.
pub(super) fn put(blobs: &mut Vec<Blob>, bytes: Vec<u8>) -> String {
    let hash = hash(&bytes);
    blobs.push(Blob { hash, bytes });
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the bytes with this name.
pub(super) fn fetch(connection: &Connection, name: &str) -> Result<Vec<u8>, String> {
    let hash = parse(name).ok_or_else(|| format!("`{name}` is no name of a value"))?;
    let bytes: Option<Vec<u8>> = connection
        .query_row("SELECT bytes FROM blobs WHERE hash = ?1", [hash], |row| row.get(0))
        .optional()
        .map_err(|err| err.to_string())?;
    match bytes {
        Some(bytes) if self::hash(&bytes) == hash => Ok(bytes),
        Some(_) => Err(format!("value {name} is not what was written")),
        None => Err(format!("value {name} is gone")),
    }
}

pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn parse(name: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if name.len() != 64 {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(name.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}
