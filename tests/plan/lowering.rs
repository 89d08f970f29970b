//! The list of operations means what the network means.

use crate::fixture::{CLASSES, FOURIER, NO_MIDDLE, SCALE_SHIFT};
use crate::parity;
use crate::replay::Replay;
use crate::test;

async fn replay(config: &str, weights: &[u8]) -> Replay {
    Replay::load(config, weights)
}

test!(
    a_replayed_plan_equals_diffusers,
    parity::equals_diffusers(&[SCALE_SHIFT, FOURIER, CLASSES, NO_MIDDLE], replay)
);
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
test!(
    a_replayed_plan_equals_burn_on_random_networks,
    parity::equals_reference(replay)
);
#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
test!(
    runs_over_a_replayed_plan_equal_burn,
    parity::runs_equal_reference(replay)
);
