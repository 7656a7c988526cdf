//! After the story: both servers stay up, and whoever watches can play owner and agent with curl.

use super::play::Play;
use super::stage::{CLIENT_SECRET, KAN_NAME};

/// Starts the bot once more and prints the lines to type.
pub(super) async fn open_house(play: &mut Play, program: &str) -> anyhow::Result<()> {
    play.stage.setting().reconcile = true;
    play.stage.start_bot().await?;
    play.act("your turn")?;
    play.page.happens(
        "Forge and bot stay up until Ctrl-C. Paste these lines into another terminal, in an empty folder.",
    )?;
    for line in lines(play, program) {
        play.page.verbatim(&line)?;
    }
    Ok(())
}

/// Everything that is to be typed, in order.
fn lines(play: &Play, program: &str) -> Vec<String> {
    let api = format!("{}/api/v1/repos/{KAN_NAME}", play.stage.forge.url());
    let bot = play.stage.url();
    let (alice, codex) = (&play.stage.alice.token, &play.stage.codex.token);
    let config = play.stage.directory().join("ownergate.toml");
    let config = config.display();
    let text = format!(
        r#"
API={api}; BOT={bot}
call() {{ curl -sS -H "Authorization: token $1" -H 'Content-Type: application/json' "${{@:2}}"; }}
say() {{ call "$1" "$API/issues/$ISSUE/comments" -d "{{\"body\": \"$2\"}}" >/dev/null; sleep 1; }}
ALICE={alice}; CODEX={codex}

# codex opens an issue, makes a key and asks
ISSUE=$(call $CODEX "$API/issues" -d '{{"title": "my own"}}' | grep -o '"number": *[0-9]*' | grep -o '[0-9]*$')
{program} keygen age --out agent.key | tee agent.pub
say $CODEX "/gate request identity=codex-* scopes=board:read ttl=1h recipient=$(grep -o 'age1.*' agent.pub)"

# the thread, as JSON; alice approves with the line that the bot gave
call $ALICE "$API/issues/$ISSUE/comments"
say $ALICE "$(call $ALICE "$API/issues/$ISSUE/comments" | grep -o '/gate approve R[^"\\`]*' | head -n 1)"

# the agent opens the bot's last comment, and tells the bot
call $CODEX "$API/issues/$ISSUE/comments" | grep -o -e '-----BEGIN AGE.*END AGE ENCRYPTED FILE-----' | tail -n 1 | sed 's/\\n/\n/g' | {program} open --identity agent.key --out token --activate --bot $BOT

# a resource server asks
check() {{ curl -sS -u kanban-api:{CLIENT_SECRET} --data-urlencode token@token $BOT/v1/introspect; echo; }}
check

# alice takes it back, and the next check is refused
say $ALICE "/gate revoke codex-kan-$ISSUE"; check

# what the bot's operator sees
curl -sS $BOT/readyz; echo; curl -sS $BOT/metrics
{program} verify --config {config}
"#
    );
    text.lines().map(str::to_owned).collect()
}
