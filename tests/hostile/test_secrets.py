"""Passwords, tokens and signed URLs: they reach whom they are for, and are shown to nobody else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.importer.options import ImportSpec
from hpnorton.sanitize import redact_url, sanitize_message
from hpnorton.schema.collection import undescribed_collection
from hpnorton.schema.layout import make_layout
from hpnorton.settings import redact
from hpnorton.tabular.reader import CsvFile
from tests.faults.processes import children_of
from tests.helpers.commandline import CommandLine
from tests.hostile.conftest import Ask
from tests.hostile.proxy import TLS, tls_proxy_of
from tests.servers import Server

SECRET = "geheim7"
NOWHERE = "127.0.0.1:1/shop?serverSelectionTimeoutMS=50"

# URIs with a secret in every place where one can be.
URIS = {
    "a password": f"mongodb://ann:{SECRET}@{NOWHERE}",
    "an encoded one": f"mongodb://ann:%40%3A%2F{SECRET}@{NOWHERE}",
    "a wrongly encoded one": f"mongodb://ann:a@b:/{SECRET}@{NOWHERE}",
    "one with a %": f"mongodb://ann:100%{SECRET}@{NOWHERE}",
    "one that begins with a slash": f"mongodb://ann:/{SECRET}@{NOWHERE}",
    "of a key": f"mongodb://{NOWHERE}&tlsCertificateKeyFilePassword={SECRET}",
    "of a key, with a semicolon": f"mongodb://{NOWHERE};tlsCertificateKeyFilePassword={SECRET}",
    "a token": f"mongodb://id:{SECRET}@{NOWHERE}&authMechanism=MONGODB-AWS"
    f"&authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}",
    "a token with commas": f"mongodb://{NOWHERE}&authMechanism=MONGODB-AWS"
    f"&authMechanismProperties=AWS_SESSION_TOKEN:a,{SECRET}:b",
    "a token without its name": f"mongodb://{NOWHERE}&authMechanismProperties={SECRET}",
    "of an option that is not known": f"mongodb://{NOWHERE}&somePassword={SECRET}",
    "wrong options": f"mongodb://ann:{SECRET}@{NOWHERE}&retryWrites=maybe",
    "another database": f"postgres://ann:{SECRET}@127.0.0.1/shop",
    "no database": f"mongodb:ann:{SECRET}@127.0.0.1",
    "SQLite's": f"sqlite://ann:{SECRET}@host/x.db",
}
FILES = {
    "a password": f"https://ann:{SECRET}@127.0.0.1:1/thing.csv",
    "a signature": f"https://127.0.0.1:1/thing.csv?Expires=1&X-Amz-Signature={SECRET}",
    "a signature at the end": f"s3://bucket/thing.csv.gz?sig={SECRET}#sig={SECRET}",
    "keys": f"s3://ann:{SECRET}@bucket/thing.csv",
    "one behind another": f"simplecache::https://ann:{SECRET}@127.0.0.1:1/thing.csv",
    "with its collection": f"thing=https://127.0.0.1:1/thing.csv?token={SECRET}",
}


@pytest.mark.parametrize("case", URIS)
def test_no_message_shows_what_a_uri_keeps(
    hpnorton: CommandLine, ask: Ask, sqlite_uri: str, case: str
) -> None:
    """Not even a traceback: neither of the flag, nor of the environment, nor as a file's name."""
    done = [
        hpnorton("--log-level", "DEBUG", "--linear", environment={"HPNORTON_URI": URIS[case]}),
        ask("--find", "x", uri=URIS[case]),
        ask("--linear", URIS[case], uri=sqlite_uri),
        ask("--all-products", URIS[case], uri=sqlite_uri),
    ]
    assert [each.status in (1, 2) for each in done] == [True] * 4
    for each in done:
        assert SECRET not in each.out + each.err
        assert "unexpected" not in each.err


@pytest.mark.parametrize("case", FILES)
def test_no_message_shows_what_a_files_url_keeps(ask: Ask, sqlite_uri: str, case: str) -> None:
    """A file that cannot be opened is named without it."""
    for flag in ("--linear", "--analyze", "--stream"):
        done = ask(flag, FILES[case], uri=sqlite_uri)
        assert done.status == 1 and "thing.csv" in done.err
        assert SECRET not in done.out + done.err


def test_a_signed_url_leaves_its_signature_nowhere(hpnorton: CommandLine, tmp_path: Path) -> None:
    """Neither in a report, nor in the rejects, nor in the database; and it can be resumed."""
    (tmp_path / f"thing.csv?sig={SECRET}").write_bytes(b"id,a\n1,2\n1,3\n4\n")
    url = f"file://{tmp_path}/thing.csv?sig={SECRET}"
    uri = f"sqlite:///{tmp_path}/signed.db"
    done = hpnorton("--parallel", url, "--workers", "2", "--log-level", "DEBUG", uri=uri)
    assert done.status == 3
    assert f"file://{tmp_path}/thing.csv?sig=***, row 3" in done.err
    again = hpnorton("--linear", "--resume", url, uri=uri)
    history = hpnorton("--history", uri=uri)
    assert history.data[0]["file"] == f"file://{tmp_path}/thing.csv?sig=***"
    analyzed = hpnorton("--analyze", url)
    streamed = hpnorton("--stream", url, "--every", "0", "0", "--to", tmp_path / "copy.csv")
    assert streamed.data[0]["rows"] == analyzed.data[0]["rows"] == 3
    for each in (done, again, history, analyzed, streamed):
        assert SECRET not in each.out + each.err
    left = [*(hpnorton.folder / "rejects").iterdir(), *tmp_path.glob("signed.db*")]
    assert len(left) >= 3
    assert not [path for path in left if SECRET.encode() in path.read_bytes()]


def test_a_password_on_the_command_line_is_warned_of(hpnorton: CommandLine) -> None:
    """The warning names HPNORTON_URI, which nobody is warned of."""
    warned = hpnorton("--find", "x", uri=URIS["a password"])
    assert "WARNING" in warned.err and "HPNORTON_URI" in warned.err
    quiet = hpnorton("--find", "x", "--quiet", uri=URIS["a password"])
    right = hpnorton("--find", "x", environment={"HPNORTON_URI": URIS["a password"]})
    no_secret = hpnorton(
        "--find", "x", uri="mongodb://ann@127.0.0.1:1/x?serverSelectionTimeoutMS=9"
    )
    for each in (quiet, right, no_secret):
        assert "WARNING" not in each.err


def _uri_with_a_secret(port: int) -> str:
    """The URI of a server that speaks TLS, with the password of the client's key."""
    authority, client = (quote(str(TLS / name), safe="") for name in ("ca.pem", "client.pem"))
    return (
        f"mongodb://127.0.0.1:{port}/shop?tls=true&tlsCAFile={authority}"
        f"&tlsCertificateKeyFile={client}&tlsCertificateKeyFilePassword=geheim"
    )


def _commands_from(parent: int) -> Iterator[str]:
    """The command lines of the processes that a process has started, and those that they have."""
    for pid, command in children_of(parent).items():
        yield command
        yield from _commands_from(pid)


def test_no_process_and_no_record_holds_the_password(
    hpnorton: CommandLine, server: Server, tmp_path: Path
) -> None:
    """Of an import by many processes: not in their list, their log, the notes, nor the rejects.

    The server's whole file is searched; the import is still working when its processes are listed.
    """
    os.mkfifo(tmp_path / "thing.csv")
    with tls_proxy_of(server.port) as proxy:
        uri = _uri_with_a_secret(proxy.port)
        command = ["--parallel", "--workers", "2", "--chunk-rows", "100", "--log-level", "DEBUG"]
        with subprocess.Popen(
            hpnorton.command([*command, tmp_path / "thing.csv"]),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=hpnorton.folder,
            env=hpnorton.environment({"HPNORTON_URI": uri}),
        ) as process:
            with (tmp_path / "thing.csv").open("wb", buffering=0) as pipe:
                # More than it reads before it has started its workers, and than a pipe holds.
                pipe.write(
                    b"id,a\n" + b"".join(b"%d,%01000d\n" % (n % 5, n % 5) for n in range(4000))
                )
                listed = "\n".join(_commands_from(os.getpid()))
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert str(tmp_path / "thing.csv") in listed and "forkserver" in listed
    rejected = b"".join(path.read_bytes() for path in hpnorton.folder.rglob("rejects/*"))
    kept = b"".join(path.read_bytes() for path in server.folder.glob("nx.db*"))
    assert b"hpnorton_imports" in kept
    assert b"geheim" not in listed.encode() + out + err + rejected + kept


def test_the_command_that_goes_on_hides_them(hpnorton: CommandLine, server: Server) -> None:
    """The URI comes from the environment there, and a signature is left out."""
    path = hpnorton.folder / f"thing.csv?sig={SECRET}"
    path.write_bytes(b"id\n" + b"".join(b"%d\n" % n for n in range(100_000)))
    command = "--linear", f"file://{path}", "--chunk-rows", "50", "--retry-timeout", "0", "--uri"
    with tls_proxy_of(server.port) as proxy:
        process = hpnorton.start(*command, _uri_with_a_secret(proxy.port))
        assert process.stderr is not None
        told = process.stderr.readline()
        while b"-> thing" not in told:  # it has begun
            line = process.stderr.readline()
            assert line, told
            told += line
        server.stop()
        told += process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert b'--uri "$HPNORTON_URI"' in told and b"thing.csv?sig=***" in told
    assert SECRET.encode() not in told and b"geheim" not in told


def test_what_dask_may_log_hides_them(tmp_path: Path) -> None:
    """A worker logs the arguments of what it could not do, as they represent themselves."""
    path = tmp_path / f"thing.csv?sig={SECRET}"
    path.write_bytes(b"id\n1\n")
    with closing(CsvFile(f"file://{path}", "thing")) as file:
        layout = make_layout(undescribed_collection("thing", file.header), file.header, file.path)
        spec = ImportSpec(URIS["a password"], layout)
        shown = repr((spec, list(file.chunks(1))))
    assert "first_row" in shown and SECRET not in shown


WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1)


@given(user=WORDS, secret=WORDS, host=st.sampled_from(["h", "h:27017", "[::1]:1", "h,i:2"]))
def test_any_password_is_hidden(user: str, secret: str, host: str) -> None:
    """Encoded as it should be, it is hidden whole, and what is shown stays so."""
    secret = f"<<{secret}>>"
    login = f"{quote(user, safe='')}:{quote(secret, safe='')}"
    for uri in (f"mongodb://{login}@{host}/shop", f"https://{login}@{host}/x.csv"):
        shown = redact_url(uri)
        assert shown == redact_url(shown) == uri.replace(f":{login.partition(':')[2]}@", ":***@")
        assert sanitize_message(f"it is at {uri} now") == f"it is at {shown} now"
    assert redact(f"mongodb://h/?tlsCertificateKeyFilePassword={quote(secret)}&w=1") == (
        "mongodb://h/?tlsCertificateKeyFilePassword=***&w=1"
    )
    assert redact_url(f"https://h/x.csv?a={quote(secret)}&b") == "https://h/x.csv?a=***&***"
