//! Work that SRCU leaves to others than its readers.

use document::run::{Body, GracePeriods};

use super::source::Source;
use crate::block::{Block, Value};
use crate::table::body_name;

pub(super) fn grace_periods(source: &Source<'_>, body: Body) -> Vec<Block> {
    let mut block = Block::titled("grace periods of SRCU", 0).of_body(body_name(body));
    block.rows = source.rows(|row| {
        let requested = row.measured(body)?.grace_periods.as_ref();
        let GracePeriods { ended, wakeups, looks, put_off } =
            requested.filter(|periods| periods.wakeups > 0)?;
        Some(vec![Value::plain(format!(
            "{ended} ended, {wakeups} wake-ups, {looks} looks at all cores, {put_off} of them put \
             off by readers"
        ))])
    });
    vec![block]
}
