"""Signatures: what one side signs the other accepts, and nothing else."""

from __future__ import annotations

import pytest

from adapters.signing import sign, verify

KEY = b"0123456789abcdef"
BODY = "<报文>1</报文>".encode("gb18030")


def test_the_header_is_the_published_hmac_of_the_bytes() -> None:
    # RFC 4231, test case 2
    header = sign(b"Jefe", b"what do ya want for nothing?")
    assert header == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_what_was_signed_is_accepted() -> None:
    assert verify(KEY, BODY, sign(KEY, BODY))
    assert verify(KEY, BODY, f" {sign(KEY, BODY)} ")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        sign(KEY, BODY).removeprefix("sha256="),
        sign(KEY, BODY).replace("sha256=", "sha1="),
        sign(KEY, BODY)[:-1],
        sign(KEY, BODY) + "0",
        sign(KEY, BODY + b" "),
        sign(KEY + b"x", BODY),
        "sha256=签名",
    ],
)
def test_anything_else_is_not(header: str | None) -> None:
    assert not verify(KEY, BODY, header)


def test_an_empty_key_neither_signs_nor_accepts() -> None:
    with pytest.raises(ValueError, match="empty key"):
        sign(b"", BODY)
    assert not verify(b"", BODY, sign(KEY, BODY))
