//! Blueprint text to document and back: places, hints, the reference grammar, JSON Schema.
//!
//! Text goes through two readings. The first makes a tree with the place of every part, within
//! bounds that hold before anything is built, and mends what beginners write (an unquoted
//! reference). The second walks the tree key by key and collects every fault. Nothing here stops at
//! the first fault, panics on any input, or needs to know the types of blocks.

mod decode;
mod edit;
mod fix;
mod json_schema;
mod normalise;
mod plain;
mod read;
#[cfg(test)]
mod rng;
mod template;
mod yaml;

pub use crate::{
    decode::decode,
    edit::{Step, set_value},
    fix::apply_fixes,
    json_schema::schema,
    normalise::normalise,
    plain::{fields_of, read, value_of, yaml_of},
    read::parse,
    template::parse_template,
    yaml::MAX_BYTES,
};
