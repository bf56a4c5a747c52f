"""A certificate of the sandbox is taken by whoever trusts its authority, for the hosts it names and no other."""

import ssl
from pathlib import Path

import pytest

from talkqa.runner.certificate import Certificate, make_certificate


def shake(certificate: Certificate, host: str) -> str:
    """Both ends of a handshake, in memory."""
    ours = ssl.create_default_context(cafile=str(certificate.authority))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate.chain, certificate.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ours.wrap_bio(to_client, to_server, server_hostname=host)
    server = theirs.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return str(client.version())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_its_hosts_are_trusted(tmp_path: Path, host: str) -> None:
    made = make_certificate(tmp_path / "new" / "folder", ("localhost", "127.0.0.1", "::1"))
    assert shake(made, host).startswith("TLSv1")


def test_no_other_host_is_trusted(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(make_certificate(tmp_path, ("localhost",)), "salesforce.example")


def test_another_run_has_another_authority_and_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    first = make_certificate(tmp_path, ("localhost",))
    authority = first.authority.read_bytes()
    again = make_certificate(tmp_path, ("localhost",))
    assert again == first
    assert again.authority.read_bytes() != authority
    assert again.key.stat().st_mode & 0o077 == 0
    assert b"PRIVATE KEY" not in again.authority.read_bytes() + again.chain.read_bytes()
