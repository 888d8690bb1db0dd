//! What becomes of the secrets of blueprints: which block, which field, which key, and where to.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_engine::{Goes, Plan, PlannedUse};
use blueprint_project::text;
use serde_json::{Value, json};

use crate::terminal::{Paint, Tone};

/// The most bytes before a secret in a script that are searched for functions around it.
const MAX_BACK: usize = 2_000;

/// Returns the page of some plans; `functions` are the names of those that secrets may pass.
pub fn page(plans: &[Arc<Plan>], functions: &[&str], paint: Paint) -> String {
    let mut page = String::new();
    for plan in plans {
        let uses = plan.secret_uses();
        if !page.is_empty() {
            page.push('\n');
        }
        let (name, file) = (&plan.name, &plan.source.file);
        let (name, file) = (paint.paint(Tone::Strong, name), paint.paint(Tone::Dim, file));
        text::add(&mut page, format_args!("{name}  {file}\n\n"));
        if uses.is_empty() {
            page.push_str("  uses no secrets\n");
        }
        add_uses(&mut page, plan, &uses, functions, paint);
        add_hosts(&mut page, &uses, paint);
    }
    page
}

/// Returns the same facts as JSON.
pub fn json(plans: &[Arc<Plan>], functions: &[&str]) -> Value {
    let uses = plans.iter().flat_map(|plan| {
        plan.secret_uses().into_iter().map(|planned| use_json(plan, &planned, functions))
    });
    uses.collect()
}

fn use_json(plan: &Plan, planned: &PlannedUse, functions: &[&str]) -> Value {
    let (action, host, place) = match &planned.goes {
        Goes::Out { host, place } => ("sent", host.clone(), Some(place.clone())),
        Goes::Script => ("script", None, None),
        Goes::Revealed => ("revealed", None, None),
        Goes::Listed => ("listed", None, None),
        Goes::Handle => ("handle", None, None),
    };
    let on_to = planned.on_to.iter().map(|(block, host)| json!({"block": block, "host": host}));
    json!({
        "blueprint": plan.name,
        "block": planned.block,
        "type": planned.kind,
        "field": field_name(planned),
        "key": planned.key.as_str(),
        "is_optional": planned.is_optional,
        "action": action,
        "host": host,
        "place": place,
        "functions": functions_around(&plan.source.text, planned, functions),
        "on_to": on_to.collect::<Vec<_>>(),
        "allowed_hosts": planned.hosts,
        "line": plan.source.position(planned.at).0,
    })
}

fn add_uses(page: &mut String, plan: &Plan, uses: &[PlannedUse], functions: &[&str], paint: Paint) {
    let field_width = uses.iter().map(|it| text::width(&field_name(it))).max().unwrap_or(0);
    let key_width = uses.iter().map(|it| it.key.as_str().len()).max().unwrap_or(0);
    let mut last = None;
    for planned in uses {
        if last != Some(&planned.block) {
            let (block, kind) = (paint.paint(Tone::Strong, &planned.block), planned.kind);
            text::add(page, format_args!("  {block}  {}\n", paint.paint(Tone::Dim, kind)));
            last = Some(&planned.block);
        }
        let (line, _) = plan.source.position(planned.at);
        let field = text::pad(&field_name(planned), field_width);
        let key = paint.paint(Tone::Note, &text::pad(planned.key.as_str(), key_width));
        let around = functions_around(&plan.source.text, planned, functions);
        let words = words(planned, &around);
        text::add(
            page,
            format_args!(
                "    {field}  {key}  {words}{}\n",
                paint.paint(Tone::Dim, &format!("  (line {line})"))
            ),
        );
        let indent = " ".repeat(4 + field_width + 2 + key_width + 2);
        for (block, host) in &planned.on_to {
            let host = host.as_deref().unwrap_or("a computed host");
            text::add(page, format_args!("{indent}may go on to `{block}` → {host}\n"));
        }
    }
}

fn add_hosts(page: &mut String, uses: &[PlannedUse], paint: Paint) {
    let mut hosts: BTreeMap<&str, &[String]> = BTreeMap::new();
    for planned in uses {
        hosts.insert(planned.key.as_str(), &planned.hosts);
    }
    if hosts.is_empty() {
        return;
    }
    let title = paint.paint(Tone::Note, "Where the blueprint lets each key go");
    text::add(page, format_args!("\n  {title}\n"));
    let width = hosts.keys().map(|key| key.len()).max().unwrap_or(0);
    for (key, hosts) in hosts {
        let allowed = match hosts {
            [] => "wherever the vault's own policy lets it go".into(),
            hosts => hosts.join(", "),
        };
        text::add(page, format_args!("    {}  {allowed}\n", text::pad(key, width)));
    }
}

fn words(planned: &PlannedUse, around: &[String]) -> String {
    match &planned.goes {
        Goes::Out { host: Some(host), place } => format!("→ {host}, {place}"),
        Goes::Out { host: None, place } => format!("→ a computed host, {place}"),
        Goes::Script if around.is_empty() => "a script holds its handle, not its value".into(),
        Goes::Script => format!("a script computes {}, without its value", nested(around)),
        Goes::Revealed => "REVEALED: the script sees the value itself".into(),
        Goes::Listed => "the block may name it by a computed name".into(),
        Goes::Handle => "stays a handle: this field does not leave the process".into(),
    }
}

fn nested(functions: &[String]) -> String {
    let (mut open, mut close) = (String::new(), String::new());
    for function in functions.iter().rev() {
        open = format!("{open}{function}(");
        close.push(')');
    }
    format!("{open}…{close}")
}

fn field_name(planned: &PlannedUse) -> String {
    match &planned.part {
        Some(part) => format!("{}.{part}", planned.field),
        None => planned.field.to_owned(),
    }
}

/// Returns the functions around a secret in a script, the innermost first. It looks at text, not at
/// the language: a bracket in a string can mislead it, and what it gives is only shown.
fn functions_around(source: &str, planned: &PlannedUse, known: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    if planned.goes != Goes::Script {
        return found;
    }
    let Some(before) = source.get(..planned.at) else { return found };
    let mut depth = 0_u32;
    for (at, c) in before.char_indices().rev().take(MAX_BACK) {
        match c {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let start = before[..at].trim_end_matches(is_name).len();
                let name = &before[start..at];
                if known.contains(&name) {
                    found.push(name.to_owned());
                }
            }
            ';' if depth == 0 => break,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use blueprint_project::{project, wiring};

    fn plan(text: &str) -> Arc<Plan> {
        let checked = project::check_bytes("x.yaml", text.as_bytes(), &wiring::registry());
        checked.plan.expect("a blueprint without faults")
    }

    const FUNCTIONS: &[&str] = &["hmac_sha256", "hex", "basic_auth"];

    #[test]
    fn each_blueprint_without_secrets_says_so() {
        let plans = ["one", "two"].map(|name| {
            plan(&format!("name: {name}\nblocks: {{a: {{type: return_value, value: 1}}}}\n"))
        });
        let expected = "one  x.yaml\n\n  uses no secrets\n\ntwo  x.yaml\n\n  uses no secrets\n";
        assert_eq!(page(&plans, FUNCTIONS, Paint::Plain), expected);
    }

    #[test]
    fn a_page_says_where_each_key_goes() {
        let plan = plan(concat!(
            "name: x\nsecrets:\n  A: {hosts: [a.example]}\n  B:\nblocks:\n",
            "  sign: {type: code, code: 'hex(hmac_sha256(vault.B, (1 + 1).to_string()))', ",
            "next: send}\n",
            "  send:\n    type: http_request\n    url: https://a.example/v1?q=@{vault.A}\n",
            "    headers: {X-Sign: '@{result}', Authorization: 'Bearer @{vault.A}'}\n",
            "    next: tell\n",
            "  tell: {type: log_message, message: '@{vault.B}'}\n",
        ));
        let expected = "\
x  x.yaml

  sign  code
    code                   B  a script computes hex(hmac_sha256(…)), without its value  (line 6)
                              may go on to `send` → a.example
  send  http_request
    url                    A  → a.example, query  (line 9)
    headers.Authorization  A  → a.example, header:authorization  (line 10)
  tell  log_message
    message                B  stays a handle: this field does not leave the process  (line 12)

  Where the blueprint lets each key go
    A  a.example
    B  wherever the vault's own policy lets it go
";
        let shown = page(std::slice::from_ref(&plan), FUNCTIONS, Paint::Plain);
        assert_eq!(shown, expected, "\n{shown}");
        let data = json(&[plan], FUNCTIONS);
        assert_eq!(data[0]["functions"], json!(["hmac_sha256", "hex"]));
        assert_eq!(data[1]["place"], "query");
    }
}
