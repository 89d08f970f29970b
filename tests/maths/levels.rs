//! Runs that begin or end at a level between x_T and the image.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    scheduler::TrajectoryOptions,
    step::{Convention, Method},
    timesteps::Tau,
};

use crate::support::unclipped;

/// (t, t_next) of every step of a run.
fn levels(options: &TrajectoryOptions) -> Result<Vec<(usize, Option<usize>)>, String> {
    let trajectory = unclipped().trajectory(options).map_err(|e| e.to_string())?;
    Ok(trajectory.steps.iter().map(|s| (s.t, s.t_next)).collect())
}

fn between(method: Method, from: Option<usize>, to: Option<usize>) -> TrajectoryOptions {
    TrajectoryOptions {
        tau: Some(Tau::Custom(vec![0, 250, 500, 750])),
        from,
        to,
        ..TrajectoryOptions::new(method, 1)
    }
}

#[test]
fn a_run_between_two_levels_visits_both_and_what_tau_has_between_them() {
    let ddim = Method::Ddim { eta: 0.0 };
    let [retrace, strict] = Convention::ALL.map(Method::Inversion);
    for (options, expected) in [
        (
            between(ddim, Some(999), None),
            vec![
                (999, Some(750)),
                (750, Some(500)),
                (500, Some(250)),
                (250, Some(0)),
                (0, None),
            ],
        ),
        (
            between(ddim, Some(300), None),
            vec![(300, Some(250)), (250, Some(0)), (0, None)],
        ),
        (
            between(ddim, Some(250), None),
            vec![(250, Some(0)), (0, None)],
        ),
        (between(ddim, Some(0), None), vec![(0, None)]),
        (
            between(ddim, None, Some(499)),
            vec![(750, Some(500)), (500, Some(499))],
        ),
        (
            between(ddim, Some(600), Some(100)),
            vec![(600, Some(500)), (500, Some(250)), (250, Some(100))],
        ),
        (
            between(retrace, None, Some(300)),
            vec![(0, Some(0)), (250, Some(250)), (300, Some(300))],
        ),
        (
            between(strict, None, Some(300)),
            vec![(0, Some(0)), (0, Some(250)), (250, Some(300))],
        ),
        (
            between(retrace, Some(100), None),
            vec![(250, Some(250)), (500, Some(500)), (750, Some(750))],
        ),
        (
            between(strict, Some(100), None),
            vec![(100, Some(250)), (250, Some(500)), (500, Some(750))],
        ),
    ] {
        assert_eq!(levels(&options), Ok(expected), "{options:?}");
    }
}

#[test]
fn levels_that_a_run_cannot_have_are_refused() {
    let ddim = Method::Ddim { eta: 0.0 };
    let inversion = Method::Inversion(Convention::Retrace);
    for (options, message) in [
        (
            between(ddim, Some(1000), None),
            "from: expected a time step of 0 to 999, found 1000",
        ),
        (
            between(inversion, None, Some(1000)),
            "to: expected a time step of 0 to 999, found 1000",
        ),
        (
            between(ddim, None, Some(750)),
            "to: expected a time step of less than 750, where the run begins, found 750",
        ),
        (
            between(ddim, Some(9), Some(10)),
            "to: expected a time step of less than 9, where the run begins, found 10",
        ),
        (
            between(inversion, Some(10), Some(9)),
            "to: expected a time step of more than 10, where the run begins, found 9",
        ),
        (
            between(inversion, Some(750), None),
            "from: expected a time step of less than 750, where tau ends, found 750",
        ),
    ] {
        assert_eq!(levels(&options), Err(message.into()));
    }
}

/// Cutting a run in two changes nothing but where it is cut.
#[test]
fn a_run_in_two_parts_has_the_steps_of_the_whole() {
    let steps = |options: &TrajectoryOptions| unclipped().trajectory(options).unwrap().steps;
    for method in [
        Method::Ddim { eta: 0.7 },
        Method::Inversion(Convention::Strict),
    ] {
        let whole = steps(&between(method, None, None));
        let (first, second) = (
            between(method, None, Some(500)),
            between(method, Some(500), None),
        );
        assert_eq!([steps(&first), steps(&second)].concat(), whole, "{method}");
    }
}
