//! The time that the servers' own threads were at work, as the kernel counts it.
//!
//! A client that shares the processors with the server is a part of every rate; of this it is none. All
//! servers of this process are counted together, so only one may be called at a time.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// How actix's threads are called by the kernel, which keeps 15 characters.
const NAME: &str = "actix-server wo";

/// The time of all of them since they began.
pub(crate) fn time() -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task").context("this needs Linux")? {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))?.trim_end() == NAME {
            let counted = fs::read_to_string(thread.join("schedstat"))?;
            let first = counted.split(' ').next().unwrap_or_default();
            nanoseconds += first.parse::<u64>().context("the kernel counts nothing")?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}
