//! From an owner's comment to the credential: from the delivery of the approval to the post with the
//! sealed file reaching the forge, with the forge's own time told apart.

use std::path::Path;
use std::time::Duration;

use ownergate::clock::Clock;
use ownergate::demo::stage::{Setting, Stage};
use ownergate::store::Faults;

use crate::life::Life;
use crate::load::{self, Load, Sample};
use crate::proxy::Proxy;
use crate::stand::{self, BATCHES, Stand};
use crate::table::{self, Row};

/// Credentials from each bot.
const TIMES: usize = 60;

/// Times of one bot.
#[derive(Default)]
struct Times {
    accepted: Sample,
    whole: Sample,
    forge: Sample,
    own: Sample,
}

/// A bot behind a way to its forge that notes times.
async fn behind(
    directory: &Path,
    clock: &Clock,
    max_batch: usize,
) -> anyhow::Result<(Stand, Proxy)> {
    std::fs::create_dir_all(directory)?;
    let mut stage = Stage::build(directory, Setting::new(clock.clone()))?;
    let proxy = Proxy::open(stage.forge.address(), clock).await?;
    let setting = stage.setting();
    let way = format!("http://{}", proxy.address);
    setting.config = setting.config.replace("{forge}", &way);
    let stand = Stand::start(stage, max_batch, Faults::none()).await?;
    Ok((stand, proxy))
}

/// One approval.
async fn once(
    life: &mut Life<'_>,
    proxy: &mut Proxy,
    clock: &Clock,
    times: &mut Times,
) -> anyhow::Result<()> {
    let issue = life.ask().await?;
    life.approve(issue).await?;
    let deliveries = life.waiting();
    proxy.forget();
    let began = clock.monotonic();
    for delivery in &deliveries {
        life.send(delivery).await?;
    }
    let accepted = clock.monotonic() - began;
    let posted = proxy.post().await?;
    let forge = proxy.busy(began, posted);
    let whole = posted - began;
    times.accepted.push(accepted);
    times.whole.push(whole);
    times.forge.push(forge);
    times.own.push(whole.saturating_sub(forge));
    life.stand.bot.idle().await;
    life.open(issue)?;
    Ok(())
}

/// Measures and prints.
pub(crate) async fn run(directory: &Path, clock: &Clock) -> anyhow::Result<()> {
    let fixed = stand::static_handler()?;
    let mut stands = Vec::new();
    let mut proxies = Vec::new();
    for max_batch in BATCHES {
        let place = directory.join(format!("batch-{max_batch}"));
        let (stand, proxy) = behind(&place, clock, max_batch).await?;
        stands.push(stand);
        proxies.push(proxy);
    }
    let mut lives = Vec::new();
    for stand in &stands {
        lives.push(Life::begin(stand).await?);
    }
    let mut still = Sample::default();
    let mut times: [Times; 2] = Default::default();
    let turn = Load {
        connections: 1,
        within: Duration::from_millis(100),
        status: 200,
    };
    for _ in 0..TIMES {
        for ((life, proxy), times) in lives.iter_mut().zip(&mut proxies).zip(&mut times) {
            once(life, proxy, clock, times).await?;
        }
        still.add(&load::run(clock, fixed, turn, stand::static_requests(50)).await?);
    }
    print(&still, times);
    drop(lives);
    for stand in stands {
        stand.stop().await;
    }
    Ok(())
}

fn print(still: &Sample, [usual, one]: [Times; 2]) {
    let (usual, one) = (usual.sorted(), one.sorted());
    let row = |what, usual, one| Row::times(what, usual, Some(still), Some(one));
    let rows = [
        Row::times("static handler, 1 connection", still, None, None),
        row("delivery to 202", &usual.accepted, &one.accepted),
        row(
            "delivery to the credential's post",
            &usual.whole,
            &one.whole,
        ),
        row("of that: waiting for the forge", &usual.forge, &one.forge),
        row("of that: the bot's own share", &usual.own, &one.own),
    ];
    table::print(
        "Comment to credential, one at a time",
        "median times",
        &rows,
    );
}

impl Times {
    fn sorted(mut self) -> Self {
        for sample in [
            &mut self.accepted,
            &mut self.whole,
            &mut self.forge,
            &mut self.own,
        ] {
            sample.waits.sort_unstable();
        }
        self
    }
}
