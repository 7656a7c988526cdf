//! What a hostile reader would try: to cut the kill switch, to have something counted that is not what
//! it was, to fill the disk or the thread, and to learn what is none of his business.

mod evidence;
mod floods;
mod kill_switch;
mod shown;

use super::super::*;
use super::*;
use crate::gate::ids::CommentId;
use crate::gate::key::Subject;
use crate::gate::thread::Seen;

/// An edit of a comment is delivered that the forge does not show any more.
fn edited_and_back(story: &mut Story, thread: crate::gate::ids::ThreadKey, id: i64) {
    let look = crate::gate::event::Look::Edited {
        comment: CommentId(id),
        body: Hash::of(b"something else"),
        like_command: false,
        unverified_author: None,
    };
    story.arrive(story.trigger(thread, look));
}

/// A text is noted to have been seen with another body, without anybody having looked again.
fn seen_otherwise(story: &mut Story, subject: Subject) {
    let key = Key::seen(KAN, subject);
    let mut seen: Seen = story.record(&key).unwrap();
    seen.many = true;
    story.records.insert(key, crate::gate::world::encode(&seen));
}

/// How an identity stands.
fn word(story: &Story, slug: &str) -> &'static str {
    story.identity(slug).unwrap().word(story.now)
}
