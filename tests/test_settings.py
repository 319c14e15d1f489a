"""Settings: which source wins, what a path is relative to, and that no password is shown."""

import dataclasses
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import SettingsError, UsageError
from hpnorton.settings import Settings, absolute_uri, expand_home, read_settings, redact

ROOT = Path(__file__).parent.parent
SECRET = "hunter2"
INI = """
[hpnorton]
dataset = ini
[dataset ini]
uri = mongodb://127.0.0.1/ini
data = csv
[dataset environment]
uri = mongodb://127.0.0.1/environment
data = csv
[dataset flag]
uri = mongodb://127.0.0.1/flag
data = csv
[import]
chunk_rows = 7
[counter]
rental_days = 3
[log]
level = warning
"""


@pytest.fixture(name="home")
def make_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a settings.ini; the current folder is another one."""
    home = tmp_path / "home"
    elsewhere = tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "settings.ini").write_text(INI, encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    return home


def refused(home: Path, text: str | bytes) -> str:
    """What is said of a settings.ini with this content, which is refused."""
    content = text.encode() if isinstance(text, str) else text
    (home / "settings.ini").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings(home, {})
    assert str(home / "settings.ini") in str(caught.value)
    return str(caught.value)


def test_built_in_defaults(tmp_path: Path) -> None:
    """Without a settings.ini the test dataset below the home folder counts."""
    assert read_settings(tmp_path, {}) == Settings(
        dataset="test",
        uri=f"sqlite:///{tmp_path}/var/hpnorton-test.db",
        data=tmp_path / "data/test",
        chunk_rows=10000,
        rental_days=14,
        log_level="INFO",
        is_disposable=False,
        no_file=tmp_path / "settings.ini",
    )


def test_file_wins_over_defaults(home: Path) -> None:
    """What settings.ini says counts instead of the defaults."""
    assert read_settings(home, {}) == Settings(
        dataset="ini",
        uri="mongodb://127.0.0.1/ini",
        data=home / "csv",
        chunk_rows=7,
        rental_days=3,
        log_level="WARNING",
        is_disposable=False,
    )


@pytest.mark.parametrize(
    ("flag", "variable", "winner"),
    [
        (None, None, "ini"),
        (None, "environment", "environment"),
        ("flag", None, "flag"),
        ("flag", "environment", "flag"),
        (None, "", "ini"),
    ],
)
def test_flag_wins_over_environment_over_file(
    home: Path, flag: str | None, variable: str | None, winner: str
) -> None:
    """For the dataset and the URI a flag wins over the environment, and that over the file."""
    server = "mongodb://127.0.0.1/"
    dataset, uri = {}, {}
    if variable is not None:
        dataset = {"HPNORTON_DATASET": variable}
        uri = {"HPNORTON_URI": variable and server + variable}
    assert read_settings(home, dataset, dataset=flag).dataset == winner
    by_uri = read_settings(home, uri, uri=flag and server + flag)
    assert (by_uri.dataset, by_uri.uri) == ("ini", server + winner)


@pytest.mark.parametrize(
    ("flag", "variable", "winner"),
    [
        (None, None, "INFO"),
        (None, "warning.ini", "WARNING"),
        ("error.ini", "warning.ini", "ERROR"),
    ],
)
def test_another_settings_file(
    tmp_path: Path, flag: str | None, variable: str | None, winner: str
) -> None:
    """The settings file is the flag's, else the environment's, else that of the home folder."""
    for level in ("warning", "error"):
        (tmp_path / f"{level}.ini").write_text(f"[log]\nlevel = {level}", encoding="utf-8")
    environment = {} if variable is None else {"HPNORTON_SETTINGS": str(tmp_path / variable)}
    named = flag and str(tmp_path / flag)
    assert read_settings(tmp_path / "home", environment, settings=named).log_level == winner


def test_log_level_flag_wins(home: Path) -> None:
    """The level of the log is the flag's rather than the file's."""
    assert read_settings(home, {}, log_level="DEBUG").log_level == "DEBUG"


@pytest.mark.parametrize("uri", ["sqlite:///var/a.db", "sqlite:////var/a.db"])
def test_what_a_path_is_relative_to(home: Path, uri: str) -> None:
    """A sqlite path is relative to its settings.ini, from elsewhere to the current folder."""
    is_absolute = uri.startswith("sqlite:////")
    (home / "settings.ini").write_text(f"[dataset test]\nuri = {uri}", encoding="utf-8")
    own = "/var/a.db" if is_absolute else f"{home}/var/a.db"
    others = "/var/a.db" if is_absolute else f"{Path.cwd()}/var/a.db"
    assert read_settings(home, {}).uri == f"sqlite:///{own}"
    assert read_settings(home, {"HPNORTON_URI": uri}).uri == f"sqlite:///{others}"
    assert read_settings(home, {}, uri=uri).uri == f"sqlite:///{others}"


def test_paths_of_a_file_named_from_elsewhere(home: Path) -> None:
    """Paths in a settings file are relative to its folder, also if its own name is relative."""
    text = "[dataset test]\nuri = sqlite:///a.db\ndata = ../csv"
    (home / "other.ini").write_text(text, encoding="utf-8")
    settings = read_settings(Path.cwd(), {}, settings="../home/other.ini")
    assert Path(settings.uri.removeprefix("sqlite:///")).resolve() == home / "a.db"
    assert settings.data.is_absolute()
    assert settings.data.resolve() == home.parent / "csv"


@pytest.mark.parametrize(
    "uri", ["mongodb://127.0.0.1:27017/store", "mongodb+srv://u:p@cluster.example/?tls=true"]
)
def test_server_uris_stay_as_they_are(uri: str) -> None:
    """A MongoDB URI is taken as it stands."""
    assert absolute_uri(uri, Path("/base")) == uri


@pytest.mark.parametrize(
    "uri", ["", "sqlite:///", "sqlite://a.db", "a.db", "postgres://u:hunter2@h/db", "mongodb:/h"]
)
def test_other_uris_are_refused(uri: str) -> None:
    """A URI of another kind is refused with the forms that are right, and without its password."""
    with pytest.raises(UsageError, match="sqlite:///path/file.db or mongodb://") as caught:
        absolute_uri(uri, Path("/base"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("environment", [{}, {"HPNORTON_DATASET": "prod"}])
def test_unknown_dataset(home: Path, environment: dict[str, str]) -> None:
    """An unknown dataset is wrong usage; the message names those that there are."""
    flag = None if environment else "prod"
    with pytest.raises(UsageError, match="no dataset 'prod'.*ini has: ini, environment, flag$"):
        read_settings(home, environment, dataset=flag)


def test_unknown_dataset_without_a_file(tmp_path: Path) -> None:
    """Where there is no settings.ini, the message does not say what that has."""
    message = f"there is no dataset 'shop'; there is no {tmp_path}/settings.ini, and built in are"
    with pytest.raises(UsageError, match=f"^{message}: test, production$"):
        read_settings(tmp_path, {}, dataset="shop")


def test_the_datasets_are_those_of_the_file(home: Path) -> None:
    """Beside a shop's own datasets there are no others; a single one need not be chosen."""
    text = "[dataset shop]\nuri = sqlite:///shop.db\ndata = csv\n"
    (home / "settings.ini").write_text(text, encoding="utf-8")
    assert read_settings(home, {}).uri == f"sqlite:///{home}/shop.db"
    with pytest.raises(UsageError, match="no dataset 'test'; .*ini has: shop$"):
        read_settings(home, {}, dataset="test")
    (home / "settings.ini").write_text(text + text.replace("shop", "other"), encoding="utf-8")
    with pytest.raises(UsageError, match="has several datasets: shop, other; choose one with --da"):
        read_settings(home, {})


@pytest.mark.parametrize(
    ("environment", "flags"),
    [({}, {"uri": "sqlite:///a.db"}), ({"HPNORTON_URI": "sqlite:///a.db"}, {})],
)
def test_a_named_database_needs_no_file(
    tmp_path: Path, environment: dict[str, str], flags: dict[str, str]
) -> None:
    """A settings.ini is missed only where nothing else names the database."""
    assert read_settings(tmp_path, {}, dataset="test").no_file == tmp_path / "settings.ini"
    assert read_settings(tmp_path, environment, **flags).no_file is None


@pytest.fixture(name="user_home")
def home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of whoever runs this."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "user"


def test_a_tilde_is_the_home_folder(home: Path, user_home: Path) -> None:
    """In a flag, the environment and settings.ini, for databases, data and the file itself."""
    uri = "sqlite:///~/shop/a.db"
    assert read_settings(home, {}, uri=uri).uri == f"sqlite:///{user_home}/shop/a.db"
    assert read_settings(home, {"HPNORTON_URI": uri}).uri == f"sqlite:///{user_home}/shop/a.db"
    user_home.mkdir()
    text = f"[dataset test]\nuri = {uri}\ndata = ~/csv\n"
    (user_home / "mine.ini").write_text(text, encoding="utf-8")
    for environment, flag in (({}, "~/mine.ini"), ({"HPNORTON_SETTINGS": "~/mine.ini"}, None)):
        settings = read_settings(home, environment, settings=flag)
        assert settings.uri == f"sqlite:///{user_home}/shop/a.db"
        assert settings.data == user_home / "csv"


def test_a_tilde_elsewhere_is_a_character(home: Path) -> None:
    """~ is a home folder only at the beginning, and of somebody; a file may be called ~name."""
    for path in ("a/~/b.db", "a~.db", "./~/b.db"):
        expected = (Path.cwd() / path).resolve()
        assert read_settings(home, {}, uri=f"sqlite:///{path}").uri == f"sqlite:///{expected}"
    assert absolute_uri("sqlite:////~/a.db", home) == "sqlite:////~/a.db"
    assert expand_home("~nobody-of-that-name.csv") == "~nobody-of-that-name.csv"
    with pytest.raises(UsageError, match="no home folder ~nobody-of-that-name; write ./~nobody"):
        absolute_uri("sqlite:///~nobody-of-that-name/a.db", home)
    assert expand_home("~root/x") == str(Path(pwd.getpwnam("root").pw_dir, "x"))


def test_missing_file_that_somebody_named(tmp_path: Path) -> None:
    """A settings file that a flag or the environment names has to be there."""
    path = str(tmp_path / "setings.ini")
    with pytest.raises(SettingsError, match="no settings file .*setings.ini"):
        read_settings(tmp_path, {}, settings=path)
    with pytest.raises(SettingsError, match="no settings file .*setings.ini"):
        read_settings(tmp_path, {"HPNORTON_SETTINGS": path})


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """A settings.ini that is a folder cannot be read."""
    (tmp_path / "settings.ini").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"uri = mongodb://u:{SECRET}@h\n", "line 1 is wrong"),
        (f"[dataset test]\nuri mongodb//u;{SECRET}@h\n", "line 2 is wrong"),
        (f"[dataset test]\nuri = a\nuri = mongodb://u:{SECRET}@h\n", "line 3 is wrong"),
        (f"[log]\n[dataset {SECRET}\n", "line 2 is wrong"),
        ("[log]\n[import]\n[log]\n", "line 3 is wrong"),
        (b"[dataset test]\nuri = mongodb://u:" + SECRET.encode() + b"\xff@h\n", "cannot be read"),
        ("[dataset test]\ndisposable = perhaps\n", "disposable of [dataset test] must be yes or"),
        ("[log]\nlevel = LOUD\n", "level is 'LOUD'; it must be one of DEBUG, INFO"),
        ("[log]\nlevel =\n", "level is ''"),
        ("[dataset test]\nuri =\n", "no line 'uri = ...'"),
        ("[dataset test]\ndata =   \n", "no line 'data = ...'"),
        ("[dataset mine]\nuri = sqlite:///a.db\n[hpnorton]\ndataset = mine\n", "no line 'data"),
    ],
)
def test_garbled_file(home: Path, text: str | bytes, reason: str) -> None:
    """A settings.ini that makes no sense is refused with the line, and without its passwords."""
    message = refused(home, text)
    assert reason in message
    assert SECRET not in message


@pytest.mark.parametrize("rows", ["0", "-1", "1.5", "ten", "", "²", "9" * 20, "9" * 5000])
def test_bad_chunk_rows(home: Path, rows: str) -> None:
    """A number of rows in a chunk that is none, or that nothing can hold, is refused."""
    assert "chunk_rows" in refused(home, f"[import]\nchunk_rows = {rows}\n")


@pytest.mark.parametrize("days", ["0", "-1", "10000", "two", ""])
def test_bad_rental_days(home: Path, days: str) -> None:
    """rental_days must be a whole number of days that a due day can be reckoned from."""
    assert "rental_days" in refused(home, f"[counter]\nrental_days = {days}\n")


def test_bom(home: Path) -> None:
    """A settings.ini that an editor has given a BOM is read like others."""
    before = read_settings(home, {})
    (home / "settings.ini").write_text(INI.lstrip(), encoding="utf-8-sig")
    assert read_settings(home, {}) == before


DISPOSABLE = """
[hpnorton]
dataset = mine
[dataset mine]
uri = sqlite:///mine.db
data = csv
[dataset scratch]
uri = sqlite:///scratch.db
data = csv
disposable = yes
[dataset same]
uri = sqlite:///scratch.db
data = csv
disposable = {}
"""


@pytest.mark.parametrize(
    ("flags", "mark", "is_disposable"),
    [
        ({}, "yes", False),
        ({"dataset": "scratch"}, "yes", True),
        ({"dataset": "scratch"}, "no", False),
        ({"dataset": "scratch", "uri": "sqlite:///elsewhere.db"}, "yes", False),
        ({"uri": "sqlite:///../home/scratch.db"}, "yes", True),
        ({"uri": "sqlite:///../home/scratch.db"}, "no", False),
        ({"dataset": "scratch", "uri": "sqlite:///../home/mine.db"}, "yes", False),
        ({"uri": "mongodb://127.0.0.1/scratch"}, "yes", False),
    ],
)
def test_what_is_disposable(
    home: Path, flags: dict[str, str], mark: str, is_disposable: bool
) -> None:
    """A database is disposable if every dataset that has it is marked so, however it is named."""
    (home / "settings.ini").write_text(DISPOSABLE.format(mark), encoding="utf-8")
    assert read_settings(home, {}, **flags).is_disposable is is_disposable


def test_the_test_dataset_of_the_project_is_disposable() -> None:
    """The settings.ini that comes with the project marks its test dataset and no other."""
    assert read_settings(ROOT, {}, dataset="test").is_disposable
    assert not read_settings(ROOT, {}, dataset="production").is_disposable


def test_settings_are_frozen(home: Path) -> None:
    """Nobody changes settings while a run goes on."""
    settings = read_settings(home, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.chunk_rows = 1  # type: ignore[misc] # that is the point


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://127.0.0.1:27017/store", "mongodb://127.0.0.1:27017/store"),
        ("sqlite:////var/store.db", "sqlite:////var/store.db"),
        ("mongodb://u:hunter2@h/db", "mongodb://u:***@h/db"),
        ("mongodb+srv://u:hunter2@h", "mongodb+srv://u:***@h"),
        ("mongodb://u:hun@ter:2/hunter2?@h,g/db", "mongodb://u:***@h,g/db"),
        ("mongodb://u:hunter2%40@h/db", "mongodb://u:***@h/db"),
        ("mongodb://:hunter2@h/db", "mongodb://:***@h/db"),
        ("mongodb:/u:hunter2@h", "mongodb:/u:***@h"),
        ("mongodb:u:hunter2@h", "mongodb:u:***@h"),
        ("u:hunter2@h", "u:***@h"),
        ("mongodb://h/?tlsCertificateKeyFilePassword=hunter2", None),
        ("mongodb://h/?tls=true&tlscertificatekeyfilepassword=hunter2&w=1", None),
        ("mongodb://h/?tls=true;tlsCertificateKeyFilePassword=hunter2;w=1", None),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2", None),
        ("MONGODB://u:hunter2@h", None),
        ("mongodb//u:hunter2@h", None),
        ("mongodb;//u:hunter2@h", None),
        ("//u:hunter2@h", None),
        ("mongodb://me@work:hunter2@h", None),
        ("me@work:hunter2@h", None),
        (" mongodb://u:hunter2@h", None),
        ("mongodb://u/v:hunter2@h", None),
    ],
)
def test_redact(uri: str, shown: str | None) -> None:
    """A URI is shown without its secrets, however it is garbled, and else as it is."""
    assert SECRET not in redact(uri)
    if shown is not None:
        assert redact(uri) == shown


# Capitals, which are nowhere else in these URIs, so that a password shown is found in any case.
NASTY = st.text(st.sampled_from("ABC@/:?%&=;#,. \n\\*'\"\u00df"), min_size=1, max_size=12)


@given(
    start=st.sampled_from(["mongodb://", "mongodb+srv://", "mongodb:/", "mongodb:", "sqlite:///"]),
    user=st.text(st.sampled_from("uvw%40.-+"), max_size=4),
    password=NASTY.filter(lambda text: any(mark in text for mark in "ABC")),
    rest=st.sampled_from(["", "/db", "/db?w=1", ":27017,g:27018/db?tls=true&w=1"]),
)
def test_no_password_is_ever_shown(start: str, user: str, password: str, rest: str) -> None:
    """Whatever characters stand between the user and the last @, none of them is shown."""
    shown = redact(f"{start}{user}:{password}@h{rest}")
    assert set("ABC").isdisjoint(shown)
    assert shown.endswith(f"@h{rest}")


class Switches:
    """data-test.sh and data-production.sh in a copy of the project, with its settings.ini."""

    def __init__(self, home: Path, elsewhere: Path) -> None:
        (home / "scripts").mkdir(parents=True)
        for name in ("data-test.sh", "data-production.sh", "scripts/use-dataset.sh"):
            shutil.copy(ROOT / name, home / name)
        self.home = home
        self.file = home / "settings.ini"
        self.elsewhere = elsewhere

    def use(self, dataset: str) -> "subprocess.CompletedProcess[str]":
        """Makes a dataset the active one, called from another folder."""
        command = [str(self.home / f"data-{dataset}.sh")]
        return subprocess.run(
            command, cwd=self.elsewhere, capture_output=True, text=True, check=False
        )


@pytest.fixture(name="switches")
def copy_switches(tmp_path: Path) -> Switches:
    """The switch scripts in a folder whose name has a blank."""
    return Switches(tmp_path / "a home", tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[hpnorton]\ndataset = test\n", "[hpnorton]\ndataset = production\n"),
        ("[hpnorton]\ndataset=test", "[hpnorton]\ndataset = production"),
        (
            "; dataset = test\n\n[hpnorton]\n;dataset = test\n#  dataset = b\n  \ndataset \t= c \n"
            "data = x\n\n [odd]\t\n[dataset test]\ndataset = kept\nuri=  sqlite:///a.db   ",
            "; dataset = test\n\n[hpnorton]\n;dataset = test\n#  dataset = b\n  \n"
            "dataset = production\n"
            "data = x\n\n [odd]\t\n[dataset test]\ndataset = kept\nuri=  sqlite:///a.db   ",
        ),
        (
            "[dataset test]\nuri = sqlite:///\xe4.db\n[hpnorton]\ndataset = test\n",
            "[dataset test]\nuri = sqlite:///\xe4.db\n[hpnorton]\ndataset = production\n",
        ),
        ("\ufeff[hpnorton]\ndataset = test\n", "\ufeff[hpnorton]\ndataset = production\n"),
        (
            "[hpnorton]\ndataset = test\n[history]\ndataset = kept\n",
            "[hpnorton]\ndataset = production\n[history]\ndataset = kept\n",
        ),
    ],
    ids=["plain", "no-newline-at-end", "comments-and-blanks", "non-ascii", "bom", "like-named"],
)
def test_a_switch_changes_one_line(switches: Switches, before: str, after: str) -> None:
    """A switch changes the dataset line and no other byte; a second time it changes nothing."""
    switches.file.write_bytes(before.encode())
    for _ in range(2):
        done = switches.use("production")
        assert (done.returncode, done.stderr) == (0, "")
        assert switches.file.read_bytes().decode() == after


def test_the_switches_switch(switches: Switches) -> None:
    """After a switch its dataset is in force; there and back, the file is as it was."""
    shutil.copy(ROOT / "settings.ini", switches.file)
    assert switches.use("test").returncode == 0
    before = switches.file.read_bytes()
    for name in ("production", "test"):
        done = switches.use(name)
        assert done.stdout == f"The active dataset is {name}.\n"
        assert read_settings(switches.home, {}).dataset == name
    assert switches.file.read_bytes() == before


def test_a_switch_writes_only_what_changes(switches: Switches) -> None:
    """A switch to the active dataset does not even write the file."""
    switches.file.write_text("[hpnorton]\ndataset = test\n", encoding="utf-8")
    os.utime(switches.file, (0, 0))
    assert switches.use("test").returncode == 0
    assert switches.file.stat().st_mtime == 0


@pytest.mark.parametrize(
    "text",
    ["", "[hpnorton]\n;dataset = test\n[log]\n", "[notes]\ndataset = test\n[hpnorton]\nx = 1\n"],
    ids=["empty", "comment", "other-section"],
)
def test_a_switch_without_a_line_to_change(switches: Switches, text: str) -> None:
    """Where there is no dataset line, a switch says what to add and changes nothing."""
    switches.file.write_text(text, encoding="utf-8")
    done = switches.use("test")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "add 'dataset = test'" in done.stderr
    assert switches.file.read_text(encoding="utf-8") == text


def test_a_switch_without_settings(switches: Switches) -> None:
    """Where there is no settings.ini, a switch fails and makes none."""
    assert switches.use("test").returncode != 0
    assert not switches.file.exists()
