//! Student's distribution.

/// Returns the chance that Student's `t` with this number of degrees of freedom is further from 0.
///
/// The finite sums for whole degrees: Abramowitz and Stegun, 26.7.3 and 26.7.4.
fn beyond(t: f64, degrees: usize) -> f64 {
    let angle = (t.abs() / (degrees as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    // Each term is the one before by cosine^2 and a ratio of whole numbers.
    let (mut term, mut sum, mut power) = if odd { (cosine, 0.0, 1) } else { (1.0, 0.0, 0) };
    while power < degrees - 1 {
        sum += term;
        power += 2;
        term *= cosine * cosine * (power - 1) as f64 / power as f64;
    }
    let within = match odd {
        true => (angle + sine * sum) * std::f64::consts::FRAC_2_PI,
        false => sine * sum,
    };
    1.0 - within
}

/// Returns the distance from 0 that Student's t with `degrees` degrees of freedom exceeds with
/// probability `chance`.
///
/// # Panics
/// Without a degree of freedom.
pub(super) fn quantile(chance: f64, degrees: usize) -> f64 {
    assert!(degrees > 0, "two sides with a single repeat each have no scatter");
    let (mut low, mut high) = (0.0, 1.0);
    while beyond(high, degrees) > chance && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if beyond(middle, degrees) > chance { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        // Two-sided, from tables of Student's t.
        for (chance, degrees, expected) in [
            (0.05, 1, 12.706),
            (0.05, 2, 4.303),
            (0.05, 5, 2.571),
            (0.01, 8, 3.355),
            (0.001, 4, 8.610),
            (0.001, 7, 5.408),
            (0.001, 30, 3.646),
            (0.05, 120, 1.980),
        ] {
            let found = quantile(chance, degrees);
            assert!((found - expected).abs() < 6e-4, "{chance} {degrees}: {found}, {expected}");
        }
    }

    #[test]
    fn small_chances_are_far_away() {
        let far: Vec<f64> = [1e-2, 1e-4, 1e-6].map(|chance| quantile(chance, 9)).into();
        assert!(far.is_sorted() && far[2] < 20.0, "{far:?}");
    }
}
