//! The agent's end of the live view: what it tells, what it is asked to do, and how it is found again.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Response, Status, Streaming};

use super::super::{Agent, Failure, START};
use super::model::{Action, Told, Waiting};
use crate::control::client;
use crate::control::proto::open_event::Event;
use crate::control::proto::{
    ApprovalsRequest, CloseRequest, DecideRequest, LockRequest, OpenEvent, OpenRequest, Said,
    StatusReply, WatchRequest,
};

/// What came from the agent.
pub(super) enum News {
    Lost(String),
    Status(Box<StatusReply>),
    Told(Told),
}

/// The way to the agent. Whatever runs for it ends with it.
pub(super) struct Link {
    socket: PathBuf,
    news: mpsc::UnboundedReceiver<News>,
    teller: mpsc::UnboundedSender<News>,
    tasks: JoinSet<()>,
}

impl Link {
    pub(super) fn new(socket: PathBuf, agent: Agent) -> Self {
        let (teller, news) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(socket.clone(), agent, teller.clone()));
        Self {
            socket,
            news,
            teller,
            tasks,
        }
    }

    /// The next thing that is told.
    pub(super) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // The sender lives in `self`.
            None => std::future::pending().await,
        }
    }

    /// Has the agent do something; what comes of it is told later.
    pub(super) fn does(&mut self, action: Action) {
        while self.tasks.try_join_next().is_some() {}
        let (socket, teller) = (self.socket.clone(), self.teller.clone());
        self.tasks.spawn(async move {
            let told = match client::connect(&socket).await {
                Ok(agent) => done(agent, action, &teller).await.unwrap_or_else(failed),
                Err(absent) => Told::Failed {
                    message: absent.to_string(),
                    advice: START.to_owned(),
                },
            };
            let _nobody_looks = teller.send(News::Told(told)).is_err();
        });
    }
}

/// Passes on what the agent tells, and finds it again when it is gone.
async fn follow(socket: PathBuf, agent: Agent, teller: mpsc::UnboundedSender<News>) {
    let mut agent = Some(agent);
    loop {
        let found = match agent.take() {
            Some(agent) => Ok(agent),
            None => client::connect(&socket).await.map_err(|absent| absent.why),
        };
        let why = match found {
            Ok(agent) => match told(agent, &teller).await {
                Ok(()) => "it has ended".to_owned(),
                Err(status) => status.message().to_owned(),
            },
            Err(why) => why,
        };
        if teller.send(News::Lost(why)).is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn told(mut agent: Agent, teller: &mpsc::UnboundedSender<News>) -> Result<(), Status> {
    let request = WatchRequest { status: true };
    let mut events = agent.watch(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        let Some(status) = event.status else {
            return Err(Status::unimplemented("it is an older version: restart it"));
        };
        let _nobody_looks = teller.send(News::Status(Box::new(status))).is_err();
    }
    Ok(())
}

fn failed(Failure(refusal): Failure) -> Told {
    Told::Failed {
        message: refusal.message,
        advice: refusal.advice,
    }
}

async fn done(
    mut agent: Agent,
    action: Action,
    teller: &mpsc::UnboundedSender<News>,
) -> Result<Told, Failure> {
    match action {
        Action::Open { window, said } => open(agent, window, said, teller).await,
        Action::Close { window } => {
            let reply = agent
                .close(CloseRequest {
                    window: window.clone(),
                })
                .await?;
            let reply = reply.into_inner();
            let text = match (reply.closed.is_empty(), reply.taken_back.is_empty()) {
                (false, _) => format!("{window} is closed and wiped"),
                (true, false) => format!("{window} does not open any more"),
                (true, true) => format!("{window} was not open"),
            };
            Ok(Told::Done(match reply.not_ended.first() {
                Some(refusal) => format!("{text}. {}; {}", refusal.message, refusal.advice),
                None => text,
            }))
        }
        Action::Lock { locked } => {
            let reply = agent.lock(LockRequest { locked }).await?.into_inner();
            Ok(Told::Done(match locked {
                true => format!("locked; windows wiped: {}", reply.closed),
                false => "unlocked".to_owned(),
            }))
        }
        Action::Approvals { tenants } => approvals(agent, tenants).await,
        Action::Decide {
            tenant,
            id,
            approve,
            reason,
        } => {
            let request = DecideRequest {
                tenant,
                id: id.clone(),
                approve,
                reason,
            };
            let _decided: Response<_> = agent.decide(request).await?;
            let word = if approve { "approved" } else { "denied" };
            Ok(Told::Decided(format!("{word} {id}")))
        }
    }
}

/// What waits in all of `tenants`; where that of one cannot be known, that of the others is.
async fn approvals(mut agent: Agent, tenants: Vec<String>) -> Result<Told, Failure> {
    let (mut waiting, mut unknown) = (Vec::new(), Vec::new());
    let asked = tenants.len();
    for tenant in tenants {
        let request = ApprovalsRequest {
            tenant: tenant.clone(),
        };
        let found = match agent.approvals(request).await {
            Ok(reply) => reply.into_inner().approvals.into_iter(),
            Err(status) => {
                unknown.push((tenant, Failure::from(status)));
                continue;
            }
        };
        waiting.extend(found.map(|approval| Waiting {
            tenant: tenant.clone(),
            approval,
        }));
    }
    match unknown.pop() {
        Some((_, failure)) if unknown.len() + 1 == asked => Err(failure),
        last => {
            let told = unknown.into_iter().chain(last).map(|(tenant, failure)| {
                let Failure(refusal) = failure;
                format!("{tenant}: {}; {}", refusal.message, refusal.advice)
            });
            Ok(Told::Approvals(waiting, told.collect()))
        }
    }
}

/// Opens a window, and tells how far that is; what it needs of a person is asked for.
async fn open(
    mut agent: Agent,
    window: String,
    said: Said,
    teller: &mpsc::UnboundedSender<News>,
) -> Result<Told, Failure> {
    let request = OpenRequest {
        window: window.clone(),
        said: Some(said.clone()),
        ..OpenRequest::default()
    };
    let opened = match agent.open(request).await {
        Ok(events) => watched(&window, events.into_inner(), teller).await,
        Err(status) => Err(status),
    };
    let Err(status) = opened else {
        return Ok(Told::Done(format!("{window} is open")));
    };
    let Failure(refusal) = Failure::from(status);
    match refusal.needed {
        Some(needed) if !given(&said, &needed.what) => Ok(Told::Needs {
            window,
            said,
            what: needed.what,
            last: needed.last,
        }),
        _ => Err(Failure(refusal)),
    }
}

/// Asked for once more, it would be asked for for ever.
fn given(said: &Said, what: &str) -> bool {
    match what {
        "ticket" => !said.ticket_number.is_empty(),
        _ => !said.reason.is_empty(),
    }
}

async fn watched(
    window: &str,
    mut events: Streaming<OpenEvent>,
    teller: &mpsc::UnboundedSender<News>,
) -> Result<(), Status> {
    while let Some(event) = events.message().await? {
        let text = match event.event {
            Some(Event::Stage(stage)) => format!("{window}: {stage}"),
            Some(Event::Notice(notice)) => format!("{window}: {notice}"),
            Some(Event::Opened(_)) => return Ok(()),
            None => continue,
        };
        let _nobody_looks = teller.send(News::Told(Told::Busy(text))).is_err();
    }
    Ok(())
}

/// How long until an agent that is gone is looked for again.
const AGAIN: Duration = Duration::from_secs(1);
