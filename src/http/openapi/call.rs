//! One call: what it takes and every answer that it has, with the headers that stand in it.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, Required};

use super::shape::{Shape, named};

/// JSON.
pub(super) const JSON: &str = "application/json";
/// What HTML forms send.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
/// Bare words.
pub(super) const PLAIN: &str = "text/plain; charset=utf-8";
/// The errors of RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// How it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

impl From<Method> for HttpMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::Get,
            Method::Post => Self::Post,
            Method::Delete => Self::Delete,
        }
    }
}

/// A parameter.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) place: ParameterIn,
    pub(super) needed: bool,
    pub(super) what: &'static str,
    pub(super) shape: Shape,
}

/// An answer that works.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) what: &'static str,
    pub(super) contents: Vec<(&'static str, Option<Shape>)>,
    pub(super) headers: Vec<&'static str>,
}

/// One call.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) group: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    /// Which of the logins it takes; none: anybody may call.
    pub(super) login: Option<&'static str>,
    /// Whether it can be called without that login, too.
    pub(super) login_is_optional: bool,
    /// Whether calls are counted: their answers say how much is left.
    pub(super) limited: bool,
    /// Whether it is the same by every method.
    pub(super) by_any_method: bool,
    pub(super) given: Vec<Given>,
    pub(super) body: Vec<(&'static str, Shape)>,
    /// Whether there has to be a body.
    pub(super) body_is_needed: bool,
    pub(super) answers: Vec<Answer>,
    /// Statuses of problems, and what they mean here.
    pub(super) problems: Vec<(u16, &'static str)>,
}

impl Call {
    /// A call with no more than a name.
    pub(super) fn new(method: Method, path: &'static str, id: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            group: "",
            summary: "",
            about: "",
            login: None,
            login_is_optional: false,
            limited: false,
            by_any_method: false,
            given: Vec::new(),
            body: Vec::new(),
            body_is_needed: false,
            answers: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// For whom it is, and what it does in a line.
    pub(super) fn of(mut self, group: &'static str, summary: &'static str) -> Self {
        (self.group, self.summary) = (group, summary);
        self
    }

    /// What else there is to know.
    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Who may call.
    pub(super) fn login(mut self, login: &'static str) -> Self {
        self.login = Some(login);
        self
    }

    /// Who may call, and that others may, too.
    pub(super) fn login_or_none(mut self, login: &'static str) -> Self {
        self.login_is_optional = true;
        self.login(login)
    }

    /// Its calls are counted by who makes them, or by what is tried.
    pub(super) fn limited(mut self, what: &'static str) -> Self {
        self.limited = true;
        self.problems(&[(429, what)])
    }

    /// Another method changes nothing.
    pub(super) fn by_any_method(mut self) -> Self {
        self.by_any_method = true;
        self
    }

    /// A parameter behind `?`.
    pub(super) fn query(
        self,
        name: &'static str,
        needed: bool,
        what: &'static str,
        shape: Shape,
    ) -> Self {
        self.given(Given {
            name,
            place: ParameterIn::Query,
            needed,
            what,
            shape,
        })
    }

    /// A part of the path.
    pub(super) fn part(self, name: &'static str, what: &'static str, shape: Shape) -> Self {
        self.given(Given {
            name,
            place: ParameterIn::Path,
            needed: true,
            what,
            shape,
        })
    }

    /// A header.
    pub(super) fn header(
        self,
        name: &'static str,
        needed: bool,
        what: &'static str,
        shape: Shape,
    ) -> Self {
        self.given(Given {
            name,
            place: ParameterIn::Header,
            needed,
            what,
            shape,
        })
    }

    fn given(mut self, given: Given) -> Self {
        self.given.push(given);
        self
    }

    /// One form of its body.
    pub(super) fn body(mut self, kind: &'static str, shape: Shape) -> Self {
        self.body.push((kind, shape));
        self.body_is_needed = true;
        self
    }

    /// One form of its body, which may be missing.
    pub(super) fn body_or_none(mut self, kind: &'static str, shape: Shape) -> Self {
        self.body.push((kind, shape));
        self
    }

    /// An answer in JSON.
    pub(super) fn json(self, status: u16, what: &'static str, shape: Shape) -> Self {
        self.contents(status, what, vec![(JSON, Some(shape))])
    }

    /// An answer in one of several forms.
    pub(super) fn contents(
        mut self,
        status: u16,
        what: &'static str,
        contents: Vec<(&'static str, Option<Shape>)>,
    ) -> Self {
        let headers = Vec::new();
        self.answers.push(Answer {
            status,
            what,
            contents,
            headers,
        });
        self
    }

    /// An answer without a body.
    pub(super) fn empty(self, status: u16, what: &'static str) -> Self {
        self.contents(status, what, Vec::new())
    }

    /// Headers of the answer before.
    pub(super) fn with_headers(mut self, headers: &[&'static str]) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers = headers.to_vec();
        }
        self
    }

    /// Problems that it can have.
    pub(super) fn problems(mut self, problems: &[(u16, &'static str)]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// What every call has that needs the store.
    pub(super) fn needs_store(self) -> Self {
        self.problems(&[(
            503,
            "starting, or the disk fails or is nearly full: try again later",
        )])
    }

    /// What every call has that takes a body of at most so much.
    pub(super) fn takes_body(self) -> Self {
        self.problems(&[
            (413, "the body is too large"),
            (
                415,
                "the body is compressed, or of a kind that is not taken here",
            ),
        ])
    }

    /// Every problem, with those that all calls have.
    pub(super) fn all_problems(&self) -> Vec<(u16, &'static str)> {
        let mut problems = self.problems.clone();
        if !self.by_any_method {
            problems.push((405, "this address takes other methods, which `Allow` names"));
        }
        problems.sort_by_key(|(status, _)| *status);
        problems
    }

    /// As the standard has it.
    pub(super) fn operation(&self) -> Operation {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.group)
            .summary(Some(self.summary));
        if !self.about.is_empty() {
            operation = operation.description(Some(self.about));
        }
        if self.login_is_optional {
            operation = operation.security(SecurityRequirement::default());
        }
        if let Some(login) = self.login {
            operation = operation.security(SecurityRequirement::new(login, [""; 0]));
        }
        for given in &self.given {
            operation = operation.parameter(given.parameter());
        }
        if !self.body.is_empty() {
            let needed = required(self.body_is_needed);
            let mut body = RequestBodyBuilder::new().required(Some(needed));
            for (kind, shape) in &self.body {
                body = body.content(
                    *kind,
                    ContentBuilder::new().schema(Some(shape.clone())).build(),
                );
            }
            operation = operation.request_body(Some(body.build()));
        }
        for answer in &self.answers {
            let mut response = ResponseBuilder::new().description(answer.what);
            for (kind, shape) in &answer.contents {
                response =
                    response.content(*kind, ContentBuilder::new().schema(shape.clone()).build());
            }
            let limits = LIMITS.iter().filter(|_| self.limited);
            for header in answer.headers.iter().chain(limits) {
                response = response.header_ref(*header, header_ref(header));
            }
            operation = operation.response(answer.status.to_string(), response.build());
        }
        for (status, what) in self.all_problems() {
            operation = operation.response(status.to_string(), self.problem(status, what).build());
        }
        operation.build()
    }

    /// A problem of that status.
    fn problem(&self, status: u16, what: &'static str) -> ResponseBuilder {
        let content = ContentBuilder::new().schema(Some(named("Problem"))).build();
        let mut response = ResponseBuilder::new()
            .description(what)
            .content(PROBLEM, content);
        let own: &[&str] = match status {
            401 => &["WWW-Authenticate"],
            405 => &["Allow"],
            409 | 429 | 503 => &["Retry-After"],
            _ => &[],
        };
        // Neither another method nor a bot that cannot work is counted.
        let counted = self.limited && !matches!(status, 405 | 503);
        for header in own.iter().chain(LIMITS.iter().filter(|_| counted)) {
            response = response.header_ref(*header, header_ref(header));
        }
        response
    }
}

/// Headers of whatever is limited.
const LIMITS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];

fn header_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn required(needed: bool) -> Required {
    if needed {
        Required::True
    } else {
        Required::False
    }
}

impl Given {
    fn parameter(&self) -> ParameterBuilder {
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(self.place.clone())
            .required(required(self.needed))
            .description(Some(self.what))
            .schema(Some(self.shape.clone()))
    }
}
