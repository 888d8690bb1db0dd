//! The graph of a blueprint in a page: in a frame that scrolls, with buttons where there are scripts.

use blueprint_project::drawing::{self, Drawing, Mark, Node};
use maud::{Markup, PreEscaped, html};

/// Shows a drawing with what `mark` says about each block.
pub(super) fn graph(drawing: &Drawing, mark: &dyn Fn(&Node) -> Mark) -> Markup {
    html! {
        div.graph {
            div.graph-tools.js-only role="group" aria-label="Zoom" {
                button.small type="button" data-zoom="out" aria-label="Smaller" { "−" }
                button.small type="button" data-zoom="fit" { "Fit" }
                button.small type="button" data-zoom="one" { "100 %" }
                button.small type="button" data-zoom="in" aria-label="Larger" { "+" }
            }
            div.canvas tabindex="0" role="region" aria-label="Graph" {
                (PreEscaped(drawing::inline(drawing, mark)))
            }
        }
    }
}
