//! Blueprint text to document and back: places, hints, the reference grammar, JSON Schema.
