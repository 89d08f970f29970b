//! Every reader and a great many bytes that are nearly right.
//!
//! `scripts/test` runs some cases of each and replays what was found before (tests/fixtures/corpus). For more:
//! `FUZZ_CASES=1000000 cargo test --release --no-default-features --features train --test readers -- --nocapture fuzz`

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::memory::most_of;
use crate::mutate::mutated;
use crate::targets::{Target, targets};

/// Cases of each reader where nobody asks for more.
const CASES: usize = 1500;
/// An error is one line of at most so many characters.
const LONGEST: usize = 500;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/corpus")
        .join(target)
}

/// What is wrong with how a reader takes `bytes`.
fn fault(target: &Target, bytes: &[u8]) -> Option<String> {
    let (read, most) = most_of(|| catch_unwind(AssertUnwindSafe(|| (target.read)(bytes))));
    match read {
        Err(_) => return Some("a panic".into()),
        Ok(Err(text))
            if text.contains('\n') || text.chars().count() > LONGEST || text.is_empty() =>
        {
            return Some(format!(
                "not a line of at most {LONGEST} characters: {text}"
            ));
        }
        Ok(_) => {}
    }
    let allowed = target.times * bytes.len() + target.always;
    (most > allowed).then(|| format!("{most} bytes of memory for {} of input", bytes.len()))
}

#[test]
fn fuzz() {
    let cases = std::env::var("FUZZ_CASES").map_or(CASES, |text| text.parse().unwrap());
    let only = std::env::var("FUZZ_ONLY").ok();
    let mut faults = Vec::new();
    for target in targets() {
        if only
            .as_ref()
            .is_some_and(|only| !only.split(',').any(|name| name == target.name))
        {
            continue;
        }
        for seed in &target.seeds {
            faults.extend(
                fault(&target, seed).map(|what| format!("{}: a seed: {what}", target.name)),
            );
        }
        let began = Instant::now();
        let mut slowest = Duration::ZERO;
        let mut dice = Dice(
            target
                .name
                .bytes()
                .fold(1, |seed, byte| seed * 31 + u64::from(byte)),
        );
        for case in 0..cases {
            let bytes = mutated(&mut dice, &target.seeds, &target.tokens);
            let start = Instant::now();
            let found = fault(&target, &bytes);
            slowest = slowest.max(start.elapsed());
            if let Some(what) = found {
                let folder = corpus(target.name);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(format!("{case:07}")), &bytes).unwrap();
                faults.push(format!("{} case {case}: {what}", target.name));
            }
        }
        println!(
            "{}: {cases} cases in {:.0} s, the slowest {} ms",
            target.name,
            began.elapsed().as_secs_f64(),
            slowest.as_millis()
        );
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults[..faults.len().min(20)].join("\n")
    );
}

#[test]
fn what_was_found_once_is_not_found_again() {
    let mut replayed = 0;
    for target in targets() {
        let Ok(entries) = fs::read_dir(corpus(target.name)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let found = fault(&target, &fs::read(&path).unwrap());
            assert_eq!(found, None, "{}", path.display());
            replayed += 1;
        }
    }
    assert!(replayed > 0, "the corpus is gone");
}
