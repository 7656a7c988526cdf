//! Requests and approvals: the plain form, its bounds, and what is said about near misses.

use super::*;

#[test]
fn the_plain_approval_says_what_it_says() {
    let Reading::Command(Command::Approve(restated)) =
        read("/gate approve R17 7Q4K-9MZT-0XHV scopes=card:write,board:read ttl=8h")
    else {
        panic!("not an approval");
    };
    assert_eq!(restated.request, RequestNumber(17));
    assert_eq!(restated.code.to_string(), "7Q4K-9MZT-0XHV");
    assert_eq!(
        restated.scopes,
        ["board:read".to_owned(), "card:write".to_owned()].into()
    );
    assert_eq!(restated.ttl, Some(8 * 3_600));
}

#[test]
fn only_blanks_and_newlines_at_the_end_are_cut_and_codes_are_read_as_people_type_them() {
    for text in [
        APPROVE.to_owned(),
        format!("{APPROVE}\n"),
        format!("{APPROVE}\r\n"),
        format!("{APPROVE}\r"),
        format!("{APPROVE}  \t\r\n\r\n \n"),
        APPROVE.replace("7Q4K-9MZT-0XHV", "7q4k9mztoxhv"),
        APPROVE.replace("R1 ", "r1 "),
        format!("{APPROVE} otp=123456"),
        "/gate approve R1 7Q4K-9MZT-0XHV ttl=1d scopes=board:read".to_owned(),
    ] {
        assert_eq!(verb(&text), Some("approve"), "{text:?}");
    }
}

#[test]
#[rustfmt::skip]
fn an_approval_lacks_nothing_and_has_nothing_twice() {
    for (text, code, words) in [
        ("/gate approve", "bad_form", "lacks `R17`"),
        ("/gate approve R1", "bad_form", "lacks `the code`"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=1d vouched=me", "bad_request", "`vouched` must be"),
        ("/gate approve 17 7Q4K-9MZT-0XHV scopes=a ttl=1d", "bad_request", "`request` must be"),
        ("/gate approve R01 7Q4K-9MZT-0XHV scopes=a ttl=1d", "bad_request", "`request` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XH scopes=a ttl=1d", "bad_request", "`code` must be"),
        ("/gate approve R1 *7Q4K-9MZT-0XHV* scopes=a ttl=1d", "bad_request", "`code` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes= ttl=1d", "bad_request", "`scopes` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a,a ttl=1d", "bad_request", "there twice"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=*a* ttl=1d", "bad_request", "`scopes` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=A ttl=1d", "bad_request", "`scopes` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=1w", "bad_request", "`ttl` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=-1h", "bad_request", "`ttl` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a scopes=b ttl=1d", "bad_form", "`scopes` is there twice"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=1d otp=12345", "bad_request", "`otp` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=1d otp=12345\\", "bad_request", "`otp` must be"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scope=a ttl=1d", "bad_form", "did you mean `scopes`"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=1d please", "bad_form", "`please` is no `key=value`"),
        ("/gate approve R1 7Q4K-9MZT-0XHV scopes=a ttl=1d identity=x", "bad_form", "no `key=value`"),
    ] {
        let fault = fault(text);
        assert_eq!(fault.code(), code, "{text}");
        let (said, _) = sentence(&fault);
        assert!(said.contains(words), "{text}: {said}");
    }
}

/// Cases a03 and a04: the fault is named and the plain line is given to copy.
#[test]
#[rustfmt::skip]
fn near_misses_are_named_and_get_the_line_to_copy() {
    for (text, words) in [
        (APPROVE.replace("/gate", "/Gate"), "capital letter is `G`"),
        (APPROVE.replace("approve", "APPROVE"), "`/gate APPROVE` must be in lower case"),
        (APPROVE.replace("/gate ", "/gate  "), "U+0020) stands at place 7"),
        (APPROVE.replace(" scopes", "  scopes"), "U+0020) stands at place 33"),
        (APPROVE.replace("/gate ", "/gate\u{a0}"), "U+00A0 (no-break space) stands in line 1 at place 6"),
        (APPROVE.replace(" ttl", "\u{a0}ttl"), "U+00A0 (no-break space) stands in line 1 at place 50"),
        (APPROVE.replace("/gate ", "/gate\t"), "U+0009 (tab) stands in line 1 at place 6"),
        (APPROVE.replace("board", "bo\u{200b}ard"), "U+200B (zero-width space)"),
        (APPROVE.replace("board", "\u{202e}board"), "U+202E (right-to-left override)"),
        (APPROVE.replace('-', "\u{2011}"), "U+2011 (typographic dash)"),
        (format!("{APPROVE}\u{a0}"), "U+00A0 (no-break space)"),
        (format!("{APPROVE}\n\nthank you"), "more text follows"),
        (format!("{APPROVE}\n\u{a0}"), "more text follows"),
        (format!("{APPROVE}\n{APPROVE}"), "more text follows"),
        // Without a copy, these would be read as a plain line by somebody who trims more.
        (format!("\u{feff}{APPROVE}"), "U+FEFF (byte order mark) stands in line 1 at place 1"),
        (APPROVE.replace("/gate ", "/gate\u{200b}"), "U+200B (zero-width space) stands in line 1 at place 6"),
        (APPROVE.replace("/gate", "/ga\u{200d}te"), "U+200D (zero-width joiner) stands in line 1 at place 4"),
        (APPROVE.replace("/gate", "\u{2215}gate"), "U+2215"),
    ] {
        let (said, copy) = said(&text);
        assert!(said.contains(words), "{text:?}: {said}");
        // A joiner that parts two words is dropped and not turned into a blank: nothing is guessed.
        if !text.contains("/gate\u{200b}") {
            assert_eq!(copy.as_deref(), Some(APPROVE), "{text:?}");
        }
        assert_eq!(copy.filter(|copy| !widens(copy)), None, "{text:?}");
    }
}

#[test]
fn a_line_that_is_no_command_is_not_given_to_copy() {
    for text in [
        "/gate approve R1 please\n\nthank you".to_owned(),
        "/gate request an identity\n\nthank you".to_owned(),
        "/Gate approve R1".to_owned(),
        APPROVE.replace("board", "bo\u{e4}rd"),
    ] {
        assert_eq!(said(&text).1, None, "{text:?}");
    }
}

/// Case a06: a reply by mail drags the original along.
#[test]
fn a_reply_by_mail_neither_approves_nor_denies() {
    let mail =
        format!("{APPROVE}\n\nOn Tue, 24 Nov 2026, kan wrote:\n> /gate deny R1\n\n-- \nAlice");
    let (said, copy) = said(&mail);
    assert!(said.contains("must stand alone"), "{said}");
    assert_eq!(copy.as_deref(), Some(APPROVE));
}

#[test]
fn a_request_reads_the_same_from_the_line_and_from_the_block() {
    assert_eq!(form(&request_line()), form(&request_block("")));
    let everything = format!(
        "{} environment=dev display_name=\"Codex \\\"7\\\" \\\\\" resources=inbox,roadmap modes=interactive label=ci reason=\"sort  the roadmap\"",
        request_line()
    );
    let form = form(&everything);
    assert_eq!(form.identity, Name::Pattern("codex".to_owned()));
    assert_eq!(form.environment.as_deref(), Some("dev"));
    assert_eq!(form.display_name.as_deref(), Some("Codex \"7\" \\"));
    assert_eq!(
        form.resources,
        Some(["inbox".to_owned(), "roadmap".to_owned()].into())
    );
    assert_eq!(form.modes, Some(["interactive".to_owned()].into()));
    assert_eq!(form.label.as_deref(), Some("ci"));
    assert_eq!(form.reason.as_deref(), Some("sort  the roadmap"));
    assert_eq!(form.delivery, Delivery::Sealed(RECIPIENT.to_owned()));
    for (quoted, label) in [
        (r#"a \"  b"#, "a \"  b"),
        (r"a \\", "a \\"),
        (r#"\\\"  b"#, "\\\"  b"),
    ] {
        let form = super::form(&format!("{} label=\"{quoted}\"", request_line()));
        assert_eq!(form.label.as_deref(), Some(label));
    }
    assert_eq!(form.ttl, 8 * 3_600);
}

/// Case a01: the web editor ends lines with CRLF.
#[test]
fn line_ends_do_not_matter() {
    let plain = request_block("reason = \"a\"\n");
    let reading = read(&plain);
    assert!(matches!(reading, Reading::Command(_)));
    for text in [
        plain.replace('\n', "\r\n"),
        format!("{}\r\n", plain.replace('\n', "\r\n")),
        format!("{plain}\n \n"),
        plain.trim_end().to_owned(),
        plain.replace("/gate request\n", "/gate request  \n\n"),
    ] {
        assert_eq!(read(&text), reading, "{text:?}");
    }
}

#[test]
fn a_block_is_one_closed_fence_of_known_keys() {
    for (more, words) in [
        ("extra = \"x\"\n", "`extra` is no"),
        ("lable = \"x\"\n", "did you mean `label`"),
        ("ttl = \"9h\"\n", "not valid TOML"),
        ("label = 7\n", "must be a text in quotes"),
        ("label = [\"a\"]\n", "`label` must be one text"),
        ("modes = [1]\n", "must be a list of texts"),
        ("modes = [\"a b\"]\n", "`modes` must be names"),
        ("modes = [\"a\", \"a\"]\n", "there twice"),
        ("environment = \"Dev\"\n", "`environment` must be"),
        (
            "challenge = \"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\"\n",
            "not both",
        ),
        ("label = \"a\u{202e}b\"\n", "U+202E is in it"),
    ] {
        let (said, _) = said(&request_block(more));
        assert!(said.contains(words), "{more}: {said}");
    }
    for (text, words) in [
        (request_block("").replace("\n```\n", "\n"), "is not closed"),
        (format!("{}more", request_block("")), "nothing may follow"),
        (
            request_block("").replace("```toml", "```"),
            "opens with ```toml",
        ),
        (
            request_block("").replace("```toml", "```toml x"),
            "opens with ```toml",
        ),
        (request_block("").replace("```", "``"), "opens with ```toml"),
        ("/gate request\nplease".to_owned(), "opens with ```toml"),
        (
            format!("{}\n```toml\n```", request_line()),
            "must stand alone",
        ),
        ("/gate request".to_owned(), "lacks"),
    ] {
        let (said, _) = said(&text);
        assert!(said.contains(words), "{text}: {said}");
    }
    let longer = request_block("").replace("```", "````");
    assert!(widens(&longer), "a longer fence is a fence");
}

#[test]
#[rustfmt::skip]
fn what_must_be_in_a_request_is_in_it_once_and_well_formed() {
    let line = request_line();
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let claimed = line.replace(
        &format!("recipient={RECIPIENT}"),
        &format!("challenge={challenge}"),
    );
    for (text, code, words) in [
        (line.replace("identity=codex-* ", ""), "bad_form", "lacks `identity=…`"),
        (line.replace("scopes=board:read ", ""), "bad_form", "lacks `scopes=…`"),
        (line.replace("ttl=8h ", ""), "bad_form", "lacks `ttl=…`"),
        (line.replace(&format!(" recipient={RECIPIENT}"), ""), "bad_form", "lacks `recipient=age1…`"),
        (line.replace("codex-*", "Codex"), "bad_request", "`identity` must be"),
        (line.replace("codex-*", "codex*"), "bad_request", "`identity` must be"),
        (line.replace("codex-*", "-*"), "bad_request", "`identity` must be"),
        (line.replace("board:read", "board read"), "bad_form", "`read` is no"),
        (line.replace("board:read", "board:read,"), "bad_request", "`scopes` must be"),
        (line.replace("8h", "soon"), "bad_request", "`ttl` must be"),
        (line.replace(RECIPIENT, &RECIPIENT.replace("8p", "8q")), "bad_request", "none mistyped"),
        (line.replace(RECIPIENT, &RECIPIENT.to_uppercase()), "bad_request", "none mistyped"),
        (line.replace(RECIPIENT, "age1"), "bad_request", "none mistyped"),
        (line.replace(RECIPIENT, "ssh-ed25519"), "bad_request", "none mistyped"),
        (claimed.clone(), "bad_request", "the example of RFC 7636"),
        (claimed.replace("-cM", "-c"), "bad_request", "`challenge` must be"),
        (claimed.replace("-cM", "-c+"), "bad_request", "`challenge` must be"),
        (claimed.replace(challenge, &challenge[..40]), "bad_request", "`challenge` must be"),
        (format!("{line} ttl=9h"), "bad_form", "`ttl` is there twice"),
        (format!("{line} reson=x"), "bad_form", "did you mean `reason`"),
        (format!("{line} reason=\"x"), "bad_request", "does not end in a quote"),
        (format!("{line} reason=\"x\"y"), "bad_request", "does not end in a quote"),
        (format!("{line} reason=\"x\\y\""), "bad_request", "does not end in a quote"),
        (format!("{line} please"), "bad_form", "`please` is no"),
        (format!("{line} please ttl=9h"), "bad_form", "`please` is no"),
        (line.replace("board:read", &"a".repeat(65)), "bad_request", "`scopes` must be"),
        (line.replace("8h", "36526d"), "bad_request", "`ttl` must be"),
    ] {
        let fault = fault(&text);
        assert_eq!(fault.code(), code, "{text}");
        let (said, _) = sentence(&fault);
        assert!(said.contains(words), "{text}: {said}");
    }
    let most: Vec<String> = (0..64).map(|number| format!("s{number}")).collect();
    assert!(widens(&line.replace("board:read", &most.join(","))));
    let over = format!("{},s64", most.join(","));
    let (said, _) = said(&line.replace("board:read", &over));
    assert!(said.contains("at most 64 names"), "{said}");
}

/// Case a07: phones put typographic quotes in.
#[test]
fn a_request_with_typographic_quotes_is_refused_by_their_number() {
    let text = format!("{} reason=\u{201c}test\u{201d}", request_line());
    let (said, copy) = said(&text);
    assert!(said.contains("U+201C (typographic quote)"), "{said}");
    assert_eq!(copy, Some(format!("{} reason=\"test\"", request_line())));
}

/// Case a08: lengths are counted in characters and nothing is cut inside of one.
#[test]
fn a_reason_of_five_hundred_characters_is_whole_and_one_more_is_refused() {
    for reason in [format!("{}🚀", "a".repeat(499)), "🚀".repeat(500)] {
        let form = form(&request_block(&format!("reason = \"{reason}\"\n")));
        assert_eq!(form.reason, Some(reason));
    }
    let over = request_block(&format!("reason = \"{}\"\n", "a".repeat(501)));
    assert!(said(&over).0.contains("at most 500 characters"));
    for key in ["label", "display_name"] {
        assert!(widens(&request_block(&format!(
            "{key} = \"{}\"\n",
            "ä".repeat(80)
        ))));
        let over = request_block(&format!("{key} = \"{}\"\n", "ä".repeat(81)));
        assert!(said(&over).0.contains("at most 80 characters"));
    }
}

#[test]
fn a_request_fits_into_eight_kibibytes() {
    let base = request_block("").trim_end().len();
    let filled = |bytes: usize| {
        let comment = format!("#{}\n", "x".repeat(bytes - base - 2));
        request_block(&comment)
    };
    let fits = filled(MAX_REQUEST_BYTES);
    assert_eq!(fits.trim_end().len(), MAX_REQUEST_BYTES);
    assert!(widens(&fits));
    assert_eq!(fault(&filled(MAX_REQUEST_BYTES + 1)), Fault::TooLong);
}

#[test]
fn a_new_issue_may_only_ask() {
    let asks = read_issue(&request_block(""));
    assert!(matches!(asks, Reading::Command(Command::Request(_))));
    for (text, verb) in [
        (APPROVE, "approve"),
        ("/gate deny R1", "deny"),
        ("/gate revoke x", "revoke"),
        ("/gate pause x", "pause"),
        ("/gate release x", "release"),
        ("/gate help", "help"),
    ] {
        assert_eq!(
            read_issue(text),
            Reading::Fault(Fault::OnlyRequestsInIssues(verb))
        );
    }
    assert_eq!(read_issue("A bug: it crashes."), Reading::Nothing);
    let heading = format!("### Request\n\n{}", request_block(""));
    assert!(matches!(
        read_issue(&heading),
        Reading::Fault(Fault::NotFirst { line: 3, .. })
    ));
}

#[test]
fn a_link_names_a_credential_and_an_identity_and_nothing_else() {
    let Reading::Command(Command::Link(number, slug)) = read("/gate link c9 codex-7f3a\n") else {
        panic!("not a link");
    };
    assert_eq!(
        (number.to_string().as_str(), slug.as_str()),
        ("c9", "codex-7f3a")
    );
    for (text, code) in [
        ("/gate link", "bad_form"),
        ("/gate link c9", "bad_form"),
        ("/gate link codex-7f3a c9", "bad_request"),
        ("/gate link c9 Codex", "bad_request"),
        ("/gate link c9 codex-7f3a please", "bad_form"),
        ("/gate link c9 codex-7f3a\nplease", "not_alone"),
        ("/gate link  c9 codex-7f3a", "bad_character"),
    ] {
        let code_of = fault(text).code();
        assert_eq!(code_of, code, "{text}");
    }
}
