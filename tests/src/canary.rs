//! Secrets for tests that search for them: random, and full of characters that encoders change.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

use crate::random::Random;

/// A secret with a name.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The key in the vault.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// Makes canaries. Their seed is new each time; a failure prints it.
#[derive(Debug)]
pub struct Canaries {
    /// What they come from.
    pub seed: u64,
    random: Random,
}

impl Canaries {
    /// Returns canaries that nobody has seen before.
    pub fn fresh() -> Self {
        Self::of(RandomState::new().build_hasher().finish())
    }

    /// Returns the canaries of a seed.
    pub fn of(seed: u64) -> Self {
        Self { seed, random: Random::new(seed) }
    }

    /// Returns a value of two lines with quotes, `<`, `&`, `%`, `+`, `/`, `\` and a letter that is
    /// not ASCII.
    pub fn wild(&mut self, name: &'static str) -> Canary {
        let [a, b, c] = self.words();
        Canary { name, value: format!("{a}\"<&{b}%+/\\'é?\n{c}=") }
    }

    /// Returns a value of one line, fit for a header, with the other characters.
    pub fn line(&mut self, name: &'static str) -> Canary {
        let [a, b, c] = self.words();
        Canary { name, value: format!("{a}\"<&{b}%+/\\'é?{c}=") }
    }

    /// Returns a value like most keys: letters and digits.
    pub fn plain(&mut self, name: &'static str) -> Canary {
        Canary { name, value: self.words().concat() }
    }

    /// Letters and digits, twelve a word, which no other word shares.
    fn words(&mut self) -> [String; 3] {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let random = &mut self.random;
        [(); 3].map(|()| (0..12).map(|_| char::from(*random.pick(LETTERS))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_all_that_encoders_change() {
        let mut canaries = Canaries::fresh();
        let wild = canaries.wild("KEY").value;
        let line = canaries.line("KEY").value;
        for c in "\"'<&%+/\\é".chars() {
            assert!(wild.contains(c) && line.contains(c), "{c}");
        }
        assert!(wild.contains('\n') && !line.contains('\n'));
        assert!(blueprint_vault::weakness(&wild).is_none());
    }

    #[test]
    fn they_are_new_each_time_and_the_same_for_a_seed() {
        assert_ne!(Canaries::fresh().wild("KEY").value, Canaries::fresh().wild("KEY").value);
        assert_eq!(Canaries::of(7).wild("KEY").value, Canaries::of(7).wild("KEY").value);
    }
}
