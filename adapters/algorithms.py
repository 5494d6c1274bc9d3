"""Signature algorithms by name. One name is one algorithm with all its parameters; there is nothing to negotiate.

ed25519            RFC 8032
ecdsa-p256-sha256  FIPS 186-5 on P-256, deterministic (RFC 6979), so that the same message has the same signature
rsa-sha256         PKCS #1 v1.5 with SHA-256 (RFC 8017), for agencies that know nothing newer; keys of 2048 bits and more
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from declarations.signatureterms import ECDSA_P256, ED25519, RSA_SHA256

RSA_BITS, RSA_BITS_AT_LEAST = 3072, 2048
ID_LENGTH = 16
"""Hex digits of a key's id."""

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_ECDSA_SIGN = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_ECDSA_VERIFY = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class Algorithm:
    """How keys of one algorithm are made and recognised."""

    make: Callable[[], PrivateKey]
    fits: Callable[[object], bool]


ALGORITHMS = {
    ED25519: Algorithm(ed25519.Ed25519PrivateKey.generate, lambda key: isinstance(key, ed25519.Ed25519PublicKey)),
    ECDSA_P256: Algorithm(
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda key: isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1),
    ),
    RSA_SHA256: Algorithm(
        lambda: rsa.generate_private_key(65537, RSA_BITS),
        lambda key: isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_AT_LEAST,
    ),
}


def make_private(algorithm: str) -> PrivateKey:
    return ALGORITHMS[algorithm].make()


def sign(algorithm: str, key: PrivateKey, data: bytes) -> bytes:
    """The raw signature; a key that is not of this algorithm is a ValueError."""
    match algorithm, key:
        case "ed25519", ed25519.Ed25519PrivateKey():
            return key.sign(data)
        case "ecdsa-p256-sha256", ec.EllipticCurvePrivateKey():
            return key.sign(data, _ECDSA_SIGN)
        case "rsa-sha256", rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    raise ValueError(f"no {algorithm} key")


def verify(algorithm: str, key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether the raw signature is this key's over exactly these bytes; a key of another algorithm never verifies."""
    try:
        match algorithm, key:
            case "ed25519", ed25519.Ed25519PublicKey():
                key.verify(signature, data)
            case "ecdsa-p256-sha256", ec.EllipticCurvePublicKey():
                key.verify(signature, data, _ECDSA_VERIFY)
            case "rsa-sha256", rsa.RSAPublicKey():
                key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def key_id(public: PublicKey) -> str:
    """The beginning of the SHA-256 of the public key's SubjectPublicKeyInfo (RFC 5280), in hex."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:ID_LENGTH]


def pem_of(key: PrivateKey | PublicKey) -> str:
    """PKCS #8 of a private key, SubjectPublicKeyInfo of a public one."""
    if isinstance(key, PrivateKey):
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
