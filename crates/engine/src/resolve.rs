//! References become values: what a block gets when an attempt starts.
//!
//! A reference is resolved once, in the field that names it; what it yields is data and is never
//! looked at for references again.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use blueprint_model::{
    Input, Inputs, Value,
    block::{RunFacts, idempotency_key},
    egress::Egress,
    event::At,
    script::Variables,
    value::{self, Map, Shared, Step as ValueStep},
};

use crate::{
    plan::{Compiled, Otherwise, Part, Place, Ref, Root, Step},
    state::RunState,
};

/// What references see beside the state of the run.
pub(crate) struct Surroundings {
    pub facts: Arc<RunFacts>,
    /// Process variables that the project lists.
    pub env: Arc<BTreeMap<String, String>>,
    pub context: Shared,
    pub session: Shared,
    /// Null, for all that see nothing.
    pub nothing: Shared,
}

/// One attempt of one block, looking at the run.
pub(crate) struct Resolver<'r> {
    pub state: &'r RunState,
    pub around: &'r Surroundings,
    pub egress: &'r Egress,
    pub at: At,
    pub attempt: u32,
}

/// What a path leads to.
enum Found<'f> {
    Borrowed(&'f Value),
    Shared(&'f Shared),
    Owned(Value),
    /// Nothing, at this step of the path (0 is the root).
    Missing(usize),
}

impl Resolver<'_> {
    /// Resolves every field, and the variables of the block's scripts. The error says which field
    /// and which part of which path.
    pub(crate) fn inputs(&self, step: &Step) -> Result<Inputs, String> {
        let mut fields = Vec::with_capacity(step.fields.len());
        for (name, compiled) in &step.fields {
            let input = match compiled {
                Compiled::Script(script) => Input::Script(script.clone()),
                Compiled::Cases(cases) => Input::Cases(cases.clone()),
                Compiled::Literal(value) => Input::Value(value.clone()),
                Compiled::Whole(_)
                | Compiled::Text(_)
                | Compiled::List(_)
                | Compiled::Object(_) => {
                    let value =
                        self.shared(compiled).map_err(|message| format!("`{name}`: {message}"))?;
                    Input::Value(value)
                }
            };
            fields.push((*name, input));
        }
        Ok(Inputs::new(fields, self.variables(step)?))
    }

    fn variables(&self, step: &Step) -> Result<Variables, String> {
        let resolve = |(name, reference): &(Arc<str>, Ref)| {
            let value = match self.find(reference)? {
                Found::Borrowed(value) => Arc::new(value.clone()),
                Found::Shared(value) => value.clone(),
                Found::Owned(value) => Arc::new(value),
                Found::Missing(_) => Shared::default(),
            };
            Ok((name.clone(), value))
        };
        step.variables.iter().map(resolve).collect()
    }

    fn shared(&self, compiled: &Compiled) -> Result<Shared, String> {
        if let Compiled::Whole(reference) = compiled
            && let Found::Shared(value) = self.find(reference)?
            && (!value.is_null() || matches!(reference.fallback, Otherwise::Error(_)))
        {
            return Ok(value.clone());
        }
        self.value(compiled).map(Arc::new)
    }

    fn value(&self, compiled: &Compiled) -> Result<Value, String> {
        match compiled {
            Compiled::Literal(value) => Ok((**value).clone()),
            Compiled::Whole(reference) => self.whole(reference),
            Compiled::Text(parts) => self.text(parts).map(Value::String),
            Compiled::List(items) => items
                .iter()
                .map(|item| self.value(item))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Compiled::Object(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.value(value)?)))
                .collect::<Result<Map<_, _>, String>>()
                .map(Value::Object),
            Compiled::Script(_) | Compiled::Cases(_) => Ok(Value::Null),
        }
    }

    fn text(&self, parts: &[Part]) -> Result<String, String> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Ref(reference) => self.append(reference, &mut text)?,
            }
        }
        Ok(text)
    }

    fn append(&self, reference: &Ref, text: &mut String) -> Result<(), String> {
        let found = self.find(reference)?;
        let value: &Value = match &found {
            Found::Borrowed(value) => value,
            Found::Shared(value) => value,
            Found::Owned(value) => value,
            Found::Missing(_) => &Value::Null,
        };
        match (value, &reference.fallback) {
            (Value::String(string), _) => text.push_str(string),
            (Value::Null, Otherwise::Null) => {}
            (Value::Null, Otherwise::Error(spelled)) => {
                if let Found::Missing(part) = found {
                    return Err(missing(spelled, part));
                }
                return Err(format!(
                    "`{spelled}` is null, which has no text; add `?` for empty text"
                ));
            }
            (Value::Null, Otherwise::Literal(_) | Otherwise::Ref(_)) => {
                let value = self.otherwise(reference)?;
                text.push_str(&value::to_text(&value).unwrap_or_default());
            }
            (other, _) => {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "{other}");
            }
        }
        Ok(())
    }

    fn whole(&self, reference: &Ref) -> Result<Value, String> {
        let value = match self.find(reference)? {
            Found::Borrowed(value) => value.clone(),
            Found::Shared(value) => (**value).clone(),
            Found::Owned(value) => value,
            Found::Missing(part) => match &reference.fallback {
                Otherwise::Error(spelled) => return Err(missing(spelled, part)),
                Otherwise::Null | Otherwise::Literal(_) | Otherwise::Ref(_) => Value::Null,
            },
        };
        if value.is_null() { self.otherwise(reference) } else { Ok(value) }
    }

    /// The value in place of null. Where nothing is said, null it is.
    fn otherwise(&self, reference: &Ref) -> Result<Value, String> {
        match &reference.fallback {
            Otherwise::Error(_) | Otherwise::Null => Ok(Value::Null),
            Otherwise::Literal(value) => Ok(value.clone()),
            Otherwise::Ref(inner) => self.whole(inner),
        }
    }

    fn find(&self, reference: &Ref) -> Result<Found<'_>, String> {
        if reference.root == Root::Vault {
            return self.secret(reference);
        }
        // One of many facts needs no object of all.
        let fact = match (&reference.root, reference.path.as_slice()) {
            (Root::Run, [Place::Key(name)]) => Some(self.run_fact(name)),
            (Root::Env, [Place::Key(name)]) => Some(self.variable(name)),
            _ => None,
        };
        if let Some(fact) = fact {
            return Ok(fact.map_or(Found::Missing(1), Found::Owned));
        }
        let mut found = self.root(&reference.root);
        for (part, place) in reference.path.iter().enumerate() {
            found = self.next(found, place, part + 1)?;
        }
        Ok(found)
    }

    fn next<'f>(
        &'f self,
        found: Found<'f>,
        place: &Place,
        part: usize,
    ) -> Result<Found<'f>, String> {
        let computed;
        let step = match place {
            Place::Key(key) => ValueStep::Key(key),
            Place::Index(index) => ValueStep::Index(*index),
            Place::Computed(inner) => {
                computed = self.whole(inner)?;
                match &computed {
                    Value::String(key) => ValueStep::Key(key),
                    Value::Number(number) if number.is_i64() => {
                        ValueStep::Index(number.as_i64().unwrap_or_default())
                    }
                    other => {
                        let kind = value::type_name(other);
                        return Err(format!("an index must be text or a whole number, not {kind}"));
                    }
                }
            }
        };
        Ok(match found {
            Found::Borrowed(value) => borrowed(value, &step, part),
            Found::Shared(value) => borrowed(value, &step, part),
            Found::Owned(value) => match value::step(&value, &step) {
                Some(inner) => Found::Owned(inner.clone()),
                None => Found::Missing(part),
            },
            Found::Missing(part) => Found::Missing(part),
        })
    }

    fn root(&self, root: &Root) -> Found<'_> {
        let scope = self.state.scope(self.at.scope);
        match root {
            Root::Inputs => Found::Shared(&scope.view.inputs),
            Root::Payload => Found::Shared(&scope.view.payload),
            Root::State => Found::Shared(self.state.state_of(self.at.scope).0),
            Root::Context => Found::Shared(&self.around.context),
            Root::Session => Found::Shared(&self.around.session),
            Root::Result => {
                let from = self.taken_from(self.at).map(|from| self.state.slot(from));
                from.and_then(|slot| slot.result.as_ref()).map_or(Found::Missing(0), Found::Shared)
            }
            Root::Message => {
                let from = self.taken_from(self.at).map(|from| self.state.slot(from));
                match from.and_then(|slot| slot.message.as_deref()) {
                    Some(message) => Found::Owned(message.into()),
                    None => Found::Missing(0),
                }
            }
            Root::Results { up, block } => {
                let at = At { scope: self.scope_at(*up).0, block: *block };
                self.state.slot(at).result.as_ref().map_or(Found::Missing(1), Found::Shared)
            }
            Root::AllResults(all) => Found::Owned(self.all_results(all)),
            Root::Item { up } => {
                let view = &self.state.scope(self.scope_at(*up).0).view;
                view.item.as_ref().map_or(Found::Missing(0), |(_, item)| Found::Shared(item))
            }
            Root::ItemId { up } => {
                let view = &self.state.scope(self.scope_at(*up).0).view;
                view.item.as_ref().map_or(Found::Missing(0), |(id, _)| Found::Borrowed(id))
            }
            Root::Round { up } => {
                let view = &self.state.scope(self.scope_at(*up).0).view;
                view.round
                    .as_ref()
                    .map_or(Found::Missing(0), |(round, _)| Found::Owned((*round).into()))
            }
            Root::LastRound { up } => {
                let view = &self.state.scope(self.scope_at(*up).0).view;
                view.round.as_ref().map_or(Found::Missing(0), |(_, last)| Found::Shared(last))
            }
            Root::Run => Found::Owned(self.run()),
            Root::Env => Found::Owned(Value::Object(
                self.around
                    .env
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone().into()))
                    .collect(),
            )),
            Root::Vault => Found::Missing(0),
        }
    }

    fn secret(&self, reference: &Ref) -> Result<Found<'_>, String> {
        let name = match reference.path.first() {
            Some(Place::Key(key)) => key.clone(),
            Some(Place::Computed(inner)) => match self.whole(inner)? {
                Value::String(key) => key,
                other => {
                    let kind = value::type_name(&other);
                    return Err(format!("the name of a secret must be text, not {kind}"));
                }
            },
            Some(Place::Index(_)) | None => return Err("`vault` needs the name of a key".into()),
        };
        if let Some(handle) = self.egress.handle(&name) {
            return Ok(Found::Owned(handle.into()));
        }
        match &reference.fallback {
            Otherwise::Error(_) if self.egress.may_name(&name) => Err(format!(
                "secret `{name}` is not in the vault; set it with `blueprint vault set {name}`"
            )),
            Otherwise::Error(_) => Err(format!(
                "this block may not use secret `{name}`; list it in the block's `secrets`"
            )),
            Otherwise::Null | Otherwise::Literal(_) | Otherwise::Ref(_) => Ok(Found::Missing(1)),
        }
    }

    fn all_results(&self, all: &[(u32, u32, Arc<str>)]) -> Value {
        let result = |(up, block, id): &(u32, u32, Arc<str>)| {
            let at = At { scope: self.scope_at(*up).0, block: *block };
            let result = self.state.slot(at).result.as_ref()?;
            Some((id.to_string(), (**result).clone()))
        };
        // Inner blocks come first and hide outer ones of the same name.
        Value::Object(all.iter().rev().filter_map(result).collect())
    }

    fn run(&self) -> Value {
        let facts = ["id", "blueprint", "attempt", "started_at", "key"];
        let fact = |name: &str| Some((name.to_owned(), self.run_fact(name)?));
        Value::Object(facts.into_iter().filter_map(fact).collect())
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.around.env.get(name).map(|value| value.as_str().into())
    }

    fn run_fact(&self, name: &str) -> Option<Value> {
        let facts = &self.around.facts;
        Some(match name {
            "id" => facts.id.as_str().into(),
            "blueprint" => self.state.scope(self.at.scope).plan.name.clone().into(),
            "attempt" => self.attempt.into(),
            "started_at" => format!("{:.3}", facts.started_at).into(),
            "key" => idempotency_key(&facts.id, &self.state.path(self.at)).into(),
            _ => return None,
        })
    }

    /// The block that led here.
    fn taken_from(&self, at: At) -> Option<At> {
        let edge = self.state.slot(at).from?;
        let from = self.state.step(at).incoming[edge as usize].from;
        Some(At { scope: at.scope, block: from })
    }

    /// The scope `up` graphs out, and the block in it whose body the reader is in.
    fn scope_at(&self, up: u32) -> (u32, u32) {
        let mut here = (self.at.scope, self.at.block);
        for _ in 0..up {
            let Some((parent, _)) = self.state.scope(here.0).parent else { break };
            here = (parent.scope, parent.block);
        }
        here
    }
}

fn borrowed<'f>(value: &'f Value, step: &ValueStep<'_>, part: usize) -> Found<'f> {
    value::step(value, step).map_or(Found::Missing(part), Found::Borrowed)
}

/// Says which part of a path is missing.
pub(crate) fn missing(spelled: &str, part: usize) -> String {
    let cuts: Vec<usize> = spelled
        .char_indices()
        .filter(|(at, c)| *at > 0 && (*c == '.' || *c == '['))
        .map(|(at, _)| at)
        .collect();
    let end = cuts.get(part).copied().unwrap_or(spelled.len());
    let start = part.checked_sub(1).and_then(|part| cuts.get(part)).copied().unwrap_or(0);
    let name = spelled[start..end].trim_start_matches('.');
    if start == 0 {
        return format!("`{spelled}` leads nowhere: there is no `{name}` here");
    }
    format!("`{spelled}` leads nowhere: `{}` has no `{name}`", &spelled[..start])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_part_is_named() {
        assert_eq!(
            missing("results.fetch.body.items[0].id", 3),
            "`results.fetch.body.items[0].id` leads nowhere: `results.fetch.body` has no `items`"
        );
        assert_eq!(missing("result", 0), "`result` leads nowhere: there is no `result` here");
        assert_eq!(missing("inputs.a", 1), "`inputs.a` leads nowhere: `inputs` has no `a`");
    }
}
