"""TLS and logins: what the URI says of them reaches the server, and what fails is told plainly."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.helpers.commandline import CommandLine
from tests.hostile.proxy import TLS, Proxy, tls_proxy_of

PATIENCE = "serverSelectionTimeoutMS=2000"


def _port(server: str) -> int:
    return int(server.rpartition(":")[2])


@pytest.fixture(name="proxy")
def start_proxy(nx_server: str) -> Iterator[Proxy]:
    """A server that speaks TLS."""
    with tls_proxy_of(_port(nx_server)) as proxy:
        yield proxy


def _uri(port: int, *options: str, login: str = "") -> str:
    return f"mongodb://{login}127.0.0.1:{port}/hostile_tls?{'&'.join([PATIENCE, *options])}"


def _file(option: str, name: str) -> str:
    return f"{option}={quote(str(TLS / name), safe='')}"


CA = _file("tlsCAFile", "ca.pem")


def test_an_import_through_tls(hpnorton: CommandLine, proxy: Proxy) -> None:
    """With the right authority, and with a client's certificate, every command works."""
    client = _file("tlsCertificateKeyFile", "client.pem")
    for options in ([CA], [CA, client, "tlsCertificateKeyFilePassword=geheim"]):
        uri = _uri(proxy.port, "tls=true", *options)
        done = hpnorton("--parallel", "--workers", "2", "--quiet", uri=uri)
        assert done.status == 0, done.err
        assert len(hpnorton("--all-products", uri=uri).data) == 10
        assert hpnorton("--drop-database", "--yes", uri=uri).status == 0
    assert b"insert" in proxy.heard and b"customers" in proxy.heard
    assert b"geheim" not in proxy.heard


REFUSED = {
    "another authority": (["tls=true", _file("tlsCAFile", "other-ca.pem")], "certificate verify"),
    "no authority": (["tls=true"], "certificate verify"),
    "wrong password of the key": (
        ["tls=true", CA, _file("tlsCertificateKeyFile", "client.pem")]
        + ["tlsCertificateKeyFilePassword=falsch"],
        "cannot be used",
    ),
    "a file that is not there": (
        ["tls=true", _file("tlsCAFile", "none.pem")],
        "none.pem No such file or directory",
    ),
    "a file that is none": (["tls=true", _file("tlsCAFile", "make.sh")], "cannot be used"),
    "no TLS": ([], "no MongoDB answers at"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_tls_that_fails_is_told(hpnorton: CommandLine, proxy: Proxy, case: str) -> None:
    """Exit 1 with the reason, soon: it is not tried again as if the server were lost."""
    options, message = REFUSED[case]
    done = hpnorton("--linear", "--log-level", "DEBUG", uri=_uri(proxy.port, *options))
    assert done.status == 1
    assert message in done.err and "unexpected" not in done.err
    assert "falsch" not in done.err
    if "certificate" in message:
        assert "TLS with mongodb://127.0.0.1" in done.err and "check" in done.err


def test_a_server_without_tls(hpnorton: CommandLine, nx_server: str) -> None:
    """Exit 1, and the message says what it lacks."""
    done = hpnorton("--linear", uri=_uri(_port(nx_server), "tls=true", CA))
    assert done.status == 1
    assert "check that the server speaks TLS" in done.err or "no MongoDB answers" in done.err


def test_the_options_of_a_login_reach_the_server(hpnorton: CommandLine, proxy: Proxy) -> None:
    """The user, the mechanism and the source are in the first call; the password never is."""
    login = "authSource=staff", "authMechanism=SCRAM-SHA-1"
    uri = _uri(proxy.port, "tls=true", CA, *login, login="ann:ge%3Aheim@")
    done = hpnorton("--linear", "--log-level", "DEBUG", environment={"HPNORTON_URI": uri})
    assert done.status == 1 and "check user name, password" in done.err
    assert all(text in proxy.heard for text in (b"SCRAM-SHA-1", b"staff", b"ann"))
    told = proxy.heard + (done.out + done.err).encode()
    assert b"heim" not in told
