//! The built-in block types, one file each.
//!
//! A type is a value that implements [`Block`]: its `SPEC` is data that checker, schema, manual and
//! palette read, and `run` does the work of one attempt. To add one, write its file, add its `mod`
//! line and its entry in [`all`].

use std::sync::Arc;

use blueprint_model::Block;

mod add_to_state_list;
mod approval;
mod code;
mod fail;
mod for_each;
mod http_request;
mod if_else;
mod log_message;
mod parse_json;
mod repeat;
mod return_value;
mod run_blueprint;
mod scripts;
mod set_state;
mod spec;
mod state;
mod switch;
#[cfg(test)]
mod testing;
mod wait;
mod wait_event;

/// Returns every built-in block type, in the order of the manual.
pub fn all() -> Vec<Arc<dyn Block>> {
    vec![
        Arc::new(code::Code),
        Arc::new(if_else::IfElse),
        Arc::new(switch::Switch),
        Arc::new(for_each::ForEachItem),
        Arc::new(repeat::Repeat),
        Arc::new(run_blueprint::RunBlueprint),
        Arc::new(return_value::ReturnValue),
        Arc::new(fail::Fail),
        Arc::new(set_state::SetState),
        Arc::new(add_to_state_list::AddToStateList),
        Arc::new(parse_json::ParseJson),
        Arc::new(log_message::LogMessage),
        Arc::new(wait::Wait),
        Arc::new(approval::Approval),
        Arc::new(wait_event::WaitEvent),
        Arc::new(http_request::HttpRequest::default()),
    ]
}

#[cfg(test)]
mod tests {
    use blueprint_model::{FieldKind, block::Need};

    use super::*;

    #[test]
    fn every_type_is_described_in_full() {
        for block in all() {
            let spec = block.spec();
            assert!(!spec.docs.is_empty() && !spec.result.is_empty(), "{}", spec.kind);
            assert!(!spec.summary.ends_with('.'), "{}", spec.kind);
            assert!(spec.example.starts_with(&format!("type: {}\n", spec.kind)), "{}", spec.kind);
            for field in spec.fields.iter().filter(|field| field.need == Need::Required) {
                assert!(spec.example.contains(field.name), "{}.{}", spec.kind, field.name);
            }
        }
    }

    #[test]
    fn defaults_are_json_literals() {
        for block in all() {
            for field in block.spec().fields {
                if let Need::Default(literal) = field.need {
                    let value: serde_json::Value = serde_json::from_str(literal).unwrap();
                    if let FieldKind::Choice(words) = field.kind {
                        assert!(words.contains(&value.as_str().unwrap()), "{}", field.name);
                    }
                }
            }
        }
    }

    #[test]
    fn kinds_are_unique() {
        let mut kinds: Vec<&str> = all().iter().map(|block| block.spec().kind).collect();
        assert_eq!(kinds.len(), 16);
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 16);
    }
}
