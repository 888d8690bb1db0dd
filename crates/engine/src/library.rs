//! Plans by name: the blueprints of a project that can run each other.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Diagnostic, code,
    diagnostic::{did_you_mean, is_full},
    journal::PinnedSource,
};

use crate::plan::{Plan, SecretNeed, merge_needs};

/// The plans of a project. Immutable; a change of a file makes a new one.
#[derive(Default)]
pub struct Library {
    plans: BTreeMap<String, Arc<Plan>>,
}

/// A library, and what is wrong between its blueprints: file by file, with the name of the file.
pub struct Linked {
    /// The library.
    pub library: Library,
    /// Faults, each with the file it is in.
    pub diagnostics: Vec<(Arc<str>, Diagnostic)>,
}

impl Library {
    /// Links plans: names must be unique, callees must exist, and nobody may call in a circle.
    /// `broken` are names of blueprints that have faults of their own.
    pub fn link(plans: Vec<Arc<Plan>>, broken: &[String]) -> Linked {
        let mut diagnostics = Vec::new();
        let mut library = Self::default();
        for plan in plans {
            let file = plan.source.file.clone();
            if let Some(other) = library.plans.get(&plan.name) {
                let message =
                    format!("`{}` is also the name of `{}`", plan.name, other.source.file);
                let span = blueprint_model::Span::new(0, 0);
                diagnostics.push((
                    file,
                    Diagnostic::error(code::DUPLICATE_BLUEPRINT, span, message)
                        .help("give one of them another `name`"),
                ));
                continue;
            }
            library.plans.insert(plan.name.clone(), plan);
        }
        for plan in library.plans.values() {
            let found = library.judge_calls(plan, broken);
            diagnostics.extend(found.into_iter().map(|fault| (plan.source.file.clone(), fault)));
        }
        Linked { library, diagnostics }
    }

    /// Returns the plan with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Plan>> {
        self.plans.get(name)
    }

    /// Returns every plan, by name.
    pub fn plans(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }

    /// Returns the secrets that a run of `plan` can use: its own and those of all it may call.
    pub fn secrets(&self, plan: &Arc<Plan>) -> Vec<SecretNeed> {
        let callees = self.reachable(plan);
        let others = callees.iter().filter(|callee| !Arc::ptr_eq(callee, plan));
        merge_needs(std::iter::once(plan).chain(others))
    }

    /// Returns the texts of a plan and of all that it may call, its own first.
    pub(crate) fn sources(&self, plan: &Arc<Plan>) -> Vec<PinnedSource> {
        let callees = self.reachable(plan);
        let others = callees.iter().filter(|callee| callee.name != plan.name);
        let all = std::iter::once(plan).chain(others);
        all.map(|plan| PinnedSource {
            file: plan.source.file.to_string(),
            text: plan.source.text.clone(),
        })
        .collect()
    }

    /// Returns ` (did you mean …?)` for a name that nobody has.
    pub(crate) fn suggestion(&self, name: &str) -> String {
        did_you_mean(name, self.plans.keys().map(String::as_str))
            .map_or(String::new(), |near| format!(" (did you mean `{near}`?)"))
    }

    fn judge_calls(&self, plan: &Arc<Plan>, broken: &[String]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for call in &plan.calls {
            if is_full(&found) {
                break;
            }
            let Some(name) = &call.name else { continue };
            match self.plans.get(name) {
                None if broken.contains(name) => {}
                None => {
                    let message = format!("there is no blueprint `{name}`");
                    let near = did_you_mean(name, self.plans.keys().map(String::as_str));
                    let hint = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("make it: `blueprint new {name}`"),
                    };
                    found.push(
                        Diagnostic::error(code::UNKNOWN_BLUEPRINT, call.span, message).help(hint),
                    );
                }
                Some(callee) => {
                    if self.reachable(callee).iter().any(|reached| reached.name == plan.name) {
                        let message = format!("`{}` calls itself through `{name}`", plan.name);
                        found.push(
                            Diagnostic::error(code::RECURSION, call.span, message)
                                .help("use `repeat` or `for_each` to run blocks again and again"),
                        );
                    }
                }
            }
        }
        found
    }

    /// Returns every plan that can be reached by calls with a literal name, the start included; all of
    /// them where a name is computed.
    pub fn reachable(&self, start: &Arc<Plan>) -> Vec<Arc<Plan>> {
        let mut reached: BTreeMap<&str, &Arc<Plan>> = BTreeMap::new();
        let mut work = vec![start];
        while let Some(plan) = work.pop() {
            if reached.insert(&plan.name, plan).is_some() {
                continue;
            }
            for call in &plan.calls {
                match &call.name {
                    Some(name) => work.extend(self.plans.get(name)),
                    None => work.extend(self.plans.values()),
                }
            }
        }
        reached.into_values().cloned().collect()
    }
}
