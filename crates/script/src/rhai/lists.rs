//! Functions over lists and maps that Rhai's own packages lack, or have without bounds.

use std::{cmp::Ordering, fmt::Write as _};

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use super::{
    compare::{equal, order},
    print::{self, Bounded},
    session::{Fallible, refuse, room, work},
};

/// Registers them.
pub(super) fn register(engine: &mut Engine) {
    register_comparing(engine);
    register_sorting(engine);
    engine
        .register_fn("pad", |list: &mut Array, len: i64, item: Dynamic| pad(list, len, &item))
        .register_fn("join", |list: &mut Array, by: &str| join(list, by))
        .register_fn("join", |list: &mut Array| join(list, ""))
        .register_fn("first", |list: &mut Array| list.first().cloned().unwrap_or(Dynamic::UNIT))
        .register_fn("last", |list: &mut Array| list.last().cloned().unwrap_or(Dynamic::UNIT))
        .register_fn("sum", sum)
        .register_fn("get", |map: &mut Map, key: &str, otherwise: Dynamic| {
            map.get(key).cloned().unwrap_or(otherwise)
        });
}

fn register_comparing(engine: &mut Engine) {
    engine
        .register_fn("==", |a: &mut Array, b: Array| same_lists(a, &b))
        .register_fn("!=", |a: &mut Array, b: Array| same_lists(a, &b).map(|same| !same))
        .register_fn("==", |a: &mut Map, b: Map| same_maps(a, &b))
        .register_fn("!=", |a: &mut Map, b: Map| same_maps(a, &b).map(|same| !same))
        .register_fn("contains", |list: &mut Array, value: Dynamic| {
            position(list, &value, 0).map(|at| at >= 0)
        })
        .register_fn("index_of", |list: &mut Array, value: Dynamic| position(list, &value, 0))
        .register_fn("index_of", |list: &mut Array, value: Dynamic, start: i64| {
            position(list, &value, start)
        })
        .register_fn("dedup", |list: &mut Array| dedup(list, &mut |a, b| equal(a, b)))
        .register_fn("dedup", |cx: NativeCallContext<'_>, list: &mut Array, same: FnPtr| {
            dedup(list, &mut |a, b| {
                let args = [a.clone(), b.clone()];
                same.call_raw(&cx, None, args).map(|same| same.as_bool().unwrap_or(false))
            })
        });
}

fn register_sorting(engine: &mut Engine) {
    let by = |cx: NativeCallContext<'_>, list: &mut Array, comparer: FnPtr| {
        sort(list, &mut |a, b| ask(&cx, &comparer, a, b))
    };
    let ordered_by = |cx: NativeCallContext<'_>, list: &mut Array, comparer: FnPtr| {
        let mut list = list.clone();
        sort(&mut list, &mut |a, b| ask(&cx, &comparer, a, b)).map(|()| list)
    };
    engine
        .register_fn("sort", |list: &mut Array| sort(list, &mut order))
        .register_fn("sort_desc", |list: &mut Array| sort(list, &mut |a, b| order(b, a)))
        .register_fn("sort", by)
        .register_fn("sort_by", by)
        .register_fn("order", |list: &mut Array| {
            let mut list = list.clone();
            sort(&mut list, &mut order).map(|()| list)
        })
        .register_fn("order_desc", |list: &mut Array| {
            let mut list = list.clone();
            sort(&mut list, &mut |a, b| order(b, a)).map(|()| list)
        })
        .register_fn("order", ordered_by)
        .register_fn("order_by", ordered_by);
}

fn same_lists(a: &Array, b: &Array) -> Fallible<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_maps(a: &Map, b: &Map) -> Fallible<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for ((a_key, a), (b_key, b)) in a.iter().zip(b) {
        work(a_key.len())?;
        if a_key != b_key || !equal(a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn position(list: &Array, value: &Dynamic, start: i64) -> Fallible<i64> {
    let distance = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    let start = if start < 0 { list.len().saturating_sub(distance) } else { distance };
    for (at, item) in list.iter().enumerate().skip(start) {
        if equal(item, value)? {
            return Ok(i64::try_from(at).unwrap_or(i64::MAX));
        }
    }
    Ok(-1)
}

fn dedup(
    list: &mut Array,
    same: &mut dyn FnMut(&Dynamic, &Dynamic) -> Fallible<bool>,
) -> Fallible<()> {
    let mut is_kept = vec![true; list.len()];
    let mut last = 0;
    for at in 1..list.len() {
        is_kept[at] = !same(&list[last], &list[at])?;
        if is_kept[at] {
            last = at;
        }
    }
    let mut kept = is_kept.into_iter();
    list.retain(|_| kept.next().unwrap_or(true));
    Ok(())
}

fn pad(list: &mut Array, len: i64, item: &Dynamic) -> Fallible<()> {
    let missing = usize::try_from(len).unwrap_or(0).saturating_sub(list.len());
    room(missing.saturating_mul(size_of::<Dynamic>()))?;
    list.reserve(missing);
    for _ in 0..missing {
        work(1)?;
        room(0)?;
        list.push(item.clone());
    }
    Ok(())
}

fn join(list: &Array, by: &str) -> Fallible<ImmutableString> {
    let mut text = Bounded::new(usize::MAX);
    for (at, item) in list.iter().enumerate() {
        let separator = if at == 0 { "" } else { by };
        // An error has stopped the run already; the text is then thrown away.
        let _is_whole =
            text.write_str(separator).and_then(|()| text.write_str(&print::text(item))).is_ok();
        work(0)?;
    }
    Ok(text.into_text().into())
}

fn sum(list: &mut Array) -> Fallible<Dynamic> {
    let mut whole: i64 = 0;
    let mut broken: f64 = 0.0;
    let mut has_float = false;
    for item in list.iter() {
        work(1)?;
        if let Ok(integer) = item.as_int() {
            whole = whole.checked_add(integer).ok_or_else(|| refuse("the sum is too large"))?;
        } else if let Ok(float) = item.as_float() {
            broken += float;
            has_float = true;
        } else {
            return Err(refuse("`sum` needs a list of numbers"));
        }
    }
    Ok(if has_float { (broken + whole as f64).into() } else { whole.into() })
}

fn ask(
    cx: &NativeCallContext<'_>,
    comparer: &FnPtr,
    a: &Dynamic,
    b: &Dynamic,
) -> Fallible<Ordering> {
    let answer = comparer.call_raw(cx, None, [a.clone(), b.clone()])?;
    if let Ok(number) = answer.as_int() {
        return Ok(number.cmp(&0));
    }
    if let Ok(number) = answer.as_float() {
        return Ok(number.partial_cmp(&0.0).unwrap_or(Ordering::Equal));
    }
    match answer.as_bool() {
        Ok(true) => Ok(Ordering::Less),
        Ok(false) => Ok(Ordering::Greater),
        Err(_) => Err(refuse(
            "the comparer of `sort` must return a number (below, at or above 0) or whether the \
             first goes first",
        )),
    }
}

/// Sorts a list, stably. The standard library's sort panics when a comparer contradicts itself, and
/// cannot stop half-way; this one leaves the list as it was when the comparer fails.
fn sort(
    list: &mut Array,
    compare: &mut dyn FnMut(&Dynamic, &Dynamic) -> Fallible<Ordering>,
) -> Fallible<()> {
    room(list.len().saturating_mul(3 * size_of::<usize>()))?;
    let order = sorted((0..list.len()).collect(), list, compare)?;
    let mut items: Vec<Option<Dynamic>> = std::mem::take(list).into_iter().map(Some).collect();
    *list = order.into_iter().filter_map(|at| items[at].take()).collect();
    Ok(())
}

fn sorted(
    mut left: Vec<usize>,
    list: &Array,
    compare: &mut dyn FnMut(&Dynamic, &Dynamic) -> Fallible<Ordering>,
) -> Fallible<Vec<usize>> {
    if left.len() < 2 {
        return Ok(left);
    }
    let right = left.split_off(left.len() / 2);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = sorted(left, list, compare)?.into_iter().peekable();
    let mut right = sorted(right, list, compare)?.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let comes_later = compare(&list[*a], &list[*b])? == Ordering::Greater;
        merged.extend(if comes_later { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
