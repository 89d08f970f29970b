//! The plans that the properties are checked on.

use ddim_web::engine::plan::Plan;
use ddim_web::unet::config::UnetConfig;

use crate::fixture::{
    CIFAR10, CLASSES, FOURIER, Fixture, GREY_28, NO_MIDDLE, SCALE_SHIFT, THREE_LEVELS,
};
use crate::random::draw;

/// Every architecture of the fixtures.
const FIXTURES: [Fixture; 7] = [
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

/// The plans of all fixtures and of 200 networks drawn at random, each with its `config.json`.
pub fn plans() -> impl Iterator<Item = (String, Plan)> {
    let fixtures = FIXTURES.iter().map(|fixture| fixture.config.to_string());
    let drawn = (0..200).map(|seed| draw(seed).json);
    fixtures.chain(drawn).map(|json| {
        let plan = plan(&json);
        (json, plan)
    })
}
