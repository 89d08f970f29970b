//! What the classifier is whose features are compared, and what it cannot see.

use super::super::frechet::Floor;

/// Two sentences, from what its file says about itself.
pub fn about(floor: &Floor) -> String {
    let named = |name: &str| floor.network.get(name).map_or("not stated", String::as_str);
    format!(
        " The {} features are those of a small classifier ({}; trained on {}; accuracy {}). {}",
        floor.features,
        named("architecture"),
        named("data"),
        named("accuracy"),
        blind(named("data"))
    )
}

/// `tools/train_features.py` writes `NAME by LABEL: …` where the classes are one of several properties of the images.
fn blind(data: &str) -> String {
    let label = data
        .split_once(" by ")
        .and_then(|(_, rest)| rest.split_once(':'));
    match label {
        Some((label, _)) => format!(
            "It learned to tell the images apart by {label} alone: what says nothing about {label} its features can \
             miss, however wrong it is in the samples."
        ),
        None => "It learned to tell its classes apart: what says nothing about the class its features can miss.".into(),
    }
}
