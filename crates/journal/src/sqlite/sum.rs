//! Checksums that chain the events of a run: each covers its event and the one before it.
//!
//! They find damage, not forgery, so they are made to be fast: XXH64, whose values on a test list are
//! public. Any change within eight bytes of a short text changes them for certain, any other but for
//! one chance in 2^64.

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

/// Returns the sum that a run's first event stands on: that of its id and record.
pub(super) fn first(run: &str, record: &[u8]) -> u64 {
    xxh64(record, xxh64(run.as_bytes(), 0))
}

/// Returns the sum of an event that follows one with the sum `previous`.
pub(super) fn next(previous: u64, seq: u64, time: i64, kind: &str, body: &[u8]) -> u64 {
    let mut head = [0; 16];
    head[..8].copy_from_slice(&seq.to_le_bytes());
    head[8..].copy_from_slice(&time.to_le_bytes());
    xxh64(body, xxh64(kind.as_bytes(), xxh64(&head, previous)))
}

fn xxh64(data: &[u8], seed: u64) -> u64 {
    let (blocks, rest) = data.as_chunks::<32>();
    let mut sum = if blocks.is_empty() { seed.wrapping_add(P5) } else { stripes(blocks, seed) };
    sum = sum.wrapping_add(data.len() as u64);
    let (lanes, rest) = rest.as_chunks::<8>();
    for lane in lanes {
        sum ^= round(0, u64::from_le_bytes(*lane));
        sum = sum.rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        sum ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(P1);
        sum = sum.rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
    }
    for byte in rest {
        sum ^= u64::from(*byte).wrapping_mul(P5);
        sum = sum.rotate_left(11).wrapping_mul(P1);
    }
    sum = (sum ^ (sum >> 33)).wrapping_mul(P2);
    sum = (sum ^ (sum >> 29)).wrapping_mul(P3);
    sum ^ (sum >> 32)
}

/// Returns what the whole blocks come to.
fn stripes(blocks: &[[u8; 32]], seed: u64) -> u64 {
    let mut sums = [
        seed.wrapping_add(P1).wrapping_add(P2),
        seed.wrapping_add(P2),
        seed,
        seed.wrapping_sub(P1),
    ];
    for block in blocks {
        let (lanes, _) = block.as_chunks::<8>();
        for (sum, lane) in sums.iter_mut().zip(lanes) {
            *sum = round(*sum, u64::from_le_bytes(*lane));
        }
    }
    let turned = sums.iter().zip([1, 7, 12, 18]).map(|(sum, by)| sum.rotate_left(by));
    let joined = turned.fold(0_u64, u64::wrapping_add);
    sums.iter()
        .fold(joined, |joined, sum| (joined ^ round(0, *sum)).wrapping_mul(P1).wrapping_add(P4))
}

fn round(sum: u64, lane: u64) -> u64 {
    sum.wrapping_add(lane.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: u64) {
        assert_eq!(xxh64(text.as_bytes(), 0), expected, "{text}");
    }

    #[test]
    fn sums_are_those_that_others_compute() {
        check("", 0xEF46_DB37_51D8_E999);
        check("a", 0xD24E_C4F1_A98C_6E5B);
        check("abc", 0x44BC_2CF5_AD77_0999);
        check("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1);
    }

    #[test]
    fn every_part_of_an_event_counts() {
        let sum = next(1, 2, 3, "log", b"{}");
        for other in [
            next(0, 2, 3, "log", b"{}"),
            next(1, 3, 3, "log", b"{}"),
            next(1, 2, 4, "log", b"{}"),
            next(1, 2, 3, "lag", b"{}"),
            next(1, 2, 3, "log", b"{ }"),
        ] {
            assert_ne!(sum, other);
        }
    }
}
