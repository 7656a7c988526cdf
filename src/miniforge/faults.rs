//! What goes wrong on purpose: for a method and a path prefix, a number of times or until cleared.
//!
//! A fault either replaces the answer (nothing is done), or hides what was done, or holds a call up
//! until the story lets it go. The first rule that fits is used. Faults of the connection as a whole
//! are `go_away` and `come_back` of the forge.

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This is answered and nothing is done.
    Answer {
        /// The status.
        status: u16,
        /// Headers, for instance `Retry-After`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The call waits until the fault is released, then it is done and answered as usual.
    Delay,
    /// It is done, and the connection ends without an answer.
    LoseAnswer,
    /// The connection ends and nothing is done.
    Drop,
    /// No answer comes and nothing is done; a release ends the connection.
    Hang,
}

impl Fault {
    /// A refusal with the forge's JSON body.
    pub fn status(status: u16) -> Self {
        let body = r#"{"message":"a fault on purpose","url":""}"#;
        Self::with(
            status,
            ("Content-Type", "application/json;charset=utf-8"),
            body,
        )
    }

    /// 429 with this `Retry-After`, in either of its forms.
    pub fn too_many(retry_after: &str) -> Self {
        Self::with(429, ("Retry-After", retry_after), "")
    }

    /// 200 with a page for people, as a proxy's challenge.
    pub fn html() -> Self {
        let page = "<!DOCTYPE html><title>Just a moment</title>";
        Self::with(200, ("Content-Type", "text/html; charset=utf-8"), page)
    }

    /// A redirect to another place.
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::with(status, ("Location", to), "")
    }

    /// An answer with one header.
    fn with(status: u16, (name, value): (&str, &str), body: &str) -> Self {
        let headers = vec![(name.to_owned(), value.to_owned())];
        Self::Answer {
            status,
            headers,
            body: body.to_owned(),
        }
    }
}

/// A fault that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(u64);

/// One fault and where it strikes.
#[derive(Debug)]
struct Rule {
    id: FaultId,
    method: String,
    prefix: String,
    /// `None`: until cleared.
    left: Option<u32>,
    fault: Fault,
    reached: usize,
    released: bool,
}

/// All faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    last: u64,
}

impl Faults {
    /// Sets a fault; `*` is any method, the prefix is of the path below `/api/v1`.
    pub(crate) fn set(
        &mut self,
        method: &str,
        prefix: &str,
        times: Option<u32>,
        fault: Fault,
    ) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.rules.push(Rule {
            id,
            method: method.to_owned(),
            prefix: prefix.to_owned(),
            left: times,
            fault,
            reached: 0,
            released: false,
        });
        id
    }

    /// The fault that strikes this call, if any; it is used up by one.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Option<(FaultId, Fault)> {
        let fits = |rule: &&mut Rule| {
            (rule.method == "*" || rule.method == method)
                && path.starts_with(&rule.prefix)
                && rule.left != Some(0)
        };
        let rule = self.rules.iter_mut().find(fits)?;
        rule.left = rule.left.map(|left| left - 1);
        rule.reached += 1;
        Some((rule.id, rule.fault.clone()))
    }

    /// How many calls it has struck.
    pub(crate) fn reached(&self, id: FaultId) -> usize {
        self.rules
            .iter()
            .find(|rule| rule.id == id)
            .map_or(0, |rule| rule.reached)
    }

    /// Ends a fault, or all of them; calls that it holds up go on.
    pub(crate) fn clear(&mut self, id: Option<FaultId>) {
        for rule in self
            .rules
            .iter_mut()
            .filter(|rule| id.is_none_or(|id| rule.id == id))
        {
            rule.left = Some(0);
            rule.released = true;
        }
    }

    /// Whether calls that it holds up may go on.
    pub(crate) fn released(&self, id: FaultId) -> bool {
        self.rules
            .iter()
            .find(|rule| rule.id == id)
            .is_none_or(|rule| rule.released)
    }
}
