//! The codes of faults: each has a page in `docs/errors.md`, shown by `blueprint explain`.

use std::fmt;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(&'static str);

impl Code {
    /// Returns the code as people see it, as in `BP0301`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The file is not valid YAML.
pub const NOT_YAML: Code = Code("BP0100");
/// A value that begins with a reference is not quoted.
pub const UNQUOTED_REFERENCE: Code = Code("BP0101");
/// A reference inside `{ }` or `[ ]` is not quoted.
pub const REFERENCE_IN_FLOW: Code = Code("BP0102");
/// A comment sign cuts a reference off.
pub const REFERENCE_CUT: Code = Code("BP0103");
/// A reference is not closed.
pub const REFERENCE_OPEN: Code = Code("BP0104");
/// A tab indents a line.
pub const TAB: Code = Code("BP0105");
/// A key is there twice.
pub const DUPLICATE_KEY: Code = Code("BP0106");
/// `\@` stands in double quotes.
pub const ESCAPE_IN_QUOTES: Code = Code("BP0107");
/// The file is not UTF-8 text.
pub const NOT_UTF8: Code = Code("BP0108");
/// The file is beyond a bound of the reader.
pub const TOO_LARGE: Code = Code("BP0109");
/// A reference is malformed.
pub const BAD_REFERENCE: Code = Code("BP0110");
/// The file is no blueprint.
pub const NOT_A_BLUEPRINT: Code = Code("BP0201");
/// A blueprint has no name, or a malformed one.
pub const BAD_NAME: Code = Code("BP0202");
/// A key is not known here.
pub const UNKNOWN_KEY: Code = Code("BP0203");
/// A block type is not known.
pub const UNKNOWN_TYPE: Code = Code("BP0204");
/// A block has no type.
pub const MISSING_TYPE: Code = Code("BP0205");
/// A block type has no such field.
pub const UNKNOWN_FIELD: Code = Code("BP0206");
/// A field is missing.
pub const MISSING_FIELD: Code = Code("BP0207");
/// A value is of the wrong type.
pub const WRONG_TYPE: Code = Code("BP0208");
/// A block's id is malformed.
pub const BAD_ID: Code = Code("BP0209");
/// A value is not among those allowed.
pub const BAD_VALUE: Code = Code("BP0210");
/// A schema is malformed.
pub const BAD_SCHEMA: Code = Code("BP0211");
/// A reference stands in code.
pub const REFERENCE_IN_CODE: Code = Code("BP0212");
/// A script cannot be compiled.
pub const SCRIPT_SYNTAX: Code = Code("BP0213");
/// A script uses an unknown variable.
pub const UNKNOWN_VARIABLE: Code = Code("BP0214");
/// A script language is not known.
pub const UNKNOWN_LANGUAGE: Code = Code("BP0215");
/// A trigger is malformed.
pub const BAD_TRIGGER: Code = Code("BP0216");
/// The format version is not known.
pub const BAD_VERSION: Code = Code("BP0217");
/// An edge leads to no block.
pub const UNKNOWN_TARGET: Code = Code("BP0301");
/// A block has no such outcome.
pub const UNKNOWN_OUTCOME: Code = Code("BP0302");
/// Blocks wait for each other in a circle.
pub const CYCLE: Code = Code("BP0303");
/// A block can never run.
pub const NEVER_RUNS: Code = Code("BP0304");
/// An edge crosses the border of a body.
pub const BORDER: Code = Code("BP0305");
/// A loop has no body.
pub const MISSING_BODY: Code = Code("BP0306");
/// An edge is there twice.
pub const DUPLICATE_EDGE: Code = Code("BP0307");
/// Two returns can race.
pub const RACING_RETURNS: Code = Code("BP0308");
/// There are no blocks.
pub const NO_BLOCKS: Code = Code("BP0309");
/// Graphs are nested too deep.
pub const TOO_DEEP: Code = Code("BP0310");
/// A reference begins with an unknown name.
pub const UNKNOWN_ROOT: Code = Code("BP0401");
/// A reference names an input that is not declared.
pub const UNKNOWN_INPUT: Code = Code("BP0402");
/// A reference names no earlier block.
pub const UNKNOWN_RESULT: Code = Code("BP0403");
/// A block is not sure to have run before its result is read.
pub const UNSURE_RESULT: Code = Code("BP0404");
/// `result` could mean several blocks.
pub const AMBIGUOUS_RESULT: Code = Code("BP0405");
/// Nothing leads here, so there is no `result`.
pub const NO_RESULT: Code = Code("BP0406");
/// A secret is used that `secrets` does not list.
pub const UNDECLARED_SECRET: Code = Code("BP0407");
/// A secret would go to a host that is not allowed.
pub const HOST_NOT_ALLOWED: Code = Code("BP0409");
/// The name of a secret is computed.
pub const COMPUTED_SECRET: Code = Code("BP0410");
/// A reference names state that nothing sets.
pub const UNDECLARED_STATE: Code = Code("BP0411");
/// A process variable is not listed in the project.
pub const UNLISTED_VARIABLE: Code = Code("BP0412");
/// A called blueprint does not exist.
pub const UNKNOWN_BLUEPRINT: Code = Code("BP0413");
/// Blueprints call each other in a circle.
pub const RECURSION: Code = Code("BP0414");
/// Two blueprints have the same name.
pub const DUPLICATE_BLUEPRINT: Code = Code("BP0415");
/// A declared secret is not used.
pub const UNUSED_SECRET: Code = Code("BP0416");
/// A secret without a host list goes to a computed host.
pub const COMPUTED_HOST: Code = Code("BP0418");
/// A block failed and nothing handled it.
pub const BLOCK_FAILED: Code = Code("BP0501");
/// A reference led nowhere.
pub const REFERENCE_EMPTY: Code = Code("BP0502");
/// A script failed.
pub const SCRIPT_FAILED: Code = Code("BP0503");
/// A deadline passed.
pub const TIMED_OUT: Code = Code("BP0504");
/// A bound was reached.
pub const LIMIT: Code = Code("BP0505");
/// The inputs of a run are wrong.
pub const BAD_INPUTS: Code = Code("BP0507");
/// There is no such run.
pub const NO_RUN: Code = Code("BP0508");
/// Somebody else works on a run.
pub const RUN_TAKEN: Code = Code("BP0509");
/// A run with this key was given something else.
pub const KEY_CONFLICT: Code = Code("BP0510");
/// There is no vault yet.
pub const NO_VAULT: Code = Code("BP0601");
/// The vault cannot be opened.
pub const VAULT_LOCKED: Code = Code("BP0602");
/// The vault file is damaged.
pub const VAULT_DAMAGED: Code = Code("BP0603");
/// Secrets that a run needs are not in the vault.
pub const SECRETS_MISSING: Code = Code("BP0604");
/// A value is too short or too plain to protect.
pub const WEAK_SECRET: Code = Code("BP0605");
/// A secret's value was given as an argument.
pub const SECRET_IN_ARGUMENT: Code = Code("BP0606");
/// A request to the server brings no token that it knows.
pub const NO_TOKEN: Code = Code("BP0701");
/// A token does not allow what was asked for.
pub const NOT_ALLOWED: Code = Code("BP0702");
/// The server was asked by a name that is not its own.
pub const OTHER_HOST: Code = Code("BP0703");
/// A page of another site sent something.
pub const CROSS_SITE: Code = Code("BP0704");
/// Somebody does something too often.
pub const TOO_OFTEN: Code = Code("BP0705");
/// `project.yaml` is wrong.
pub const BAD_PROJECT: Code = Code("BP0801");
/// A file was not found.
pub const NO_FILE: Code = Code("BP0802");
/// A file cannot be read.
pub const UNREADABLE: Code = Code("BP0803");
/// The run store cannot be written.
pub const STORE_WRITE: Code = Code("BP0804");
/// The run store is damaged, or of a newer version.
pub const STORE_READ: Code = Code("BP0805");

/// Every code, in order.
pub const ALL: &[Code] = &[
    NOT_YAML,
    UNQUOTED_REFERENCE,
    REFERENCE_IN_FLOW,
    REFERENCE_CUT,
    REFERENCE_OPEN,
    TAB,
    DUPLICATE_KEY,
    ESCAPE_IN_QUOTES,
    NOT_UTF8,
    TOO_LARGE,
    BAD_REFERENCE,
    NOT_A_BLUEPRINT,
    BAD_NAME,
    UNKNOWN_KEY,
    UNKNOWN_TYPE,
    MISSING_TYPE,
    UNKNOWN_FIELD,
    MISSING_FIELD,
    WRONG_TYPE,
    BAD_ID,
    BAD_VALUE,
    BAD_SCHEMA,
    REFERENCE_IN_CODE,
    SCRIPT_SYNTAX,
    UNKNOWN_VARIABLE,
    UNKNOWN_LANGUAGE,
    BAD_TRIGGER,
    BAD_VERSION,
    UNKNOWN_TARGET,
    UNKNOWN_OUTCOME,
    CYCLE,
    NEVER_RUNS,
    BORDER,
    MISSING_BODY,
    DUPLICATE_EDGE,
    RACING_RETURNS,
    NO_BLOCKS,
    TOO_DEEP,
    UNKNOWN_ROOT,
    UNKNOWN_INPUT,
    UNKNOWN_RESULT,
    UNSURE_RESULT,
    AMBIGUOUS_RESULT,
    NO_RESULT,
    UNDECLARED_SECRET,
    HOST_NOT_ALLOWED,
    COMPUTED_SECRET,
    UNDECLARED_STATE,
    UNLISTED_VARIABLE,
    UNKNOWN_BLUEPRINT,
    RECURSION,
    DUPLICATE_BLUEPRINT,
    UNUSED_SECRET,
    COMPUTED_HOST,
    BLOCK_FAILED,
    REFERENCE_EMPTY,
    SCRIPT_FAILED,
    TIMED_OUT,
    LIMIT,
    BAD_INPUTS,
    NO_RUN,
    RUN_TAKEN,
    KEY_CONFLICT,
    NO_VAULT,
    VAULT_LOCKED,
    VAULT_DAMAGED,
    SECRETS_MISSING,
    WEAK_SECRET,
    SECRET_IN_ARGUMENT,
    NO_TOKEN,
    NOT_ALLOWED,
    OTHER_HOST,
    CROSS_SITE,
    TOO_OFTEN,
    BAD_PROJECT,
    NO_FILE,
    UNREADABLE,
    STORE_WRITE,
    STORE_READ,
];
