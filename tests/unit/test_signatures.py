"""Detached signatures and the key ring: who, what, when, for whom and under which name, each bound; keys come, end and go."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import keys as keyring
from adapters.algorithms import ALGORITHMS, key_id, pem_of
from adapters.keyfiles import Key, from_public
from adapters.keys import WINDOW, KeyRing
from adapters.signatures import CODES, Trust, code_of, described, sign, verify
from declarations import errors
from declarations.errors import BadConfiguration, SignatureRefused
from declarations.signatureterms import DETACHED, ECDSA_P256, ED25519, PROFILES, RSA_SHA256, Profile

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
BODY = "<答复>放行</答复>".encode()
NAME = "Receipt_海关 1.xml"
DETACHING = {name: profile for name, profile in PROFILES.items() if profile.way == DETACHED}


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    made = KeyRing(tmp_path)
    made.create_missing("customs", [ED25519, ECDSA_P256], NOW - timedelta(days=10))
    made.create_missing("inspection", [ED25519], NOW - timedelta(days=10))
    return made


def trust(algorithm: str = ED25519, sender: str = "customs") -> Trust:
    return Trust(sender, WINDOW, Profile(DETACHED, algorithm), timedelta(hours=72))


def line(
    ring: KeyRing, algorithm: str = ED25519, *, at: datetime = NOW, owner: str = "customs", name: str = NAME
) -> str:
    return sign(ring.signing(owner, algorithm, NOW), BODY, name=name, recipient=WINDOW, at=at)


def refused(
    ring: KeyRing, given: str | None, trusted: Trust | None = None, body: bytes = BODY, name: str = NAME
) -> str:
    """The code of the refusal; its words are in both languages."""
    with pytest.raises(SignatureRefused) as caught:
        verify(ring, trusted or trust(), given, body, name=name, now=NOW)
    assert any("\u4e00" <= character <= "\u9fff" for character in caught.value.message_zh)
    assert code_of(described(caught.value)) == caught.value.code
    return caught.value.code


@pytest.mark.parametrize("profile", DETACHING)
def test_what_was_signed_verifies_by_every_profile(tmp_path: Path, profile: str) -> None:
    ring, algorithm = KeyRing(tmp_path), PROFILES[profile].algorithm
    key = ring.create("customs", algorithm, NOW)
    signed = sign(key, BODY, name=NAME, recipient=WINDOW, at=NOW)
    assert verify(ring, trust(algorithm), signed, BODY, name=NAME, now=NOW).id == key.id
    assert signed == sign(key, BODY, name=NAME, recipient=WINDOW, at=NOW), "the same message has the same signature"
    assert refused(ring, signed, trust(algorithm), BODY + b" ") == "bad_signature"


def test_the_signed_block_is_the_one_documented(ring: KeyRing) -> None:
    """An agency verifies with nothing but these lines and our public key."""
    signed = line(ring, ECDSA_P256)
    parts = dict(part.split("=", 1) for part in signed.split(";")[1:])
    block = (
        f"onewindow signature v1\nkey: {parts['key']}\nalgorithm: ecdsa-p256-sha256\nat: {parts['at']}\n"
        f"from: customs\nto: window\nname: Receipt_%E6%B5%B7%E5%85%B3%201.xml\nsha256: {hashlib.sha256(BODY).hexdigest()}\n"
    )
    public = serialization.load_pem_public_key(pem_of(ring.signing("customs", ECDSA_P256, NOW).public).encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(base64.b64decode(parts["sig"]), block.encode(), ec.ECDSA(hashes.SHA256()))


def test_everything_that_it_says_is_bound(ring: KeyRing) -> None:
    signed = line(ring)
    assert refused(ring, signed, body=b"<other/>") == "bad_signature"
    assert refused(ring, signed, name="Receipt_2.xml") == "bad_signature"
    elsewhere = Trust("customs", "another window", Profile(DETACHED, ED25519), timedelta(hours=72))
    assert refused(ring, signed, elsewhere) == "bad_signature"
    later = signed.replace("at=2026-11-21T08:00:00", "at=2026-11-21T07:59:59")
    assert refused(ring, later) == "bad_signature"


def test_each_refusal_has_its_own_code(ring: KeyRing, tmp_path: Path) -> None:
    signed = line(ring)
    assert refused(ring, None) == refused(ring, "  ") == "unsigned"
    assert refused(ring, "what is this") == refused(ring, "x" * 5_000) == "bad_signature"
    stranger = KeyRing(tmp_path / "another").create("customs", ED25519, NOW)
    assert refused(ring, sign(stranger, BODY, name=NAME, recipient=WINDOW, at=NOW)) == "unknown_key"
    assert refused(ring, line(ring, owner="inspection")) == "wrong_agency"
    assert refused(ring, "sha256=" + "0" * 64) == "wrong_algorithm"
    assert refused(ring, line(ring, ECDSA_P256)) == "wrong_algorithm"
    assert refused(ring, signed.replace("alg=ed25519", "alg=rsa-sha256")) == "wrong_algorithm"
    assert refused(ring, line(ring, at=NOW - timedelta(hours=73))) == "outside_window"
    assert refused(ring, line(ring, at=NOW + timedelta(hours=25))) == "outside_window"
    assert refused(ring, line(ring, at=NOW - timedelta(days=11))) == "expired_key", "before the key began"
    ring.revoke(ring.signing("customs", ED25519, NOW).id, NOW)
    assert refused(ring, signed) == "revoked_key"
    assert set(CODES) == {
        "unsigned", "unknown_key", "expired_key", "revoked_key", "wrong_algorithm", "wrong_agency", "outside_window",
        "bad_signature",
    }  # fmt: skip


def test_a_key_that_has_ended_signs_nothing_any_more(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key = ring.create("customs", ED25519, NOW - timedelta(days=30), days=29)
    late = sign(key, BODY, name=NAME, recipient=WINDOW, at=NOW)
    assert refused(ring, late) == "expired_key"
    in_time = sign(key, BODY, name=NAME, recipient=WINDOW, at=NOW - timedelta(hours=25))
    assert verify(ring, trust(), in_time, BODY, name=NAME, now=NOW).id == key.id, "signed in time, it may arrive later"


def test_what_was_taken_in_time_once_is_not_asked_for_its_age(ring: KeyRing) -> None:
    old = line(ring, at=NOW - timedelta(days=5))
    assert refused(ring, old) == "outside_window"
    verify(ring, trust(), old, BODY, name=NAME, now=None)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_line_verifies(ring: KeyRing, data: st.DataObject) -> None:
    signed = line(ring)
    place = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.characters(max_codepoint=0x2FF).filter(lambda character: character != signed[place]))
    changed = signed[:place] + other + signed[place + 1 :]
    # spaces around a header's value are not the sender's
    if changed.strip() != signed.strip():
        refused(ring, changed)


def test_no_second_text_stands_for_the_same_signature(ring: KeyRing) -> None:
    """Of base64's last character only some bits count: the other ways to write it are refused."""
    signed = line(ring)
    assert signed.endswith("==")
    written = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = written.index(signed[-3])
    other = signed[:-3] + written[last ^ 1] + "=="
    assert base64.b64decode(other[-88:]) == base64.b64decode(signed[-88:])
    assert refused(ring, other) == "bad_signature"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300))
def test_any_text_for_a_signature_is_refused_in_words(ring: KeyRing, text: str) -> None:
    refused(ring, text)


def test_a_new_key_overlaps_the_old_one(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    old = ring.create(WINDOW, ED25519, NOW - timedelta(days=700))
    new = ring.create(WINDOW, ED25519, NOW + timedelta(days=7))
    assert ring.signing(WINDOW, ED25519, NOW).id == old.id
    assert ring.signing(WINDOW, ED25519, NOW + timedelta(days=8)).id == new.id
    assert {key.id for key in ring.of(WINDOW)} == {old.id, new.id}, "both are known for verifying"
    with pytest.raises(BadConfiguration, match="no rsa-sha256 key"):
        ring.signing("customs", RSA_SHA256, NOW)


def test_the_window_is_never_without_a_key(tmp_path: Path) -> None:
    """What it accepts must be signed: a key is made when the last one has ended or was revoked."""
    ring = KeyRing(tmp_path)
    first = ring.signing(WINDOW, ED25519, NOW)
    assert ring.signing(WINDOW, ED25519, NOW - timedelta(minutes=30)).id == first.id, "also where the clock is behind"
    ring.revoke(first.id, NOW)
    second = ring.signing(WINDOW, ED25519, NOW)
    third = ring.signing(WINDOW, ED25519, NOW + timedelta(days=1000))
    assert len({first.id, second.id, third.id}) == 3
    assert ring.signing(WINDOW, ED25519, NOW).id == second.id


def test_files_are_read_again_while_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOOK_SECONDS", 0.0)
    one, other = KeyRing(tmp_path), KeyRing(tmp_path)
    key = one.create("customs", ED25519, NOW)
    found = other.find(key.id)
    assert found is not None
    assert (found.owner, found.algorithm) == ("customs", ED25519)
    one.revoke(key.id, NOW)
    again = other.find(key.id)
    assert again is not None
    assert again.revoked_at == NOW
    next(tmp_path.glob("customs/*.toml")).unlink()
    assert other.find(key.id) is None


def test_one_broken_file_takes_no_other_key_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOOK_SECONDS", 0.0)
    ring = KeyRing(tmp_path)
    key = ring.create("customs", ED25519, NOW)
    (tmp_path / "customs" / "half.toml").write_text('algorithm = "ed25519"\nprivate = """-----BEG')
    assert [each.id for each in ring.of("customs")] == [key.id]
    with pytest.raises(BadConfiguration, match=r"half\.toml"):
        KeyRing(tmp_path)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_of_the_algorithm_its_file_names(tmp_path: Path, algorithm: str) -> None:
    ring = KeyRing(tmp_path)
    key = ring.create("customs", algorithm, NOW)
    [path] = tmp_path.glob("customs/*.toml")
    assert path.stat().st_mode & 0o777 == 0o600
    other = next(name for name in ALGORITHMS if name != algorithm)
    path.write_text(path.read_text().replace(f'algorithm = "{algorithm}"', f'algorithm = "{other}"'))
    with pytest.raises(BadConfiguration):
        KeyRing(tmp_path)
    with pytest.raises(BadConfiguration, match="does not fit its algorithm"):
        ring.add_public("inspection", pem_of(key.public), other, NOW, NOW + timedelta(days=1))
    with pytest.raises(BadConfiguration, match="customs's already"):
        ring.add_public("inspection", pem_of(key.public), algorithm, NOW, NOW + timedelta(days=1))


def test_a_certificate_gives_its_key_and_bounds_its_term(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Customs")])
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), 1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=20))
        .sign(private, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    key = KeyRing(tmp_path).add_public("customs", pem, ECDSA_P256, NOW, NOW + timedelta(days=365))
    assert key.id == key_id(private.public_key())
    assert (key.not_before, key.not_after) == (NOW, NOW + timedelta(days=20))


def test_keys_that_end_soon_are_told_unless_replaced(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ending = ring.create(WINDOW, ED25519, NOW, days=50)
    ring.create(WINDOW, ECDSA_P256, NOW, days=400)
    assert [key.id for key in ring.expiring(NOW, timedelta(days=60))] == [ending.id]
    assert [key.id for key in ring.expiring(NOW + timedelta(days=51), timedelta(days=60))] == [ending.id], (
        "and after its end"
    )
    ring.create(WINDOW, ED25519, NOW + timedelta(days=30))
    assert ring.expiring(NOW, timedelta(days=60)) == []


def test_public_keys_verify_without_the_ring(ring: KeyRing) -> None:
    key = ring.signing("customs", ED25519, NOW)
    told: dict[str, Key] = from_public([key.as_dict()])
    assert told[key.id].verify(key.sign(b"x"), b"x")
    assert told[key.id].private is None
    with pytest.raises(BadConfiguration):
        told[key.id].sign(b"x")
    for changed in ({"public": "x"}, {"algorithm": RSA_SHA256}, {"not_after": "soon"}):
        with pytest.raises(BadConfiguration):
            from_public([{**key.as_dict(), **changed}])
    assert issubclass(errors.BadSignature, errors.Forbidden)
