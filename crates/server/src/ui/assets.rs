//! What pages are made of besides HTML: in the program, under addresses that change with the content.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

/// A file of the pages.
pub(crate) struct Asset {
    /// Its address.
    pub(crate) href: String,
    file: String,
    mime: &'static str,
    bytes: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One sheet, written in parts.
const STYLES: &str =
    concat!(include_str!("../../assets/style.css"), include_str!("../../assets/pages.css"));
/// One script, written in parts.
const SCRIPTS: &str =
    concat!(include_str!("../../assets/app.js"), include_str!("../../assets/pages.js"));

/// The sheet of all pages.
pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("style", "css", CSS, STYLES.as_bytes()));
/// Sets the theme before anything is drawn.
pub(crate) static THEME: LazyLock<Asset> =
    LazyLock::new(|| asset("theme", "js", JS, include_bytes!("../../assets/theme.js")));
/// What pages do beyond links and forms.
pub(crate) static APP: LazyLock<Asset> =
    LazyLock::new(|| asset("app", "js", JS, SCRIPTS.as_bytes()));
/// The sign in the browser's tab.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("icon", "svg", SVG, include_bytes!("../../assets/icon.svg")));

fn all() -> [&'static Asset; 4] {
    [&STYLE, &THEME, &APP, &ICON]
}

fn asset(name: &str, kind: &str, mime: &'static str, bytes: &'static [u8]) -> Asset {
    let file = format!("{name}.{}.{kind}", &hash(bytes)[..12]);
    Asset { href: format!("/assets/{file}"), file, mime, bytes }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers with a file. Another content has another address, so it is kept for ever.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let Some(asset) = all().into_iter().find(|asset| asset.file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.mime),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_the_content() {
        assert!(STYLE.href.starts_with("/assets/style.") && STYLE.href.ends_with(".css"));
        assert_ne!(asset("a", "js", JS, b"1").href, asset("a", "js", JS, b"2").href);
    }
}
