//! What is kept of a run, and every command that shows it, holds names of keys.

use super::{mirror::Mirror, stage::Stage, views::EVERYWHERE};

#[test]
fn what_is_kept_of_a_run_shows_names_of_keys() {
    let stage = Stage::new();
    let mirror = Mirror::knowing(&stage.values());
    stage.write("project.yaml", "name: history\n");
    let text = EVERYWHERE.replace("URL", &format!("{:?}", mirror.url("/echo")));
    stage.write("everywhere.yaml", text.trim_start());
    stage.run(&["run", "everywhere.yaml"]).check(0, "⟨vault.PLAIN⟩");
    stage.run(&["run", "everywhere.yaml", "-i", "who=you"]).check(0, "⟨vault.PLAIN⟩");
    stage.run(&["runs", "show", "@last", "--full"]).check(0, "⟨vault.WILD⟩").says("⟨vault.LINE⟩");
    for args in [
        ["runs", "list"].as_slice(),
        &["runs", "list", "--json"],
        &["runs", "show", "@last"],
        &["runs", "show", "@last", "--json"],
        &["runs", "events", "@last"],
        &["runs", "events", "@last", "--output", "plain"],
        &["runs", "events", "@last", "--follow"],
        &["runs", "diff", "@last", "@last", "--times"],
        &["runs", "diff", "@last", "@last", "--json"],
        &["why", "@last", "send"],
        &["why", "@last", "broken"],
        &["why", "@last", "each[plain].one", "--json"],
        &["runs", "retry", "@last"],
        &["runs", "prune", "--dry-run"],
        &["doctor"],
    ] {
        let printed = stage.run(args);
        assert_eq!(printed.code, 0, "{args:?}\n{}", printed.text());
    }
    stage.run(&["why", "@last", "broken"]).check(0, "gave up on ⟨vault.WILD⟩");
    stage.check_files();
}

/// The path of a block in a loop holds the item's key, which may be a handle.
#[test]
fn a_block_is_asked_for_by_the_name_that_is_shown() {
    let text = "\
name: ids
blocks:
  ids: {type: code, code: 'let m = #{}; m[`${vault.PLAIN}`] = 1; m', next: each}
  each: {type: for_each, items: \"@{result}\", do: {one: {type: log_message, message: x}}}
";
    let stage = Stage::new();
    stage.write("project.yaml", "name: history\n");
    stage.write("ids.yaml", text);
    stage.run(&["run", "ids.yaml"]);
    stage.run(&["why", "@last", "each[⟨vault.PLAIN⟩].one"]).check(0, "each[⟨vault.PLAIN⟩].one");
    stage.run(&["runs", "show", "@last", "--json"]).check(0, "each[⟨vault.PLAIN⟩].one");
}
