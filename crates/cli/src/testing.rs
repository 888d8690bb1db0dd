//! Tests of blueprints: files of cases, each run with canned answers and held against what is
//! expected of it.

pub mod compare;
pub mod file;
pub mod recorded;
pub mod trial;

pub use self::{
    compare::{Difference, differences},
    file::{Case, Expected, TestFile},
    recorded::case_of,
    trial::{Actual, Subject, run},
};
