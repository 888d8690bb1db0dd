//! The layout of a blueprint, made as it should be: quotes where a reference needs them, and nothing
//! else. Order, comments, blanks and line ends stay as they are.

use crate::{
    fix,
    yaml::{self, Repair},
};

/// The most times that a text is gone over: one mend may show the next fault.
const MAX_ROUNDS: usize = 8;

/// Returns the text with quotes around the references that YAML forbids without.
///
/// What it means does not change, and doing it again changes nothing. `None` where the text has
/// faults that cannot be mended so.
pub fn normalise(text: &str) -> Option<String> {
    let before = yaml::load(text, Repair::References).root?.to_value();
    let mut normal = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let document = yaml::load(&normal, Repair::References);
        let mended = fix::apply_fixes(&normal, &document.faults);
        if mended == normal {
            break;
        }
        normal = mended;
    }
    let after = yaml::load(&normal, Repair::Nothing);
    let is_same = after.root.is_some_and(|root| root.to_value() == before);
    is_same.then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse, rng::Rng};

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let normal = normalise(text);
        assert_eq!(normal.as_deref(), expected);
        if let Some(normal) = normal {
            assert_eq!(normalise(&normal).as_deref(), Some(normal.as_str()), "again");
        }
    }

    #[test]
    fn references_get_quotes_and_all_else_stays() {
        check(
            "a: @{x}  # why\r\nb:   [ 1,2 ] \n\n\nc: \"@{y}\"\n",
            Some("a: '@{x}'  # why\r\nb:   [ 1,2 ] \n\n\nc: \"@{y}\"\n"),
        );
        check("a: [@<x>, b]\n", Some("a: ['@<x>', b]\n"));
        check("a: 1\nb: {c: d @<e> f}", Some("a: 1\nb: {c: d @<e> f}"));
        check("", Some(""));
        check("a: [", None);
        check("a: @{x\n", None);
    }

    /// What a blueprint says, without the places where it says it.
    fn meaning(text: &str) -> String {
        let (blueprint, _) = parse("x.yaml", text);
        let ids: Vec<_> = blueprint.graph.nodes.keys().collect();
        let value = yaml::load(text, Repair::References).root.map(|root| root.to_value());
        format!("{ids:?} {value:?}")
    }

    #[test]
    fn meaning_stays_whatever_the_text() {
        let parts = [
            "a",
            ": ",
            "@{x}",
            "@<y>",
            "\n",
            "  ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "\"",
            "'",
            "#",
            "|\n",
            ", ",
            "@{z ?? \"q\"}",
            "b: 1\n",
            "name: x\n",
            "\\",
        ];
        let mut rng = Rng::new(7);
        let mut changed = 0;
        for _ in 0..4_000 {
            let text: String = (0..1 + rng.below(12)).map(|_| rng.pick(&parts)).collect();
            let Some(normal) = normalise(&text) else { continue };
            assert_eq!(meaning(&normal), meaning(&text), "{text:?} became {normal:?}");
            assert_eq!(normalise(&normal).as_deref(), Some(normal.as_str()), "{text:?}");
            changed += usize::from(normal != text);
        }
        assert!(changed > 20, "{changed}");
    }
}
