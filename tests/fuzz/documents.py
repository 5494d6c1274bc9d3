"""Documents for fuzzers: real ones with pieces cut, doubled, moved and replaced, and ones made up."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

BYTES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\xbc",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\r",
    b"\n",
    b" ",
    b"\x7f",
)
TEXT = st.text(max_size=40)


@st.composite
def damaged(draw: DrawFn, samples: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """A sample after up to eight edits."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 60)))
        piece = data[start:end]
        put = draw(
            st.one_of(
                st.just(b""),
                st.just(piece * draw(st.integers(2, 30))),
                st.sampled_from((*words, *BYTES)),
                st.binary(max_size=8),
                TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
            )
        )
        data = data[:start] + put + data[end:]
    return data


def documents(
    samples: Sequence[bytes], words: Sequence[bytes], made: SearchStrategy[bytes] | None
) -> SearchStrategy[bytes]:
    """What a reader is shown; `made`: documents of its own kind that are well-formed."""
    ways = [damaged(samples, words), damaged(samples, words), st.binary(max_size=300)]
    return st.one_of(*ways, made) if made is not None else st.one_of(*ways)
