"""Certificates that nobody vouches for, made for one test."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
_CA = x509.BasicConstraints(ca=True, path_length=None)


def self_signed(folder: Path, subject: str, *, days: int) -> Path:
    """Make `certificate.pem` and `key.pem` in a folder, for a subject like `IP:127.0.0.1`.

    With `days` below zero its time is over.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(_NAME, _NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(min(now, now + timedelta(days=days)) - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_name(subject)]), critical=False)
        .add_extension(_CA, critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(secret)
    return folder


def _name(subject: str) -> x509.GeneralName:
    kind, _, value = subject.partition(":")
    return x509.IPAddress(ip_address(value)) if kind == "IP" else x509.DNSName(value)
