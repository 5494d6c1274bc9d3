"""Whom a connection to the window itself trusts: on the window's own machine exactly the certificate in its file, whatever
authority gave it and whatever name it bears."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import aiohttp

from declarations.errors import BadConfiguration

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def pinned(certificate: Path | None) -> aiohttp.Fingerprint | bool:
    """What aiohttp takes as `ssl`: this one certificate (the first of a PEM file); without a file True, the system's authorities.

    Raises BadConfiguration for a file that holds none.
    """
    if certificate is None:
        return True
    try:
        _, begin, rest = certificate.read_text(encoding="utf-8").partition(_BEGIN)
        der = ssl.PEM_cert_to_DER_cert(begin + rest.partition(_END)[0] + _END)
    except (OSError, ValueError) as error:
        raise BadConfiguration(
            f"{certificate} holds no certificate: {error}", f"{certificate} 不是证书文件：{error}"
        ) from error
    return aiohttp.Fingerprint(hashlib.sha256(der).digest())
