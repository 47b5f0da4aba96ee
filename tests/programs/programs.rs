//! Tests that need programs other than Rust and a C compiler.
//!
//! If a program is missing, its tests are ignored, and the last lines of `cargo test` name them and
//! the program's Debian package. With `FAULTSTORM_TEST_ALL=1`, as in `.ci/run`, they fail instead.

#[path = "../common/mod.rs"]
mod common;

mod need;
mod pandas;
mod report_page;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use need::{BROWSER, Need, PANDAS};

/// Set in this program's environment to make it behave as `faultstorm`: Cargo does not build the
/// programs of another package for tests.
const AS_FAULTSTORM: &str = "FAULTSTORM_TEST_AS_FAULTSTORM";

/// Declares the tests that need a program, by their paths.
macro_rules! tests {
    ($($need:ident { $($test:path,)* })*) => {
        vec![$($(trial(stringify!($test), &$need, $test),)*)*]
    };
}

fn trial(name: &'static str, need: &'static Need, test: fn()) -> Trial {
    Trial::ignorable_test(name.replace(' ', ""), move || need.run(name, test))
}

fn main() -> ExitCode {
    if std::env::var_os(AS_FAULTSTORM).is_some() {
        return faultstorm::cmd::main(&[]);
    }
    let trials = tests! {
        PANDAS { pandas::the_snippet_of_the_page_loads_a_run, }
        BROWSER {
            report_page::a_drawing_is_saved_without_a_style_sheet,
            report_page::a_link_shows_what_its_sender_saw,
            report_page::a_page_may_ask_nothing_of_a_network,
            report_page::a_real_run_draws_every_chart_and_says_nothing_to_the_console,
            report_page::every_tick_of_an_axis_over_decades_has_its_label,
            report_page::filters_leave_what_they_say,
            report_page::keys_tell_exact_values_and_warnings_come_first,
            report_page::names_at_the_ends_of_curves_do_not_overlap,
            report_page::nothing_scrolls_sideways_on_a_phone,
            report_page::some_runs::break_even_rates_are_drawn_for_every_think_time,
            report_page::some_runs::operations_have_the_charts_of_faults,
            report_page::some_runs::the_running_kernel_has_a_table_of_its_traps_and_events,
            report_page::some_runs::waits_are_drawn_by_name_in_nanoseconds,
            report_page::some_runs::what_is_not_there_is_one_line,
            report_page::ten_thousand_cells_open_within_three_seconds,
        }
    };
    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.filter.is_none() && !arguments.list {
        need::say_what_was_not_run();
    }
    conclusion.exit_code()
}
