//! The pages of faults, as in `docs/errors.md`.

/// The document, one section per code.
pub const DOCUMENT: &str = include_str!("../../../../docs/errors.md");

/// Returns the page of a code without its markup: title, then text.
pub fn page(code: &str) -> Option<String> {
    section(DOCUMENT, code).map(plain)
}

/// Returns the title of a code's page.
pub fn title(code: &str) -> Option<&'static str> {
    section(DOCUMENT, code)?.lines().next()?.strip_prefix(code).map(str::trim)
}

/// Returns the section of a document whose heading begins with `code`, heading included, without
/// the sign of the heading.
pub fn section<'d>(document: &'d str, code: &str) -> Option<&'d str> {
    sections(document).find(|section| section.split_whitespace().next() == Some(code))
}

fn sections(document: &str) -> impl Iterator<Item = &str> {
    document.split("\n## ").skip(1).map(|section| section.split("\n# ").next().unwrap_or("").trim())
}

/// Takes out the fences of examples and indents what is inside.
fn plain(section: &str) -> String {
    let mut page = String::new();
    let mut is_example = false;
    for line in section.lines() {
        if line.starts_with("```") {
            is_example = !is_example;
            continue;
        }
        if is_example && !line.is_empty() {
            page.push_str("    ");
        }
        page.push_str(line);
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use blueprint_model::code;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let codes: Vec<&str> = code::ALL.iter().map(|code| code.as_str()).collect();
        let pages: Vec<&str> = sections(DOCUMENT).filter_map(|s| s.split(' ').next()).collect();
        assert_eq!(codes, pages);
    }

    #[test]
    fn pages_are_short_and_have_an_example() {
        for section in sections(DOCUMENT) {
            let title = section.lines().next().unwrap();
            let lines = section.lines().filter(|line| !line.trim().is_empty()).count();
            assert!((5..=22).contains(&lines), "{title}: {lines} lines");
            assert!(section.matches("```").count() == 2, "{title}: one example");
            assert!(section.lines().all(|line| line.chars().count() <= 100), "{title}: long line");
            assert!(title.len() < 80 && !title.ends_with('.'), "{title}");
        }
    }

    #[test]
    fn sections_end_where_the_next_begins() {
        let document =
            "# Faults\n\n## BP0001 one\n\na\n```yaml\nb: 1\n```\n\n# Part\n\n## BP0002 two\n";
        assert_eq!(section(document, "BP0001").map(plain).unwrap(), "BP0001 one\n\na\n    b: 1\n");
        assert_eq!(section(document, "BP0002"), Some("BP0002 two"));
        assert_eq!(section(document, "BP000"), None);
    }
}
