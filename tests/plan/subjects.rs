//! The plans that the properties are checked on.

use ddim_web::engine::plan::Plan;
use ddim_web::unet::config::UnetConfig;

use crate::fixture::{
    CIFAR10, CLASSES, FOURIER, Fixture, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS,
};
use crate::random::draw;

/// Every architecture of the fixtures; the first is the largest by far.
pub const FIXTURES: [Fixture; 7] = [
    CIFAR10,
    THREE_LEVELS,
    SCALE_SHIFT,
    GREY_28,
    FOURIER,
    CLASSES,
    NO_MIDDLE,
];

/// The plan of a network at the size of its own `config.json`.
pub fn plan(json: &str) -> Plan {
    let config = UnetConfig::from_json(json).unwrap();
    Plan::new(&config, config.sample_size.unwrap()).unwrap()
}

/// How many networks are drawn; in the browser a handful, as native runs prove the rest.
const NETWORKS: u32 = if cfg!(target_arch = "wasm32") {
    10
} else {
    200
};

/// The plans of all fixtures and of networks drawn at random, each with its `config.json`.
pub fn plans() -> impl Iterator<Item = (String, Plan)> {
    let fixtures = FIXTURES.iter().map(|fixture| fixture.config.to_string());
    let drawn = (0..NETWORKS).map(|seed| draw(seed).json);
    fixtures.chain(drawn).map(|json| {
        let plan = plan(&json);
        (json, plan)
    })
}
