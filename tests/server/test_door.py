"""Who is let in: the attack list of hosts, origins, tokens, paths and methods, each put to the whole application."""

import re

import pytest

from latentscape.server.door import Keys

from .asking import HOST, PORT, TRICKY_VERSION, Visitor, make_opened

PROMISED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    """One run for all: nothing here changes it."""
    root = tmp_path_factory.mktemp("door")
    (root / "data" / "set").mkdir(parents=True)
    (root / "data" / "set" / "a.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt " + b"\1" * 64)
    (root / "secret.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt SECRET")
    return Visitor(root / "run", make_opened(root / "data"))


def refused(answer, *statuses):
    """No byte of ours came back, and no other page may read what did."""
    assert answer.status in (statuses or (403, 404, 405, 400)), answer
    assert not any(word in answer.body for word in (b"PAYLOAD", b"PAGE", b"SECRET", b"RIFF", b"set/"))
    assert "set-cookie" not in answer.headers
    check_headers(answer)
    return answer


def check_headers(answer):
    assert PROMISED.items() <= answer.headers.items()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "server" not in answer.headers


# -- the right visitor ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "@payload",
        "@details/0?layer=mlp&checkpoint=0",
        "@search?q=a",
        "@rows?column=label&values=x",
        "@media/0",
        "/status",
        "@status",
    ],
)
def test_whoever_has_the_cookie_gets_everything_with_the_promised_headers(visitor, path, method):
    for headers in (
        [],
        [("origin", f"http://{HOST}"), ("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "none")],
    ):
        answer = visitor.ask(path, method=method, headers=headers)
        assert answer.status == 200, answer
        check_headers(answer)


def test_localhost_is_the_same_place(visitor):
    assert visitor.ask("@payload", host=f"localhost:{PORT}").status == 200
    same, other = f"http://localhost:{PORT}", f"http://{HOST}"
    assert visitor.ask("@payload", host=f"localhost:{PORT}", headers=[("origin", same)]).status == 200
    refused(visitor.ask("@payload", host=f"localhost:{PORT}", headers=[("origin", other)]), 403)


# -- host, origin, method -------------------------------------------------------------------------------------------

HOSTS = [
    "evil.com", f"evil.com:{PORT}", f"127.0.0.1.nip.io:{PORT}", f"localhost.evil.com:{PORT}",
    f"localhost:{PORT}@evil.com",
    f"localhost.:{PORT}", f"127.0.0.1.:{PORT}", "127.0.0.1", "localhost", "127.0.0.1:80", f"127.0.0.1:{PORT + 1}", "",
    f"127.0.0.1:{PORT}.", f"127.0.0.1:0{PORT}", f"[::1]:{PORT}", f"[::ffff:127.0.0.1]:{PORT}", f"0.0.0.0:{PORT}",
    f"2130706433:{PORT}",
    f"0x7f000001:{PORT}", f"127.1:{PORT}", f"127.0.0.1:{PORT}, evil.com", f"LOCALHOST.EVIL:{PORT}",
    f"127.0.0.1:{PORT}/", f"127.0.0.1:{PORT}#",
    f"user@127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT}",
]  # fmt: skip


@pytest.mark.parametrize("host", [*HOSTS, None])
def test_other_hosts_are_refused_whatever_they_know(visitor, host):
    refused(visitor.ask("@payload", host=host), 403)
    token = visitor.keys.cut()
    refused(visitor.ask(f"/?token={token}", host=host, knows=False), 403)
    assert visitor.keys.spend(token)  # it was not used up


def test_two_hosts_and_forwarded_hosts_change_nothing(visitor):
    refused(visitor.ask("@payload", headers=[("host", HOST)]), 403)
    refused(visitor.ask("@payload", headers=[("host", "evil.com")]), 403)
    for name in ("x-forwarded-host", "x-forwarded-for", "forwarded", "x-original-host", "x-host"):
        refused(visitor.ask("@payload", host="evil.com", headers=[(name, HOST)]), 403)
        assert visitor.ask("@payload", headers=[(name, "evil.com")]).status == 200
    for name in ("x-original-url", "x-rewrite-url"):
        assert visitor.ask("/status", headers=[(name, f"/{TRICKY_VERSION}/payload")]).body[:1] == b"{"


@pytest.mark.parametrize(
    "origin",
    ["http://evil.com", "null", "", f"http://localhost:{PORT}", f"http://127.0.0.1:{PORT + 1}", f"https://{HOST}",
    "http://127.0.0.1",
     f"http://{HOST}.evil.com", f"http://{HOST}/", "file://", f"http://evil@{HOST}"],
)  # fmt: skip
def test_other_origins_are_refused(visitor, origin):
    refused(visitor.ask("@payload", headers=[("origin", origin)]), 403)
    refused(visitor.ask("@payload", headers=[("origin", f"http://{HOST}"), ("origin", origin)]), 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "SAME-ORIGIN", "none, same-origin"])
def test_other_sites_are_refused(visitor, site):
    refused(visitor.ask("@media/0", headers=[("sec-fetch-site", site), ("sec-fetch-dest", "audio")]), 403)
    refused(visitor.ask(f"/?token={visitor.keys.cut()}", headers=[("sec-fetch-site", site)], knows=False), 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "get", "PROPFIND"])
def test_nothing_but_looking_is_possible(visitor, method):
    for path in ("/", "@payload", "@media/0", "/status"):
        answer = refused(visitor.ask(path, method=method, headers=[("access-control-request-method", "GET")]), 405)
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "header", [("content-length", "5"), ("transfer-encoding", "chunked"), ("content-length", "-1")]
)
def test_nothing_can_be_sent(visitor, header):
    assert refused(visitor.ask("@payload", headers=[header]), 400).headers["connection"] == "close"


# -- token and cookie -----------------------------------------------------------------------------------------------


def test_a_token_opens_once_and_leaves_a_cookie_for_our_pages_only(visitor):
    token = visitor.keys.cut()
    answer = visitor.ask(f"/?token={token}", knows=False)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert re.fullmatch(
        rf"latentscape-{PORT}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=strict", answer.headers["set-cookie"]
    )
    assert token not in str(answer.headers)
    assert answer.headers["set-cookie"].startswith(visitor.cookie())
    refused(visitor.ask(f"/?token={token}", knows=False), 403)
    again = visitor.ask(f"/?token={token}")  # who knows us only loses the token
    assert (again.status, again.headers["location"]) == (303, "/")
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("change", [lambda t: "", lambda t: t[:-1], lambda t: t + "a", lambda t: t[:10],
lambda t: "x" * 43,
                                    lambda t: t.swapcase(), lambda t: "%00" + t, lambda t: "é" * 20,
                                    lambda t: "%F0%9F%92%A9"])  # fmt: skip
def test_other_tokens_open_nothing(visitor, change):
    token = visitor.keys.cut()
    refused(visitor.ask(f"/?token={change(token)}", knows=False), 403)
    refused(visitor.ask(f"/?token={change(token)}&token={token}", knows=False), 403)
    assert visitor.keys.spend(token)


def test_a_token_counts_in_the_address_of_the_first_page_only(visitor):
    token = visitor.keys.cut()
    refused(visitor.ask("/", knows=False, headers=[("referer", f"http://{HOST}/?token={token}")]), 403)
    refused(visitor.ask("/", knows=False, headers=[("authorization", f"Bearer {token}"), ("x-token", token)]), 403)
    refused(visitor.ask("/", knows=False, headers=[("cookie", f"token={token}; latentscape-{PORT}={token}")]), 403)
    refused(visitor.ask(f"@payload?token={token}", knows=False), 403)
    refused(visitor.ask(f"/status?token={token}", knows=False), 403)
    refused(visitor.ask(f"/?token={token}", method="HEAD", knows=False), 403)
    refused(visitor.ask(f"/?token={token}", headers=[("sec-purpose", "prefetch")], knows=False), 403)
    refused(visitor.ask(f"/?{'a=1&' * 9}token={token}", knows=False), 403)
    assert visitor.keys.spend(token)


@pytest.mark.parametrize(
    "path",
    ["/", "@", "@payload", "@details/0", "@search?q=a", "@rows?column=label", "@media/0", "/status", "@status", "/x"],
)
def test_without_the_cookie_there_is_nothing(visitor, path):
    secret, name = visitor.keys.secret, f"latentscape-{PORT}"
    wrong = ["", f"{name}=", f"{name}={secret[:-1]}", f"{name}={secret}x", f"latentscape-{PORT + 1}={secret}",
    f"{name.upper()}={secret}",
             secret, f"{name}=\xff\xfe", f"x{name}={secret}"]  # fmt: skip
    for cookie in wrong:
        refused(visitor.ask(path, knows=False, headers=[("cookie", cookie)]), 403)
    assert "latentscape open" in visitor.ask(path, knows=False).body.decode()


def test_a_cookie_that_another_port_set_keeps_nobody_out(visitor):
    for cookie in (
        f"a=b; latentscape-{PORT}=tossed; {visitor.cookie()}",
        f"{visitor.cookie()}; latentscape-{PORT}=tossed",
    ):
        assert visitor.ask("@payload", knows=False, headers=[("cookie", cookie)]).status == 200


def test_a_token_for_the_browser_ends_with_its_time():
    keys = Keys()
    assert not keys.spend(keys.cut(seconds=-1))
    assert keys.spend(keys.cut(seconds=60))
    assert len({keys.cut() for _ in range(50)} | {keys.secret}) == 51


# -- paths ----------------------------------------------------------------------------------------------------------

PATHS = [
    "/../", "/..", "@../secret.wav", "@media/../../secret.wav", "/%2e%2e/", "@media/%2e%2e%2fsecret.wav",
    "@media/%252e%252e", "@media/..%5csecret",
    "@media/%00", "@media/0%00", "//etc/passwd", "@/media/0", "@media//0", "@media/-1", "@media/1e9",
    "@media/1000000000", "@media/0x1", "@media/4",
    "@media/999999999999999999999", "@media/0.wav", "@media/\xb2", "@media/%D9%A1", "@media/%EF%BC%8E%EF%BC%8E",
    "@media/+0", "@media/ 0", "@media/",
    "@media/0/", "@media", "@media/a", "@media/" + "1" * 5000, "/" + "a" * 5000, "/" + "a/" * 90, "@details/4",
    "@details/-1", "@details/x",
    "/etc/passwd", "/static/../x", "/data/set/a.wav", "/0123456789abcdeF/payload", "/0123456789abcdef0/payload",
    "/payload", "http://evil.com/",
    f"http://{HOST}/{TRICKY_VERSION}/payload", "*", "", "evil.com:80", f"/{TRICKY_VERSION};/payload", "@payload%2f",
    "@payload\t", "@~root", "@.git/config",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_odd_paths_lead_nowhere(visitor, path):
    refused(visitor.ask(path), 404, 410)


def test_browsers_that_ask_for_an_icon_get_none_and_no_error(visitor):
    answer = refused(visitor.ask("/favicon.ico", knows=False), 204)
    assert answer.body == b""
    refused(visitor.ask("/favicon.ico", host="evil.com"), 403)


def test_a_question_that_is_too_long_is_not_read(visitor):
    refused(visitor.ask("@search?q=" + "a" * 20_000), 414)
    assert visitor.ask("@search?q=" + "a" * 1001).status == 400
    assert visitor.ask("@search?q=" + "%E1%BB%99" * 1000).status == 200


# -- a bug ----------------------------------------------------------------------------------------------------------


def test_a_bug_says_nothing_to_its_asker(visitor, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("\x1b[31m the secret /path")

    monkeypatch.setattr("latentscape.server.app.describe_sample", fail)
    answer = visitor.ask("@details/0")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert visitor.told[-1].startswith("a request failed: RuntimeError")
    check_headers(answer)
