//! When to use colours and when to redraw: the conventions of terminals, in one place.

use blueprint_project::environment::Environment;
use clap::ValueEnum;

/// What a person asked for with `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On terminals, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Returns whether to colour what goes to a stream.
///
/// `--color` wins over `NO_COLOR`, that over `CLICOLOR_FORCE`, that over what the stream is.
pub fn is_colored(choice: ColorChoice, environment: &Environment, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if environment.is_set("NO_COLOR") => false,
        ColorChoice::Auto if environment.get("CLICOLOR_FORCE").is_some_and(is_on) => true,
        ColorChoice::Auto if environment.get("CLICOLOR") == Some("0") => false,
        ColorChoice::Auto => is_terminal && !is_dumb(environment),
    }
}

/// Returns whether to redraw in place on a stream; otherwise there is one line per event.
pub fn is_live(environment: &Environment, is_terminal: bool) -> bool {
    is_terminal && !is_dumb(environment) && !environment.is_set("CI")
}

fn is_dumb(environment: &Environment) -> bool {
    environment.get("TERM") == Some("dumb")
}

fn is_on(value: &str) -> bool {
    !value.is_empty() && value != "0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(choice: ColorChoice, variables: &[(&str, &str)], is_terminal: bool, expected: bool) {
        let environment = Environment::from_pairs(variables);
        assert_eq!(is_colored(choice, &environment, is_terminal), expected, "{variables:?}");
    }

    #[test]
    fn the_argument_wins_over_the_environment() {
        check(ColorChoice::Always, &[("NO_COLOR", "1")], false, true);
        check(ColorChoice::Never, &[("CLICOLOR_FORCE", "1")], true, false);
    }

    #[test]
    fn the_environment_wins_over_the_stream() {
        check(ColorChoice::Auto, &[], true, true);
        check(ColorChoice::Auto, &[], false, false);
        check(ColorChoice::Auto, &[("NO_COLOR", "1")], true, false);
        check(ColorChoice::Auto, &[("NO_COLOR", "")], true, true);
        check(ColorChoice::Auto, &[("CLICOLOR_FORCE", "1")], false, true);
        check(ColorChoice::Auto, &[("CLICOLOR_FORCE", "0")], false, false);
        check(ColorChoice::Auto, &[("CLICOLOR", "0")], true, false);
        check(ColorChoice::Auto, &[("TERM", "dumb")], true, false);
    }

    #[test]
    fn only_real_terminals_are_redrawn() {
        let live = |variables: &[(&str, &str)], is_terminal| {
            is_live(&Environment::from_pairs(variables), is_terminal)
        };
        assert!(live(&[], true));
        assert!(!live(&[], false));
        assert!(!live(&[("CI", "true")], true));
        assert!(!live(&[("TERM", "dumb")], true));
    }
}
