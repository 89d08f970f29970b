//! Bytes that are nearly right: seeded changes of good ones.

use crate::dice::Dice;

/// Numbers at which readers go wrong.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

/// One to six changes of one of `seeds`; `tokens` are what the format is made of.
pub fn mutated(dice: &mut Dice, seeds: &[Vec<u8>], tokens: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(12)).min(bytes.len());
        match dice.below(10) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.roll() as u8,
            2 => drop(bytes.splice(at..end, [])),
            3 => {
                let copied = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            4 => {
                let edge = EDGES[dice.below(EDGES.len())].to_le_bytes();
                let width = [1, 2, 4, 8][dice.below(4)];
                let end = (at + width).min(bytes.len());
                bytes.splice(at..end, edge[..width].iter().copied());
            }
            5 => bytes.truncate(at),
            6 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            // A token in place of another, or of what stands at its place.
            7 | 8 if !tokens.is_empty() => {
                let old = tokens[dice.below(tokens.len())];
                let new = tokens[dice.below(tokens.len())];
                let found: Vec<usize> = (bytes.windows(old.len().max(1)).enumerate())
                    .filter(|(_, window)| *window == old)
                    .map(|(i, _)| i)
                    .collect();
                match found.get(dice.below(found.len())) {
                    Some(&i) => drop(bytes.splice(i..i + old.len(), new.iter().copied())),
                    None => drop(bytes.splice(at..at, new.iter().copied())),
                }
            }
            _ => {
                let token = tokens
                    .get(dice.below(tokens.len()))
                    .copied()
                    .unwrap_or(b"\0");
                let repeats = if dice.below(50) == 0 { 200 } else { 1 };
                bytes.splice(at..at, token.repeat(repeats));
            }
        }
    }
    bytes
}
