# SPDX-License-Identifier: Apache-2.0
"""What the API says to those who ask wrongly: each answer a problem document that names what to correct."""

import json
import re
import socket

import pytest
import requests
from harness.processes import ROOT

JSON = {"content-type": "application/json"}
HOOK = '"url":"https://example.com/","event_types":["*"]'
BIG = "x" * (256 * 1024)

# method, path, body, headers besides the key, status, detail, (field, message)
MALFORMED = [
    ("POST", "/v1/events", "", JSON, 400, "The body is not valid JSON: ", None),
    ("POST", "/v1/events", "{", JSON, 400, "at byte 1.", None),
    ("POST", "/v1/events", '{"type":"a","data":01}', JSON, 400, "at byte ", None),
    ("POST", "/v1/events", b'{"type":"a","data":"\xff"}', JSON, 400, "not valid JSON", None),
    ("POST", "/v1/events", '{"type":"a","data":1} x', JSON, 400, "not valid JSON", None),
    ("POST", "/v1/events", "[" * 100000, JSON, 400, "not valid JSON", None),
    ("POST", "/v1/events", "[]", JSON, 422, None, ("", "the body must be a JSON object")),
    ("POST", "/v1/events", '{"data":1}', JSON, 422, None, ("type", 'is required, like "invoice.paid"')),
    ("POST", "/v1/events", '{"type":1,"data":1}', JSON, 422, None, ("type", "must be a string")),
    ("POST", "/v1/events", '{"type":"a b","data":1}', JSON, 422, None, ("type", "A-Z a-z 0-9")),
    ("POST", "/v1/events", '{"type":"petrel.x","data":1}', JSON, 422, None, ("type", "reserved")),
    ("POST", "/v1/events", '{"type":"a"}', JSON, 422, None, ("data", "give exactly one of data, payload")),
    ("POST", "/v1/events", '{"type":"a","data":1,"payload":"x"}', JSON, 422, None, ("payload", "exactly one of")),
    ("POST", "/v1/events", '{"type":"a","payload":{}}', JSON, 422, None, ("payload", "must be a string")),
    ("POST", "/v1/events", '{"type":"a","payload_base64":"a*"}', JSON, 422, None, ("payload_base64", "base64")),
    ("POST", "/v1/events", '{"type":"a","data":1,"kind":2}', JSON, 422, None, ("kind", "unknown field")),
    ("POST", "/v1/events", '{"type":"a","type":"b","data":1}', JSON, 422, None, ("type", "given twice")),
    ("POST", "/v1/events", '{"type":"a","data":1,"id":"a b"}', JSON, 422, None, ("id", "A-Z a-z 0-9")),
    ("POST", "/v1/events", '{"type":"a","data":1,"id":"x\\u0000y"}', JSON, 422, None, ("id", "NUL")),
    ("POST", "/v1/events", '{"type":"a","data":1,"timestamp":"now"}', JSON, 422, None, ("timestamp", "RFC 3339")),
    ("POST", "/v1/events", '{"type":"a","data":"%s"}' % BIG, JSON, 413, "larger than the 262144 bytes", None),
    ("POST", "/v1/events", "x" * (2 << 20), JSON, 413, "The body is larger than this server takes.", None),
    ("POST", "/v1/events", '{"type":"a","data":1}', {"content-type": "text/plain"}, 415, "text/plain", None),
    ("POST", "/v1/events", '{"type":"a","data":1}', {}, 415, "send application/json", None),
    ("POST", "/v1/events?dry=1", '{"type":"a","data":1}', JSON, 422, None, ("dry", "unknown parameter")),
    ("POST", "/v1/events", '{"type":"a","data":1}', {**JSON, "idempotency-key": "k" * 256}, 422, None,
     ("Idempotency-Key", "1 to 255")),
    ("GET", "/v1/events/msg_0_1_0", None, {}, 404, "There is no such event.", None),
    ("GET", "/v1/events/a%2Fb", None, {}, 404, "There is nothing at this path", None),
    ("GET", "/v1/events/a%20b", None, {}, 404, "There is no such event.", None),
    ("DELETE", "/v1/events/x", None, {}, 405, "allowed: GET, HEAD", None),
    ("PUT", "/v1/subscriptions", "{}", JSON, 405, "allowed: POST, GET, HEAD", None),
    ("POST", "/v1/subscriptions", "{}", JSON, 422, None, ("url", "is required")),
    ("POST", "/v1/subscriptions", '{"url":"ftp://x/","event_types":["*"]}', JSON, 422, None, ("url", "http")),
    ("POST", "/v1/subscriptions", '{"url":"https://u:p@x/","event_types":["*"]}', JSON, 422, None, ("url", "user")),
    ("POST", "/v1/subscriptions", '{"url":"https://x/","event_types":[]}', JSON, 422, None, ("event_types", "1 to 256")),
    ("POST", "/v1/subscriptions", '{"url":"https://x/","event_types":["a","*b"]}', JSON, 422, None,
     ("event_types[1]", "final *")),
    ("POST", "/v1/subscriptions", '{%s,"headers":{"Webhook-Id":"x"}}' % HOOK, JSON, 422, None,
     ("headers.Webhook-Id", "")),
    ("POST", "/v1/subscriptions", '{%s,"headers":{"X-A":"a\\r\\nX-B: b"}}' % HOOK, JSON, 422, None,
     ("headers.X-A", "")),
    ("POST", "/v1/subscriptions", '{%s,"timeout_ms":1.5}' % HOOK, JSON, 422, None, ("timeout_ms", "whole number")),
    ("POST", "/v1/subscriptions", '{%s,"max_concurrency":0}' % HOOK, JSON, 422, None, ("max_concurrency", "1 to 10000")),
    ("POST", "/v1/subscriptions", '{%s,"retry_schedule":["soon"]}' % HOOK, JSON, 422, None,
     ("retry_schedule[0]", "length of time")),
    ("POST", "/v1/subscriptions", '{%s,"secret":"whsec_AAAA"}' % HOOK, JSON, 422, None, ("secret", "bytes")),
    ("POST", "/v1/subscriptions", '{%s,"signature":"v2"}' % HOOK, JSON, 422, None, ("signature", "v1a")),
    ("POST", "/v1/subscriptions", '{%s,"metadata":[1]}' % HOOK, JSON, 422, None, ("metadata", "JSON object")),
    ("GET", "/v1/subscriptions?limit=0", None, {}, 422, None, ("limit", "from 1 to 200")),
    ("GET", "/v1/subscriptions?limit=1&limit=2", None, {}, 422, None, ("limit", "given twice")),
    ("GET", "/v1/subscriptions?cursor=xyz", None, {}, 422, None, ("cursor", "next_cursor")),
    ("GET", "/v1/subscriptions?stat=paused", None, {}, 422, None, ("stat", "there are: limit, cursor, tenant")),
    ("GET", "/v1/subscriptions?state=on", None, {}, 422, None, ("state", "active, paused, disabled")),
    ("PATCH", "/v1/subscriptions/sub_x", "{}", JSON, 404, "There is no such subscription.", None),
    ("POST", "/v1/subscriptions/sub_x/pause", '{"a":1}', JSON, 422, None, ("a", "unknown field")),
    ("POST", "/v1/subscriptions/sub_x/rotate-secret", '{"grace":"1y"}', JSON, 422, None, ("grace", "up to 30d")),
    ("GET", "/v1/attempts?since=yesterday", None, {}, 422, None, ("since", "2026-01-31T12:00:00Z")),
    ("GET", "/v1/attempts?outcome=ok", None, {}, 422, None, ("outcome", "delivered, retry, dead")),
    ("GET", "/v1/dead-letters/nonsense", None, {}, 404, "There is no such dead letter.", None),
    ("POST", "/v1/dead-letters/e.s/redrive", None, {}, 404, "There is no such dead letter.", None),
    ("DELETE", "/v1/dead-letters/e.s?force=1", None, {}, 422, None, ("force", "this request takes none")),
    ("GET", "/v2/events", None, {}, 404, "/openapi.json lists what there is", None),
    ("GET", "/v1/events%00x", None, {}, 404, "There is nothing at this path", None),
    ("GET", "/v1/subscriptions/", None, {}, 404, "There is nothing at this path", None),
]


def check_problem(answer, status):
    """RFC 9457's shape."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["type"] == "about:blank" and problem["title"] and problem["detail"]
    return problem


def test_malformed_requests_are_told_what_is_wrong(api, redis_server):
    assert len(MALFORMED) >= 30
    for method, path, body, headers, status, detail, error in MALFORMED:
        case = f"{method} {path} {str(body)[:80]}"
        data = body.encode() if isinstance(body, str) else body
        problem = check_problem(api.call(method, path, data=data, headers=headers), status)
        if detail is not None:
            assert detail in problem["detail"], (case, problem)
        if error is not None:
            messages = {item["field"]: item["message"] for item in problem["errors"]}
            assert error[0] in messages and error[1] in messages[error[0]], (case, problem)
        if status == 405:
            allow = api.call(method, path, data=data, headers=headers).headers["allow"]
            assert allow == problem["detail"].split("allowed: ")[1].rstrip(".")
    # And none of it has left anything.
    assert redis_server.client.xlen("petrel:events") == 0 and redis_server.client.hlen("petrel:subscriptions") == 0


def test_all_faulty_fields_are_told_at_once(api):
    body = {"url": "nope", "event_types": ["a", "b c"], "timeout_ms": -1, "headers": {"Host": "x"}, "colour": "red"}
    problem = check_problem(api.post("/v1/subscriptions", body), 422)
    assert {e["field"] for e in problem["errors"]} == {
        "url", "event_types[1]", "timeout_ms", "headers.Host", "colour"}


# ---- who may

@pytest.mark.parametrize("authorization, detail", [
    (None, "Send a key"), ("Basic dXNlcjpwdw==", "Send a key"), ("Bearer", "Send a key"),
    ("Bearer ", "Send a key"), ("Bearer wrong", "not this server's"),
    ("Bearer test-admin-key-0123456789abcde", "not this server's"),
    ("Bearer test-admin-key-0123456789abcdefg", "not this server's"),
    ("Bearer TEST-ADMIN-KEY-0123456789ABCDEF", "not this server's"),
])
def test_without_the_right_key_nothing_is_told(petrel, authorization, detail):
    headers = {"authorization": authorization} if authorization else {}
    for method, path in (("GET", "/v1/subscriptions"), ("POST", "/v1/events"), ("GET", "/v1/no-such-thing")):
        answer = requests.request(method, petrel.url + path, headers=headers, timeout=15)
        assert detail in check_problem(answer, 401)["detail"]
        assert answer.headers["www-authenticate"].startswith('Bearer realm="petrel"')


def test_the_scheme_has_no_case(petrel):
    headers = {"authorization": "bEaReR  test-admin-key-0123456789abcdef"}
    assert requests.get(petrel.url + "/v1/subscriptions", headers=headers, timeout=15).status_code == 200


def test_who_guesses_keys_has_to_wait(petrel):
    statuses = []
    for number in range(25):
        answer = requests.get(petrel.url + "/v1/status", headers={"authorization": f"Bearer {number}"}, timeout=15)
        statuses.append(answer.status_code)
    assert statuses == [401] * 20 + [429] * 5
    assert 0 < int(answer.headers["retry-after"]) <= 60
    check_problem(answer, 429)
    assert petrel.api.get("/v1/status").status_code == 429, "from that address even the right key waits"
    assert requests.get(petrel.url + "/healthz", timeout=15).status_code == 200
    other = requests.Session()
    other.mount("http://", SourceAddress("127.0.0.2"))
    headers = {"authorization": "Bearer test-admin-key-0123456789abcdef"}
    assert other.get(petrel.url + "/v1/status", headers=headers, timeout=15).status_code == 200


class SourceAddress(requests.adapters.HTTPAdapter):
    """From another address of this machine."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


def test_every_answer_forbids_what_browsers_might_do_with_it(api, petrel):
    for answer in (api.get("/v1/subscriptions"), api.get("/v1/nothing"), requests.get(petrel.url + "/", timeout=15)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    preflight = requests.options(petrel.url + "/v1/events", headers={
        "origin": "https://evil.example", "access-control-request-method": "POST"}, timeout=15)
    assert preflight.status_code in (401, 405)
    assert not [name for name in preflight.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("raw", [
    b"GET /v1/events HTTP/1.1\r\n\r\n",                       # no Host
    b"nonsense\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 20000 + b"\r\n",
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
], ids=["no-host", "nonsense", "long-url", "many-headers", "negative-length", "huge-length", "bad-chunk", "tls"])
def test_what_is_no_http_is_refused_and_forgotten(petrel, raw):
    with socket.create_connection(("127.0.0.1", petrel.port), timeout=5) as connection:
        answer = b""
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except TimeoutError:  # a line that doesn't end may yet; the limit of its head is another test's
            assert b"\n" not in raw
        except OSError:
            pass  # refused as rudely as it asked
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert petrel.api.get("/v1/status").status_code == 200


def test_every_documented_route_answers_as_documented(api):
    """Nothing in the document is a promise without a route: each is called, its answer held against it."""
    for method, path, operation in api.document.operations():
        body = None
        if "requestBody" in operation and operation["requestBody"]["required"]:
            body = {}
        url = path.replace("{id}", "evt_1.sub_1" if "dead-letters" in path else "none_1")
        kwargs = {"data": json.dumps(body), "headers": JSON} if body is not None else {}
        answer = api.call(method, url, **kwargs)
        assert answer.status_code not in (405, 500, 501), f"{method} {path}"
        if answer.status_code == 404:
            assert "nothing at this path" not in answer.json()["detail"], f"{method} {path}"


def test_the_handbook_has_every_route(api):
    text = (ROOT / "docs/api.md").read_text()
    for method, path, _ in api.document.operations():
        assert re.search(rf"`?{method}`?[^|\n]*{re.escape(path)}`", text), f"docs/api.md says nothing of {method} {path}"
