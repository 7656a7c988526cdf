//! Fourth act: the agent opens the sealed file and shows the token; resource servers ask about it.

use anyhow::Context;
use reqwest::StatusCode;
use serde_json::json;

use super::super::play::Play;

/// Opens, activates, checks.
pub(in super::super) async fn use_it(play: &mut Play) -> anyhow::Result<()> {
    play.act("the agent opens it, resource servers check it")?;
    let token = play.opened()?;
    let (label, digits) = token
        .expose()
        .rsplit_once('_')
        .context("what was sealed is no token")?;
    let claim = format!(
        "codex's key opens it: {label}_…, {} hex digits",
        digits.len()
    );
    let right = label == "og_codex-kan-1" && digits.len() == 64;
    let found = label.to_owned();
    play.keep(token);
    play.check(right, &claim, found)?;

    let token = play.token()?;
    let (status, told) = play.stage.activate(&token).await?;
    play.page.happens(&format!(
        "codex shows it to the bot (POST /v1/activate) and is told: {status}, may {}",
        told["scope"]
    ))?;
    play.check(
        status == StatusCode::OK && told["scope"] == "board:read card:write",
        "the credential is in use from here on",
        format!("{status} {told}"),
    )?;
    let told = play.introspect().await?;
    play.page.happens(&format!(
        "kanban-api asks (POST /v1/introspect): active {}, sub {}, scope {}, aud {}",
        told["active"], told["sub"], told["scope"], told["aud"]
    ))?;
    play.check(
        told["active"] == true && told["sub"] == "codex-kan-1",
        "the resource server lets codex in",
        &told,
    )?;
    let other = play.stage.introspect_as("ops-api", &token).await?;
    play.page
        .happens(&format!("ops-api, of another board, asks: {other}"))?;
    play.check(
        other == json!({"active": false}),
        "a server of another board learns nothing",
        &other,
    )
}
