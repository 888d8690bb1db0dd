//! The sources of this workspace, as files.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the folder of the workspace.
///
/// # Panics
///
/// Panics if this package has no parent folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around").into()
}

/// Returns the folder of the suite, as seen from this package, where tests run: traces name files,
/// and must be the same on every machine.
pub fn suite() -> PathBuf {
    "suite".into()
}

/// Returns the folder of the example blueprints, as seen from this package.
pub fn examples() -> PathBuf {
    "../blueprints".into()
}

/// Returns every file below a folder whose name ends so, sorted.
///
/// # Panics
///
/// Panics if a folder cannot be read.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut work = vec![folder.to_owned()];
    while let Some(folder) = work.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry of a folder").path();
            if path.is_dir() {
                work.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns a path as seen from the workspace, with `/`.
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Returns the text of a file.
///
/// # Panics
///
/// Panics if there is none.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", relative(path)))
}
