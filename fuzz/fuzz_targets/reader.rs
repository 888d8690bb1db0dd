//! Any bytes as a blueprint: never a panic; every place is in the file; repair and fixes settle.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = blueprint_syntax::decode(data) else { return };
    let (_, diagnostics) = blueprint_syntax::parse("fuzz.yaml", &text);
    for diagnostic in &diagnostics {
        assert!(diagnostic.span.end <= text.len(), "{diagnostic:?}");
        assert!(text.is_char_boundary(diagnostic.span.start), "{diagnostic:?}");
    }
    let fixed = blueprint_syntax::apply_fixes(&text, &diagnostics);
    let (_, again) = blueprint_syntax::parse("fuzz.yaml", &fixed);
    for diagnostic in &again {
        assert!(diagnostic.span.end <= fixed.len(), "{diagnostic:?}");
    }
});
