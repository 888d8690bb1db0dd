//! Which test files are meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_model::code;
use blueprint_project::{
    failure::Failure,
    project::{Project, tidy},
};

const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];

/// Returns the test files that are meant by some paths: test files, blueprints, folders, or names
/// of blueprints of this project. Without a path, all of this project.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if paths.is_empty() {
        let project = Project::of_folder(Path::new("."))?;
        let folder = project.folder();
        if folder.is_dir() {
            files = in_folder(&folder)?;
        }
    }
    for path in paths {
        if path.is_dir() {
            let own = in_folder(path)?;
            let project = Project::of_folder(path)?.folder();
            files.extend(if own.is_empty() && project.is_dir() {
                in_folder(&project)?
            } else {
                own
            });
        } else {
            files.push(one(path)?);
        }
    }
    if files.is_empty() {
        let failure = Failure::wrong("there are no tests here");
        let hint = "write NAME.test.yaml beside NAME.yaml; blueprint test --help shows the format";
        return Err(failure.help(hint).into());
    }
    Ok(files)
}

/// Returns the blueprint that a test file tests if it does not say.
pub(super) fn blueprint_of(file: &Path) -> PathBuf {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    let yaml = file.with_file_name(format!("{stem}.yaml"));
    let yml = file.with_file_name(format!("{stem}.yml"));
    if !yaml.exists() && yml.exists() { yml } else { yaml }
}

fn one(path: &Path) -> Result<PathBuf> {
    if is_test(path) {
        return if path.is_file() { Ok(path.to_owned()) } else { Err(missing(path)) };
    }
    let blueprint = if path.is_file() {
        path.to_owned()
    } else {
        Project::find(&path.display().to_string(), Path::new("."))?.1
    };
    let test = blueprint.with_extension("test.yaml");
    if test.is_file() { Ok(test) } else { Err(missing(&test)) }
}

fn missing(path: &Path) -> anyhow::Error {
    let failure = Failure::wrong(format!("there is no file `{}`", tidy(path)));
    failure.code(code::NO_FILE).help("blueprint test --help shows the format").into()
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if is_test(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_stands_beside_its_blueprint() {
        assert_eq!(blueprint_of(Path::new("a/hello.test.yaml")), Path::new("a/hello.yaml"));
        assert!(is_test(Path::new("x.test.yml")) && !is_test(Path::new("test.yaml")));
    }
}
