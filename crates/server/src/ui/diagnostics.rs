//! Everything that is wrong: in the blueprint files, and around them.

use std::sync::Arc;

use axum::extract::State;
use blueprint_model::Severity;
use blueprint_project::findings::{self, Finding, Grade};
use maud::{Markup, html};

use crate::{
    access::Visitor,
    catalogue::Entry,
    site::Site,
    tokens::Scope,
    ui::{
        excerpt, parts,
        shell::{self, Fault, Page, Tab},
        vault,
    },
};

/// Most faults of a file that are shown; its own page shows all.
const MAX_FAULTS: usize = 20;

/// Shows the page.
pub(super) async fn page(State(site): State<Arc<Site>>, visitor: Visitor) -> Result<Page, Fault> {
    let snapshot = site.catalogue.now();
    let looked = vault::blocking(&site, |site| {
        let mut found = vec![findings::program()];
        found.extend(findings::of_project(&site.project, &site.environment));
        Ok(found)
    });
    let found = looked.await?;
    let files: Vec<&Entry> =
        snapshot.entries.values().filter(|entry| !entry.diagnostics.is_empty()).collect();
    let count = |severity: Severity| {
        let all = files.iter().flat_map(|entry| &entry.diagnostics);
        all.filter(|it| it.severity == severity).count()
    };
    let counts = [
        (count(Severity::Error), "error", "s-bad"),
        (count(Severity::Warning), "warning", "s-warn"),
        (count(Severity::Hint), "hint", "s-mute"),
    ];
    let body = html! {
        div.head { div.grow {
            h1 { "Diagnostics" }
            p.soft { "What " code { "blueprint check" } " finds in each file as it is now, and what "
                code { "blueprint doctor" } " finds around them." }
        }
            @for (count, word, class) in counts.iter().filter(|(count, ..)| *count > 0) {
                span class={ "state pill " (class) } { (blueprint_project::text::count(*count, word)) }
            }
            @if visitor.may(Scope::Admin) { a.button href="/tokens" { "Tokens" } }
        }
        @if files.is_empty() {
            section.card { (parts::empty("No faults in any blueprint.", None)) }
        }
        @for entry in files { (file(entry)) }
        (around(&found))
    };
    Ok(shell::page(&site, &visitor, Tab::Diagnostics, "Diagnostics", &body))
}

fn file(entry: &Entry) -> Markup {
    let page = format!("/blueprints/{}", parts::segment(&entry.name));
    let more = entry.diagnostics.len().saturating_sub(MAX_FAULTS);
    html! {
        section.card aria-label=(entry.source.file) {
            header {
                h2 { a href=(page) { (entry.name) } " " span.soft.mono { (entry.source.file) } }
                @if entry.is_stale() {
                    @if entry.plan.is_some() {
                        span.state.pill.s-warn { "the version before is in force" }
                    } @else {
                        span.state.pill.s-bad { "does not run" }
                    }
                }
            }
            div.faults {
                @for diagnostic in entry.diagnostics.iter().take(MAX_FAULTS) {
                    (excerpt::fault(&entry.source, diagnostic, Some(&page)))
                }
                @if more > 0 { p { a href=(page) { (more) " more" } } }
            }
        }
    }
}

fn around(found: &[Finding]) -> Markup {
    html! {
        section.card aria-labelledby="around" {
            header { h2 id="around" { "Environment" } }
            div.scroll { table {
                thead { tr { th { "Subject" } th { "State" } th { "Found" } th { "What to do" } } }
                tbody { @for finding in found { tr {
                    th scope="row" { (finding.subject) }
                    td.fit { (grade(finding.grade).text()) }
                    td { (finding.words) }
                    td { @if let Some(hint) = &finding.hint { code { (hint) } } }
                } } }
            } }
        }
    }
}

fn grade(grade: Grade) -> parts::State {
    match grade {
        Grade::Good => parts::State { word: "good", sign: "✓", class: "s-good" },
        Grade::Note => parts::State { word: "note", sign: "–", class: "s-mute" },
        Grade::Doubtful => parts::State { word: "doubtful", sign: "!", class: "s-warn" },
        Grade::Broken => parts::State { word: "broken", sign: "✕", class: "s-bad" },
    }
}
