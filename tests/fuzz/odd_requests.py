"""Requests that no client sends: each oddity on its own, several at once, and damaged bytes."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from .conftest import basic

_BAD_SEGMENTS = (
    "%", "%zz", "%00", "%ff%fe", "%c0%af", "%2e%2e", "..", "%2F", "a%2Fb", "%7f", "+", "a:b",
    "%ed%a0%80", "%0d%0aX:1", "{}", "<b>", "%C3%A9", "a" * 300, "*", "~", "9" * 400, "-1", "1_0",
    "%D9%A1", "%3Cb%3E", "99999999999999999999", "",
)  # fmt: skip
_segment = st.sampled_from(_BAD_SEGMENTS) | st.sampled_from(("a", "myorg", "edge", "node1", "data"))
_PATHS = (
    "/api/v1/objects/myorg/a/a", "/api/v1/objects/myorg/a/a/data", "/api/v1/objects/a/a",
    "/api/v1/health", "/api/v1/objects/myorg/{}", "/api/v1/objects/myorg/a/{}",
    "/api/v1/objects/myorg/a/{}/data", "/api/v1/objects/{}/a/b/destinations",
    "/api/v1/objects/a/b/{}", "/api/v1/destinations/{}", "/api/v1/destinations/myorg/{}/{}/objects",
    "/api/v1/organizations/{}", "/api/v1/security/objects/{}", "/spi/v1/objects/",
    "/spi/v1/register/{}", "/spi/v1/objects/myorg/a/{}/1/1/update",
    "/spi/v1/objects/myorg/a/b/{}/{}/data", "/spi/v1/objects/myorg/a/b/1/1/{}", "/metrics", "/{}",
    "//{}", "/api/v1/../{}", "*", "http://x/{}", "/swagger?{}",
)  # fmt: skip
_target = st.builds(
    lambda path, parts, query: path.format(*parts) + query,
    st.sampled_from(_PATHS),
    st.tuples(_segment, _segment, _segment),
    st.sampled_from(
        ("", "?", "?details=%00", "?received=%ff", "?all_objects=1&all_objects=x", "?=&&=", "#x",
         "?since=" + "9" * 400, "?filters=true&objectType=%ed%a0%80", "?persistent-storage=maybe",
         "?brief=true&after=%ed%a0%80", "?brief=%ff", "?bundle=true&last=" + "9" * 400,
         "?bundle=true&after=..&received=x", "?mark=consumed", "?mark=%00&mark=x",
         "?data=0", "?data=5", "?data=-1", "?data=" + "9" * 18, "?data=%ef%bc%91", "?data=2&data=x")
    ),
)  # fmt: skip
_method = st.sampled_from(("GET", "PUT", "PUT", "POST", "DELETE"))
_odd_method = st.sampled_from(
    ("HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "get", "G\0T", "Ä", "")
)
_RANGES = (
    "bytes=0-", "bytes=-", "bytes=--1", "bytes=9-1", "bytes=0-0,1-1", "x", "",
    "bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=１-２",
    "bytes 0-0/1", "bytes 0-5/3", "bytes */1", "bytes 0-0/*", "bytes 0-0/999999999999999999",
    "bytes 999999999999999998-999999999999999998/999999999999999999", "bytes -1-2/3",
)  # fmt: skip
_AUTHORIZATIONS = (
    basic("admin"), basic("node1"), basic("user"), "Basic", "Basic ", "Basic ====", "Basic é",
    "Basic /////w==", "Basic AAAA", "Bearer x", "basic " + basic("admin")[6:], "Basic " + "A" * 9000,
    "Basic " + basic("admin")[6:] + "=",
)  # fmt: skip
_HEADERS: dict[str, tuple[str, ...]] = {
    "Authorization": _AUTHORIZATIONS,
    "Range": _RANGES,
    "Content-Range": _RANGES,
    "X-Sync-Service-Dest": ("myorg/edge/node1", "//", "a/b", "myorg/é/%00", "yourorg/edge/node1"),
    "Prefer": ("wait=0", "wait=-1", "wait=x", "respond-async", "wait=", "wait=é"),
    "If-None-Match": ("*", '"', 'W/"x"', '"' + "0" * 32 + '"'),
    "Expect": ("100-continue", "é"),
    "Connection": ("Upgrade", "close", ""),
    "Upgrade": ("h2c", "websocket"),
    "Content-Type": ("", "é", "x" * 5000),
    "Cookie": ("x" * 5000,),
}
_FRAMING: dict[str, tuple[str, ...]] = {
    "Content-Length": (
        "0", "3", "5", "-1", "+5", "5, 5", "0x5", "99999999999999999999", "", "é",
    ),
    "Transfer-Encoding": (
        "chunked", "chunked, chunked", "gzip, chunked", "identity", "\x0bchunked",
    ),
    "Host": ("", "\x00", "é", "a b"),
    "a b": ("x",),
    "é": ("x",),
}  # fmt: skip


def _one_of(table: dict[str, tuple[str, ...]]) -> st.SearchStrategy[tuple[str, str]]:
    return st.sampled_from([(name, value) for name, values in table.items() for value in values])


_header, _framing = _one_of(_HEADERS), _one_of(_FRAMING)
_JSON = (
    rb'{"meta":{"objectID":"a","objectType":"a","description":"\ud800\u0000"}}',
    rb'{"meta":{"objectID":"a\u0000","objectType":"a"}}',
    rb'{"meta":{"objectID":"a","objectType":"a","destinationID":"\ud800","destinationType":"edge"}}',
    b'{"meta":{"objectID":"a","objectType":"a","consumers":1e400}}',
    b'{"meta":{"objectID":"a","objectType":"a","objectSize":99999999999999999999}}',
    b'{"meta":{"objectID":"a","objectType":"a","sourceDataUri":"file://["}}',
    '{"meta":{"objectID":"a","objectType":"a"},"data":"é"}'.encode(),
    b'{"meta":{"objectID":"a","objectID":"b","OBJECTID":"a","objectType":"a"}}',
    b'{"meta":{"objectID":"a","objectType":"a","destinationPolicy":{"properties":[{"name":"x",'
    b'"value":' + b"[" * 20 + b"]" * 20 + b"}]}}}",
    b'{"meta":' * 5000, b"[" * 50_000, b'{"a":' * 60 + b"1" + b"}" * 60,
    b"1" * 6000, b"\xff\xfe", b"\xef\xbb\xbf{}", b"null", b'"', b"", b"{} trailing", b"NaN",
    b'{"Code":99999999999999999999}', b'{"Code":1,"RetryInterval":' + b"9" * 400 + b"}",
    b'{"Code":1,"Reason":"' + b"\\u0000" * 100 + b'"}',
    b'{"action":"add","destinations":["edge:node1","\\ud800:x"]}', b'["edge:\\u0000"]',
)  # fmt: skip
_CHUNKS = (
    b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"zz\r\n", b"-1\r\n", b"3;x=y\r\nabc\r\n0\r\n\r\n",
    b"ffffffffffffffffff\r\nabc", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"3\nabc\n0\n\n", b"3\r\nab",
)  # fmt: skip
_body = st.sampled_from(_JSON) | st.sampled_from(_CHUNKS) | st.binary(max_size=40)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _message(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes, length: bool
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *(f"{n}: {v}" for n, v in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return _bytes("\r\n".join(lines)) + b"\r\n\r\n" + body


_identity = st.sampled_from(("admin", "admin", "node1", "user")).map(
    lambda who: [("Authorization", basic(who)), ("X-Sync-Service-Dest", "myorg/edge/node1")]
)
_headers = st.builds(list.__add__, _identity, st.lists(_header, max_size=2)) | st.lists(_header)
strange = st.builds(_message, _method, _target, _headers, _body, st.just(True))
misframed = st.builds(
    _message,
    _method | _odd_method,
    _target,
    st.builds(list.__add__, _headers, st.lists(_framing, min_size=1, max_size=2)),
    _body,
    st.booleans(),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request that was cut, or whose bytes were changed, doubled, or left out."""
    message = bytearray(draw(strange))
    for _ in range(draw(st.integers(1, 4))):
        if not message:
            break
        at = draw(st.integers(0, len(message) - 1))
        what = draw(st.sampled_from(("cut", "flip", "double", "drop", "insert")))
        if what == "cut":
            del message[at:]
        elif what == "flip":
            message[at] = draw(st.integers(0, 255))
        elif what == "double":
            message[at:at] = message[at : at + 20]
        elif what == "drop":
            del message[at : at + draw(st.integers(1, 20))]
        else:
            message[at:at] = draw(st.binary(max_size=8))
    return bytes(message)


garbage = st.one_of(
    st.binary(max_size=300),
    st.sampled_from((
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n", b"\r\n" * 50, b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    )),
)  # fmt: skip


def alone() -> Iterator[bytes]:
    """Requests with one oddity each, which would be good without it."""
    good = [("Authorization", basic("admin")), ("X-Sync-Service-Dest", "myorg/edge/node1")]
    yield _message("PUT", "/spi/v1/register-new/myorg/edge/node1", good, b"", True)
    for template in _PATHS:
        for segment in _BAD_SEGMENTS if "{}" in template else ("",):
            for method in ("GET", "PUT"):
                yield _message(method, template.format(*[segment] * 3), good, b"{}", True)
    calls = [
        ("GET", "/api/v1/objects/myorg/a/a/data"),
        ("PUT", "/api/v1/objects/myorg/a/a/data"),
        ("GET", "/api/v1/objects/myorg/a"),
        ("PUT", "/api/v1/objects/a/a/data"),
        ("GET", "/api/v1/objects/a/a/data"),
        ("GET", "/spi/v1/objects/"),
        ("PUT", "/spi/v1/objects/myorg/a/n/5/5/data"),
    ]
    for method, target in calls:
        for name, values in (_HEADERS | _FRAMING).items():
            for value in values:
                others = [one for one in good if one[0] != name]
                framed = name in ("Content-Length", "Transfer-Encoding")
                yield _message(method, target, [*others, (name, value)], b"hello", not framed)
    bodies = [
        ("PUT", "/api/v1/objects/myorg/a/a"),
        ("PUT", "/api/v1/objects/a/a"),
        ("PUT", "/api/v1/objects/myorg/a"),
        ("PUT", "/api/v1/objects/myorg/a/a/destinations"),
        ("POST", "/api/v1/objects/myorg/a/a/destinations"),
        ("PUT", "/api/v1/security/objects/myorg/a"),
        ("PUT", "/api/v1/organizations/myorg"),
        ("PUT", "/spi/v1/objects/myorg/a/n/5/5/update"),
        ("PUT", "/spi/v1/objects/myorg/a/a/5/5/feedback"),
        ("PUT", "/spi/v1/objects/myorg/a/a/5/5/deleted"),
    ]
    for method, target in bodies:
        for body in _JSON:
            yield _message(method, target, good, body, True)
        for chunks in _CHUNKS:
            chunked = [*good, ("Transfer-Encoding", "chunked")]
            yield _message(method, target, chunked, chunks, False)
            yield _message(method, target, [*chunked, ("Expect", "100-continue")], chunks, False)
