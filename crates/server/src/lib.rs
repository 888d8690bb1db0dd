//! A project served.
