"""Faults and calls at random."""

from __future__ import annotations

from hypothesis import strategies as st

from . import calls, node_calls
from .calls import Call
from .faults import (
    At,
    Busy,
    CutAnswer,
    CutRequest,
    Delay,
    Drip,
    EndlessHead,
    Fault,
    Garbage,
    LoseAnswer,
    Page,
    Pass,
    Refuse,
    ReplaceAnswer,
    Silence,
    WrongLength,
)
from .model import SILENT_NODE, Arrived, Cloud, Node, data_of

_at = st.one_of(
    st.builds(At, st.integers(0, 500)),
    st.builds(At, st.integers(-80, -1)),
    st.builds(At, share=st.floats(0, 1)),
)
_end = st.sampled_from(("close", "reset"))
_chunks = st.sampled_from((0, 0, 1, 2, 5))
_garbage = st.sampled_from(
    (
        b"", b"\0", b"\r\n\r\n", b"HTTP/1.1", b"HTTP/1.1 \r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 X\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"220 smtp ready\r\n",
        b"SSH-2.0-x\r\n", b"x" * 70_000, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 100 Continue\r\n\r\n", b'HTTP/1.1 302 X\r\nLocation: http://x/\r\n\r\n',
    )
)  # fmt: skip
_faults: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Pass, st.sampled_from(("stay", "close", "reset", "more")), _chunks),
    st.builds(CutRequest, _at, _end),
    st.builds(CutAnswer, _at, _end, _chunks),
    st.builds(CutAnswer, _at, _end, _chunks),
    st.builds(LoseAnswer, st.sampled_from(("close", "reset", "close", "reset", "silence"))),
    st.builds(ReplaceAnswer, st.sampled_from((500, 502, 503, 504))),
    st.builds(
        Busy,
        st.sampled_from((429, 503)),
        st.sampled_from(("", "0", "", "0", "", "0", "1", "date")),
        st.booleans(),
    ),
    st.builds(Delay, st.sampled_from((0.0, 0.01, 0.05)), st.sampled_from((0.0, 0.01, 0.05))),
    st.builds(Drip, st.integers(2, 9), st.sampled_from((0.0, 0.002, 0.01)), _chunks),
    st.builds(
        WrongLength,
        st.integers(1, 2000) | st.integers(-2000, -1),
        st.sampled_from(("close", "reset", "close", "reset", "stay")),
    ),
    st.builds(Garbage, _garbage),
    st.sampled_from((Page(),) * 5 + (Silence(),) * 2 + (EndlessHead(),)),
    st.builds(Refuse, st.sampled_from((0.01, 0.05, 0.2))),
)
plans: st.SearchStrategy[list[Fault]] = st.lists(_faults, max_size=4) | st.just([])

_names = st.sampled_from(("a", "b"))
_small = st.sampled_from((0, 1, 10, 3000, None))
_sizes = st.sampled_from((300_000, 3000, 0, None))
_large = st.sampled_from((0, 1, 10_000, 300_000, 700_000))
_retries = st.sampled_from((0, 1, 3))
_share = st.sampled_from((0.0, 0.1, 0.5, 0.999))
_cloud_calls: st.SearchStrategy[Call[Cloud]] = st.one_of(
    st.builds(calls.Store, _names, st.integers(1, 99), _small),
    st.builds(
        calls.Upload,
        _names,
        st.integers(1, 99),
        _large,
        st.sampled_from(("bytes", "path", "file", "stream", "pieces")),
        _retries,
    ),
    st.builds(calls.Describe, _names),
    st.builds(calls.Status, _names),
    st.just(calls.List()),
    st.just(calls.Nodes()),
    st.builds(calls.Read, _names, _share, _retries),
    st.builds(calls.Download, _names, _retries),
    st.builds(calls.Skim, _names, _share, st.sampled_from((1, 1000, 100_000)), _retries),
    st.builds(
        calls.Place,
        _names,
        st.sampled_from(("add", "remove", "replace")),
        st.sampled_from(((SILENT_NODE,), ())),
    ),
    st.builds(calls.Places, _names),
    st.builds(calls.Delete, _names),
)
stored = st.lists(st.builds(calls.Store, _names, st.integers(1, 99), _sizes), max_size=2)
cloud_sequences = st.lists(st.tuples(_cloud_calls, plans), min_size=1, max_size=8)

LARGE = (64 << 20) + 5  # bytes; from 64 MiB on, data come over several connections
large_downloads = st.lists(
    st.tuples(
        st.builds(calls.Download, st.just("a"), _retries), st.lists(_faults, min_size=1, max_size=6)
    ),
    min_size=1,
    max_size=2,
)

arriving = st.fixed_dictionaries(
    {
        name: st.builds(
            Arrived,
            st.builds(data_of, st.just(seed), st.sampled_from((10, 300_000))),
            st.booleans(),
        )
        for seed, name in enumerate("ab")
    }
)
_node_calls: st.SearchStrategy[Call[Node]] = st.one_of(
    st.builds(node_calls.Poll, received=st.booleans()),
    st.builds(calls.Read, _names, _share, _retries),
    st.builds(calls.Download, _names, _retries),
    st.builds(node_calls.MarkReceived, _names),
    st.builds(node_calls.MarkConsumed, _names),
    st.builds(node_calls.MarkDeleted, _names),
)
node_sequences = st.lists(st.tuples(_node_calls, plans), min_size=1, max_size=6)
