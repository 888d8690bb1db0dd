//! The one engine of all Rhai scripts, locked down: what a script can reach is listed here.

use std::any::TypeId;

use blueprint_model::{block::Level, secret::Derivation};
use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map, Module, NativeCallContext,
    Position,
    packages::{
        ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage,
        BasicMapPackage, BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage,
        Package,
    },
};

use super::{
    compare, json, lists, print,
    secrets::{self, Digest, SecretText, Vault, opaque},
    session::{self, Fallible, Refusal, refuse},
    strings,
    values::BigInteger,
};
use crate::{guard, memory};

/// Deepest nesting of calls; the stack they really take is bounded by `guard`.
const MAX_CALLS: usize = 512;
/// Deepest nesting of expressions and blocks.
const MAX_EXPRESSION_DEPTH: usize = 128;
/// Most functions of a script, closures included.
const MAX_FUNCTIONS: usize = 512;
/// Most variables of a script at once.
const MAX_VARIABLES: usize = 1024;
/// Bounds on single values where no memory is counted (tests without the allocator).
const FALLBACK_SIZE: usize = 1 << 20;

/// Builds the engine.
pub(super) fn build(derivations: &'static [Derivation]) -> Engine {
    let mut engine = Engine::new_raw();
    load_packages(&mut engine);
    bound(&mut engine);
    register_types(&mut engine);
    register_printing(&mut engine);
    register_host(&mut engine);
    register_vault(&mut engine);
    register_secret(&mut engine);
    register_derivations(&mut engine, derivations);
    strings::register(&mut engine);
    lists::register(&mut engine);
    engine
}

/// Rhai's core package is left out: it sleeps, parses JSON without bounds and tells of functions.
fn load_packages(engine: &mut Engine) {
    for module in [
        ArithmeticPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicFnPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
    ] {
        engine.register_global_module(module);
    }
    let mut letters = Module::new();
    letters.set_iter_result(TypeId::of::<ImmutableString>(), strings::iterate);
    engine.register_global_module(letters.into());
}

/// Sizes of values are bounded by memory, not one by one: Rhai checks those by walking the whole
/// value after every change, which makes filling a list quadratic. There is no interner for
/// strings: it would be one lock for all scripts, waited for in steps of 10 ms, and would keep
/// strings of one run for the next.
fn bound(engine: &mut Engine) {
    engine
        .disable_symbol("eval")
        .set_max_call_levels(MAX_CALLS)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_variables(MAX_VARIABLES)
        .set_max_strings_interned(0)
        .on_progress(|operations| guard::poll(operations).map(|_| Dynamic::UNIT))
        .on_print(|text| session::log(Level::Info, text))
        .on_debug(|text, _source, position| match position.line() {
            Some(line) => session::log(Level::Info, &format!("line {line}: {text}")),
            None => session::log(Level::Info, text),
        });
    if !memory::is_counting() {
        engine
            .set_max_string_size(FALLBACK_SIZE)
            .set_max_array_size(FALLBACK_SIZE / 16)
            .set_max_map_size(FALLBACK_SIZE / 64);
    }
}

fn register_types(engine: &mut Engine) {
    engine
        .register_type_with_name::<Vault>("vault")
        .register_type_with_name::<SecretText>("secret")
        .register_type_with_name::<Digest>("digest")
        .register_type_with_name::<BigInteger>("large integer")
        .register_type_with_name::<Refusal>("error");
}

/// Rhai's own printing builds the whole text before it looks at its size.
fn register_printing(engine: &mut Engine) {
    print_type::<Array>(engine);
    print_type::<Map>(engine);
    print_type::<FnPtr>(engine);
    print_type::<Vault>(engine);
    print_type::<SecretText>(engine);
    print_type::<Digest>(engine);
    print_type::<BigInteger>(engine);
    print_type::<Refusal>(engine);
}

fn print_type<T: rhai::Variant + Clone>(engine: &mut Engine) {
    let argument = [TypeId::of::<T>()];
    for name in ["to_string", "print"] {
        engine.register_raw_fn(name, argument, |_cx, args| Ok(print::text(&*args[0])));
    }
    for name in ["to_debug", "debug"] {
        engine.register_raw_fn(name, argument, |_cx, args| Ok(print::debug_text(&*args[0])));
    }
}

fn register_host(engine: &mut Engine) {
    engine
        .register_fn("set_output", session::set_output)
        .register_fn("log", |text: &str| session::log(Level::Info, text))
        .register_fn("log", |value: Dynamic| session::log(Level::Info, &print::text(&value)))
        .register_fn("log", |level: &str, value: Dynamic| log(level, &value))
        .register_fn("parse_json", json::parse_json)
        .register_fn("to_json", json::to_json)
        .register_fn("to_json", |map: &mut Map| json::to_json(Dynamic::from_map(map.clone())))
        .register_fn("exit", |value: Dynamic| -> Fallible<()> {
            Err(EvalAltResult::Exit(value, Position::NONE).into())
        })
        .register_fn("exit", || -> Fallible<()> {
            Err(EvalAltResult::Exit(Dynamic::UNIT, Position::NONE).into())
        })
        .register_fn("sleep", |_seconds: Dynamic| -> Fallible<()> {
            Err(refuse("scripts cannot sleep; use a `wait` block"))
        })
        .register_fn("timestamp", || -> Fallible<()> {
            Err(refuse("scripts have no clock; use `run.started_at`"))
        })
        .register_fn("to_int", |_big: BigInteger| -> Fallible<i64> {
            Err(refuse("the number is too large for an integer of a script"))
        })
        .register_fn("to_float", |big: BigInteger| big.0 as f64);
    for (name, is_same) in [("==", true), ("!=", false)] {
        compare_type::<BigInteger>(engine, name, is_same);
        compare_type::<Digest>(engine, name, is_same);
        compare_type::<SecretText>(engine, name, is_same);
    }
}

fn log(level: &str, value: &Dynamic) -> Fallible<()> {
    let level = Level::parse(level).ok_or_else(|| {
        refuse("the level of `log` is one of \"info\", \"warning\" and \"error\"")
    })?;
    session::log(level, &print::text(value));
    Ok(())
}

/// Registers a comparison of an opaque type with everything, on either side.
fn compare_type<T: rhai::Variant + Clone>(engine: &mut Engine, name: &str, is_same: bool) {
    let (own, any) = (TypeId::of::<T>(), TypeId::of::<Dynamic>());
    for arguments in [[own, own], [own, any], [any, own]] {
        engine.register_raw_fn(name, arguments, move |_cx, args| {
            compare::equal(&*args[0], &*args[1]).map(|same| same == is_same)
        });
    }
}

/// There is no way to write: Rhai would use it after every call on what a key gives.
fn register_vault(engine: &mut Engine) {
    engine
        .register_indexer_get(|_vault: &mut Vault, name: &str| secrets::get(name))
        .register_fn("get", |_vault: &mut Vault, name: &str| secrets::get_or(name, Dynamic::UNIT))
        .register_fn("get", |_vault: &mut Vault, name: &str, otherwise: Dynamic| {
            secrets::get_or(name, otherwise)
        });
}

/// What a secret can do: become part of a text. What looks at it says why it cannot.
fn register_secret(engine: &mut Engine) {
    let (secret, any) = (TypeId::of::<SecretText>(), TypeId::of::<Dynamic>());
    let text = TypeId::of::<ImmutableString>();
    for arguments in
        [[secret, secret], [secret, text], [text, secret], [secret, any], [any, secret]]
    {
        engine.register_raw_fn("+", arguments, |_cx, args| {
            let (a, b) = (print::text(&*args[0]), print::text(&*args[1]));
            session::room(a.len() + b.len())?;
            Ok(a + b)
        });
        for operator in ["<", "<=", ">", ">=", "-", "*", "/", "%", "**"] {
            engine.register_raw_fn(operator, arguments, move |_cx, _args| -> Fallible<()> {
                Err(opaque(&format!("`{operator}` needs the value of")))
            });
        }
    }
    engine
        .register_get("len", |_secret: &mut SecretText| -> Fallible<i64> {
            Err(opaque("`len` needs the value of"))
        })
        .register_indexer_get(|_secret: &mut SecretText, _at: Dynamic| -> Fallible<()> {
            Err(opaque("`[…]` needs the value of"))
        });
    let mut letters = Module::new();
    letters.set_iter_result(secret, |_secret| {
        Box::new(std::iter::once(Err(opaque("`for` needs the value of"))))
    });
    engine.register_global_module(letters.into());
}

fn register_derivations(engine: &mut Engine, derivations: &'static [Derivation]) {
    for derivation in derivations {
        let arguments = vec![TypeId::of::<Dynamic>(); derivation.arity];
        engine.register_raw_fn(
            derivation.name,
            arguments,
            move |_cx: NativeCallContext<'_>, args: &mut [&mut Dynamic]| {
                secrets::apply(derivation, args)
            },
        );
    }
}
