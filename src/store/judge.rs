//! What a start may do: a pure decision from what the journal holds and what the records prove.
//!
//! Lost history means stop. A bad tail is set aside only if nothing of it can have been acknowledged:
//! no later readable line belongs to another batch, and the records have not reached it. Where the
//! records cannot say how far they were, the tail must look like a write that the power cut.
//! Nothing here touches the disk.

use std::path::Path;

use super::Loss;
use super::error::OpenError;
use super::line::Digest32;
use super::scan::Scanned;

/// How far the records have come, as far as they can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// There are none, and there never were any.
    Absent,
    /// They cannot be read, and why.
    Unknown(String),
    /// Up to this line.
    At {
        /// Its number.
        seq: u64,
        /// Its hash.
        hash: Digest32,
        /// Why they have to be rebuilt all the same.
        outdated: Option<String>,
    },
}

/// What the start has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Set the bad tail aside.
    pub(super) cut_tail: bool,
    /// Move the records aside and rebuild them, and why.
    pub(super) rebuild: Option<String>,
    /// The loss that the operator has accepted.
    pub(super) loss: Option<Loss>,
}

/// Decides. `hash_at_reach` is the hash of the journal's line at the number that the records reached.
pub(super) fn judge(
    scanned: &Scanned,
    reach: &Reach,
    hash_at_reach: Option<Digest32>,
    accept: Option<u64>,
    records: &Path,
) -> Result<Verdict, OpenError> {
    let end = scanned.end();
    refuse_damage_in_the_middle(scanned)?;
    let agrees = match reach {
        Reach::At { seq, hash, .. } => *seq <= end && hash_at_reach == Some(*hash),
        Reach::Absent | Reach::Unknown(_) => true,
    };
    if let Some(given) = accept {
        return accepted(end, given, reach, agrees, scanned.bad.is_some());
    }
    match reach {
        Reach::At { seq, .. } if *seq > end => {
            Err(refuse_bad_line(scanned).unwrap_or(OpenError::Loss {
                journal: end,
                records: *seq,
            }))
        }
        Reach::At { seq, .. } if !agrees => Err(OpenError::OtherHistory {
            seq: *seq,
            journal: end,
        }),
        Reach::At { outdated, .. } => Ok(Verdict {
            cut_tail: scanned.bad.is_some(),
            rebuild: outdated.clone(),
            loss: None,
        }),
        Reach::Unknown(_) if scanned.segments.is_empty() && scanned.bad.is_none() => {
            Err(OpenError::JournalGone {
                records: records.to_owned(),
            })
        }
        Reach::Absent | Reach::Unknown(_) => match &scanned.bad {
            Some(bad) if !bad.torn => Err(refuse_bad_line(scanned).unwrap_or(OpenError::Loss {
                journal: end,
                records: bad.seq,
            })),
            bad => Ok(Verdict {
                cut_tail: bad.is_some(),
                rebuild: why_unknown(reach),
                loss: None,
            }),
        },
    }
}

/// A bad line before readable lines of another batch is never accepted.
fn refuse_damage_in_the_middle(scanned: &Scanned) -> Result<(), OpenError> {
    match &scanned.bad {
        Some(bad) if bad.followed => Err(OpenError::BadLine {
            segment: bad.path.clone(),
            line: bad.line,
            why: bad.why.clone(),
            accept: None,
        }),
        _ => Ok(()),
    }
}

/// The refusal that names the bad line at the end of the journal, if there is one.
fn refuse_bad_line(scanned: &Scanned) -> Option<OpenError> {
    scanned.bad.as_ref().map(|bad| OpenError::BadLine {
        segment: bad.path.clone(),
        line: bad.line,
        why: bad.why.clone(),
        accept: Some(scanned.end()),
    })
}

/// The operator says that what is missing is lost: right only with the journal's last number.
fn accepted(
    end: u64,
    given: u64,
    reach: &Reach,
    agrees: bool,
    cut_tail: bool,
) -> Result<Verdict, OpenError> {
    if given != end {
        return Err(OpenError::WrongLoss {
            given,
            journal: end,
        });
    }
    let (records, rebuild) = match reach {
        Reach::At { seq, .. } if !agrees => (*seq, Some("its history was lost".to_owned())),
        Reach::At { seq, outdated, .. } => (*seq, outdated.clone()),
        Reach::Absent | Reach::Unknown(_) => (end, why_unknown(reach)),
    };
    Ok(Verdict {
        cut_tail,
        rebuild,
        loss: Some(Loss {
            journal: end,
            records,
        }),
    })
}

fn why_unknown(reach: &Reach) -> Option<String> {
    match reach {
        Reach::Unknown(why) => Some(why.clone()),
        Reach::Absent | Reach::At { .. } => None,
    }
}
