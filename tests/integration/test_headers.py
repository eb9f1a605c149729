# SPDX-License-Identifier: Apache-2.0
"""What people may put into the requests' headers, and what never gets there."""

import pytest
from harness.wait import wait_until

URL = "https://example.com/"

RESERVED = [
    "webhook-id", "webhook-timestamp", "webhook-signature", "webhook-attempt", "webhook-anything", "webhook-", "ce-id",
    "ce-source", "ce-", "content-length", "content-type", "transfer-encoding", "host", "connection", "keep-alive", "te",
    "trailer", "upgrade", "expect", "proxy-authorization", "proxy-connection", "proxy-", "user-agent", "accept-encoding",
    "traceparent", "tracestate", "http2-settings", ":authority", ":method", ":path", ":",
]
NO_TOKENS = ["", " ", "a b", " a", "a ", "a:", "a\r\nx", "a\nb", "a\tb", "a\u007f", "é", "a\u2028b", "a,b", "a(b)", 'a"b']
BAD_VALUES = [
    "a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1", "\r\n\r\nPOST / HTTP/1.1", "a\u0001b", "a\u007f",
    "a\u000bb", "a\u0085b", "é", "a\u2028b", "", " ", "a ", "\ta", "x" * 4097, None, 1, True, [], {},
]


def refused(answer, field):
    assert answer.status_code == 422, answer.text
    fields = [e["field"] for e in answer.json()["errors"]]
    assert any(f.startswith(field) for f in fields), fields


def test_reserved_names_in_any_case(petrel):
    good = petrel.api.subscribe(URL, headers={"X-Good": "1"})
    for name in RESERVED:
        for written in {name, name.upper(), name.title(), name.swapcase()}:
            refused(petrel.api.post("/v1/subscriptions", {"url": URL, "event_types": ["*"], "headers": {written: "x"}}),
                    "headers")
            refused(petrel.api.patch(f"/v1/subscriptions/{good['id']}", {"headers": {written: "x"}}), "headers")
    assert petrel.api.ok("GET", f"/v1/subscriptions/{good['id']}/secret")["headers"] == {"X-Good": "1"}


def test_names_and_values_that_would_leave_their_line(petrel):
    for name in NO_TOKENS + ["x" * 129]:
        refused(petrel.api.post("/v1/subscriptions", {"url": URL, "event_types": ["*"], "headers": {name: "x"}}),
                "headers")
    for value in BAD_VALUES:
        refused(petrel.api.post("/v1/subscriptions", {"url": URL, "event_types": ["*"], "headers": {"X-A": value}}),
                "headers")
    nul = '{"url":"%s","event_types":["*"],"headers":{"X-A":"a\\u0000b"}}' % URL
    answer = petrel.api.post("/v1/subscriptions", data=nul, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    refused(petrel.api.post("/v1/subscriptions", {"url": URL, "event_types": ["*"],
                                                  "headers": {"X-A": "1", "x-a": "2"}}), "headers")
    assert petrel.api.items("/v1/subscriptions") == []


def test_twenty_of_the_longest_and_no_more(petrel, receiver, xadd):
    headers = {f"{'X-' + str(i):a<128}": chr(97 + i) * 4096 for i in range(20)}
    refused(petrel.api.post("/v1/subscriptions", {"url": URL, "event_types": ["*"], "headers": {**headers, "y": "1"}}),
            "headers")
    made = petrel.api.subscribe(receiver.url("/"), headers=headers)
    refused(petrel.api.patch(f"/v1/subscriptions/{made['id']}", {"headers": {"y": "1"}}), "headers")
    xadd(type="a", data="1")
    request = wait_until(lambda: receiver.at("/"), 15, "the delivery")[0]
    assert {n: v for n, v in request.header_lines if n in headers} == headers


def test_odd_but_legal_headers_arrive_as_they_are(petrel, receiver, xadd):
    headers = {"!#$%&'*+-.^_`|~": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "X-Tab": "a\tb", "X-Colon": ": :", "X-Semi": ";",
               "Authorization": "Bearer abc", "Cookie": "a=b; c=d", "Accept": "*/*"}
    petrel.api.subscribe(receiver.url("/"), headers=headers)
    xadd(type="a", data="1")
    request = wait_until(lambda: receiver.at("/"), 15, "the delivery")[0]
    assert {n: v for n, v in request.header_lines if n in headers} == headers


@pytest.mark.parametrize("field, values", [
    ("content_type", ["text/plain\r\nX-Injected: 1", "text/plain\nx", "text/plain; a=\"\r\n\"", "text/plain\0", "text/é",
                      "text", "/", "text/plain;", "", "text/plain " + "x" * 300]),
    ("traceparent", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Injected: 1", "x", "",
                     "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
                     "00-00000000000000000000000000000000-b7ad6b7169203331-01"]),
    ("id", ["a\r\nX-Injected: 1", "a b", "a:b", "é", "", "x" * 65]),
])
def test_fields_of_events_that_become_headers(petrel, receiver, xadd, redis_server, field, values):
    petrel.api.subscribe(receiver.url("/"))
    for value in values:
        xadd(type="a", payload="x", **{field: value})
    xadd(type="last", payload="x")
    rejected = wait_until(lambda: len(i := petrel.api.items("/v1/rejected-events")) == len(values) and i, 10,
                          "all are rejected")
    assert all(field in event["reason"] for event in rejected), rejected
    wait_until(lambda: receiver.count() == 1, 15, "the good one")
    assert "x-injected" not in receiver.requests[0].headers
    wait_until(lambda: redis_server.pending() == 0, 15, "all is settled")
