"""A certificate for systems that are served on this machine, by an authority that lives as long as they do.

Used by `talkqa sandbox serve --tls`. The authority's key is never written.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=7)
_EARLY = timedelta(hours=1)
"""A clock that is a little behind must not find it not yet valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server shows, and whom its clients must trust for it; paths of PEM files."""

    authority: Path
    chain: Path
    key: Path


def make_certificate(folder: Path, hosts: tuple[str, ...]) -> Certificate:
    """Write a new authority and a certificate for some hosts (names or addresses) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(
        authority=folder / "authority.pem", chain=folder / "certificate.pem", key=folder / "certificate.key"
    )
    signer, holder = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(signer)
    shown = _shown(holder, hosts, authority, signer)
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.chain.write_bytes(shown.public_bytes(serialization.Encoding.PEM))
    made.key.unlink(missing_ok=True)
    made.key.touch(mode=0o600)
    made.key.write_bytes(
        holder.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made


def _authority(signer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _named("talkqa sandbox authority")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _begun(name, name, signer.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _shown(
    holder: ec.EllipticCurvePrivateKey,
    hosts: tuple[str, ...],
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        _begun(_named("talkqa sandbox"), authority.subject, holder.public_key())
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(signer, hashes.SHA256())
    )


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + _LIFE)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
