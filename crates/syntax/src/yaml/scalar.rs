//! What a plain scalar means: YAML 1.2's core schema, narrowed so that no text is damaged.

use blueprint_model::{Value, value::Number};

/// What a plain scalar is.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar {
    /// `null`, a boolean or a number.
    Value(Value),
    /// Text.
    Text,
    /// `.nan` or `.inf`, which JSON has no value for.
    NotFinite,
}

/// Returns what a plain scalar is.
///
/// A number is what JSON calls one (and `.5`): all else that YAML 1.2 would turn into a number and
/// so change when it is written again stays text. `00501`, `+49123`, `0x1F`, `1_000` and whole
/// numbers beyond 64 bits are codes more often than quantities.
pub(crate) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Value(Value::Null),
        "true" | "True" | "TRUE" => return Scalar::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Scalar::Value(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Scalar::NotFinite,
        _ => {}
    }
    if matches!(text.trim_start_matches(['-', '+']), ".inf" | ".Inf" | ".INF") {
        return Scalar::NotFinite;
    }
    number(text).map_or(Scalar::Text, |number| Scalar::Value(Value::Number(number)))
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    let has_leading_zero = whole > 1 && unsigned.starts_with('0');
    if has_leading_zero || !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if rest.is_empty() {
        return text
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| text.parse::<u64>().map(Number::from))
            .ok();
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let len = digits(fraction);
        if len == 0 {
            return None;
        }
        rest = &fraction[len..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let len = digits(exponent);
        if len == 0 {
            return None;
        }
        rest = &exponent[len..];
    }
    if rest.is_empty() { text.parse().ok().and_then(Number::from_f64) } else { None }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(resolve(text), Scalar::Value(expected), "{text}");
    }

    #[track_caller]
    fn check_text(texts: &[&str]) {
        for text in texts {
            assert_eq!(resolve(text), Scalar::Text, "{text}");
        }
    }

    #[test]
    fn json_numbers_are_numbers() {
        check("0", json!(0));
        check("-12", json!(-12));
        check("18446744073709551615", json!(18_446_744_073_709_551_615_u64));
        check("1.5", json!(1.5));
        check(".5", json!(0.5));
        check("-0.0", json!(-0.0));
        check("1e3", json!(1000.0));
        check("2.5E-3", json!(0.0025));
    }

    #[test]
    fn words_are_the_core_schemas() {
        check("~", json!(null));
        check("", json!(null));
        check("True", json!(true));
        check("FALSE", json!(false));
        check_text(&["no", "yes", "on", "off", "y", "n", "nil", "None", "tRue"]);
    }

    #[test]
    fn what_a_number_would_damage_stays_text() {
        check_text(&["00501", "-01", "00.5", "+4912345", "0x1F", "0o17", "1_000", "1.", "1e"]);
        check_text(&["123456789012345678901234567890", "-9223372036854775809", "1e999", "7e10325"]);
        check_text(&["2026-11-24", "12:30:45", "1.2.3", "-", ".", "--1", "1e+", "e5", "-e5"]);
    }

    #[test]
    fn what_is_not_finite_is_no_value() {
        for text in [".nan", ".NaN", ".inf", "-.inf", "+.INF"] {
            assert_eq!(resolve(text), Scalar::NotFinite, "{text}");
        }
    }
}
