//! What people are called in what the bot says: an owner by the login of the configuration, everybody
//! else by number. Nobody's login from the forge is used here.

use super::super::ids::UserId;
use super::super::policy::Board;
use super::escape::{login, mention};

/// Somebody, without a mention.
pub fn person(board: &Board, user: UserId) -> String {
    board
        .owner(user)
        .map_or_else(|| format!("user {user}"), |owner| login(&owner.login))
}

/// Those of them who are owners, without a mention, with this between two.
pub fn owners(board: &Board, users: impl IntoIterator<Item = UserId>, between: &str) -> String {
    called(board, users, login).join(between)
}

/// Those of them who are owners, as mentions, for what they have to look at.
pub fn mentions(board: &Board, users: impl IntoIterator<Item = UserId>) -> String {
    called(board, users, mention).join(" ")
}

fn called(
    board: &Board,
    users: impl IntoIterator<Item = UserId>,
    call: fn(&str) -> String,
) -> Vec<String> {
    let owners = users.into_iter().filter_map(|user| board.owner(user));
    owners.map(|owner| call(&owner.login)).collect()
}
