"""The settings of a run, from settings.ini, the environment and flags."""

import configparser
import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpnorton.errors import SettingsError, UsageError, did_you_mean

FILE_NAME = "settings.ini"
SQLITE_PREFIX = "sqlite:///"
MONGO_PREFIXES = ("mongodb://", "mongodb+srv://")
# HPNorton's own datapackage.json, of a rental store: where nothing else describes a file.
_STORE_FOLDER = Path(__file__).parent / "rental"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_SECTION = "dataset "
_DATASET = "test"
# The defaults without a settings.ini, or for what it does not say.
_DEFAULTS = f"""
[{_SECTION}test]
uri = {SQLITE_PREFIX}var/hpnorton-test.db
data = data/test
[{_SECTION}production]
uri = {SQLITE_PREFIX}var/hpnorton-production.db
data = data/production
[import]
chunk_rows = 10000
[counter]
rental_days = 14
[log]
level = INFO
"""


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    `uri` names the database (a sqlite path in it is absolute), `data` is the folder of the
    dataset's CSV files, `chunk_rows` the number of rows in a chunk, `rental_days` for how many days
    a product is rented by default. `is_disposable` says that the database may be dropped without a
    question. `no_file` is the path of the settings.ini that is missing, if nothing else names the
    database.
    """

    dataset: str
    uri: str
    data: Path
    chunk_rows: int
    rental_days: int
    log_level: str
    is_disposable: bool
    no_file: Path | None = None

    @property
    def description_folders(self) -> tuple[Path, ...]:
        """Return the folders whose datapackage.json describes what none beside a file describes."""
        return self.data, _STORE_FOLDER


def read_settings(
    home: Path,
    environment: Mapping[str, str],
    *,
    settings: str | None = None,
    dataset: str | None = None,
    uri: str | None = None,
    log_level: str | None = None,
) -> Settings:
    """Return the settings: a flag wins over the environment, and that wins over settings.ini.

    `home` is the folder of the settings.ini that is read if neither a flag nor HPNORTON_SETTINGS
    names one; if it has none, the built-in defaults apply, relative to `home`. The keyword
    arguments are the values of the flags. Raises SettingsError for a file that cannot be used, and
    UsageError for a dataset or URI that makes no sense.
    """
    named = settings or environment.get("HPNORTON_SETTINGS")
    path = Path(expand_home(named)) if named else home / FILE_NAME
    is_there = named is not None or path.exists()
    parser = _parse(path) if is_there else configparser.ConfigParser(interpolation=None)
    _fill_in_defaults(parser)
    base = path.absolute().parent
    names = [section.removeprefix(_SECTION) for section in parser if section.startswith(_SECTION)]
    chosen = dataset or environment.get("HPNORTON_DATASET") or _active(parser, path, names)
    if chosen not in names:
        listed = f"{path} has" if is_there else f"there is no {path}, and built in are"
        hint = did_you_mean(chosen, names)
        raise UsageError(f"there is no dataset {chosen!r}; {listed}: {', '.join(names)}{hint}")
    own_uris = {name: absolute_uri(_get(parser, path, name, "uri"), base) for name in names}
    other = environment.get("HPNORTON_URI") or None if uri is None else uri
    used = own_uris[chosen] if other is None else absolute_uri(other, current_folder())
    marks = {name: _is_disposable(parser, path, name) for name in names}
    same = [marks[name] for name in names if own_uris[name] == used]
    return Settings(
        dataset=chosen,
        uri=used,
        data=base / expand_home(_get(parser, path, chosen, "data")),
        chunk_rows=_whole(parser, path, "import", "chunk_rows", 9_999_999),
        rental_days=_whole(parser, path, "counter", "rental_days", 9999),
        log_level=_log_level(log_level or parser["log"]["level"], path),
        is_disposable=bool(same) and all(same),
        no_file=path if not is_there and other is None else None,
    )


def _active(parser: configparser.ConfigParser, path: Path, names: Sequence[str]) -> str:
    """Return the dataset to use by default: that of settings.ini, or the only one.

    Raises UsageError if the file has several and names none of them.
    """
    only = names[0] if len(names) == 1 else _DATASET
    active = parser.get("hpnorton", "dataset", fallback=only)
    if active not in names and not parser.has_option("hpnorton", "dataset"):
        raise UsageError(
            f"{path} has several datasets: {', '.join(names)}; choose one with --dataset, or with "
            "a line 'dataset = NAME' in its section [hpnorton]"
        )
    return active


def _fill_in_defaults(parser: configparser.ConfigParser) -> None:
    """Add the defaults that a settings file lacks, and the datasets if it has none at all."""
    defaults = configparser.ConfigParser(interpolation=None)
    defaults.read_string(_DEFAULTS)
    has_datasets = any(section.startswith(_SECTION) for section in parser)
    for section in defaults.sections():
        if section not in parser:
            if has_datasets and section.startswith(_SECTION):
                continue
            parser.add_section(section)
        for name, value in defaults[section].items():
            parser[section].setdefault(name, value)


def _parse(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8-sig") as file:
            parser.read_file(file)
    except FileNotFoundError:
        raise SettingsError(f"there is no settings file {path}; check its name") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    except configparser.Error as error:
        # configparser's text quotes whole lines, and a line may hold a password.
        line = getattr(error, "lineno", None) or _first_bad_line(error)
        raise SettingsError(
            f"{path} is not a settings file{f': line {line} is wrong' if line else ''}; "
            "it has sections such as [log] and lines such as 'level = INFO'"
        ) from None
    return parser


def _first_bad_line(error: configparser.Error) -> int | None:
    bad = getattr(error, "errors", None)
    return int(bad[0][0]) if bad else None


def _get(parser: configparser.ConfigParser, path: Path, dataset: str, key: str) -> str:
    value = parser[_SECTION + dataset].get(key, "").strip()
    if not value:
        raise SettingsError(f"{path}: section [{_SECTION}{dataset}] has no line '{key} = ...'")
    if "\0" in value:
        raise SettingsError(f"{path}: {key} of [{_SECTION}{dataset}] holds a NUL character")
    return value


def _is_disposable(parser: configparser.ConfigParser, path: Path, dataset: str) -> bool:
    try:
        return parser[_SECTION + dataset].getboolean("disposable", fallback=False)
    except ValueError:
        raise SettingsError(
            f"{path}: disposable of [{_SECTION}{dataset}] must be yes or no"
        ) from None


def _whole(
    parser: configparser.ConfigParser, path: Path, section: str, key: str, maximum: int
) -> int:
    text = parser[section][key]
    if re.fullmatch("0*[1-9][0-9]{0,6}", text) is None or int(text) > maximum:
        raise SettingsError(
            f"{path}: {key} is {text[:20]!r}; it must be a whole number from 1 to {maximum}"
        )
    return int(text)


def _log_level(text: str, path: Path) -> str:
    if text.upper() not in LOG_LEVELS:
        raise SettingsError(f"{path}: level is {text!r}; it must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def absolute_uri(uri: str, base: Path) -> str:
    """Return a URI in which the path of a sqlite URI is absolute, relative to the folder `base`.

    `sqlite:///a.db` is relative and `sqlite:////a.db` absolute, as in SQLAlchemy, and
    `sqlite:///~/a.db` is in the home folder. Raises UsageError for a URI of another kind.
    """
    if uri.startswith(SQLITE_PREFIX) and len(uri) > len(SQLITE_PREFIX):
        path = expand_home(uri.removeprefix(SQLITE_PREFIX))
        try:
            return f"{SQLITE_PREFIX}{(base / path).resolve()}"
        except (OSError, RuntimeError) as error:  # links in a circle
            raise UsageError(f"{uri} cannot be found: {error}") from error
    if uri.startswith(MONGO_PREFIXES):
        return uri
    raise UsageError(
        f"{redact(uri)!r} is no database URI; write {SQLITE_PREFIX}path/file.db "
        "or mongodb://host:27017/database"
    )


def current_folder() -> Path:
    """Return the folder of this process. Raises UsageError if it was removed meanwhile."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the current folder cannot be used: {error.strerror}; change to another one"
        ) from error


def expand_home(path: str) -> str:
    """Replace ~ or ~user at the start of a path by the home folder, as shells do.

    A shell does not replace it in --rejects=~/x, nor in settings.ini. A file may be called ~name.
    Raises UsageError for a folder that looks like the home folder of an unknown user.
    """
    found = os.path.expanduser(path)
    if found.startswith("~") and "/" in found:
        first = found.partition("/")[0]
        raise UsageError(
            f"{path}: there is no home folder {first}; write ./{path} for a folder of that name"
        )
    return found


def redact(uri: str) -> str:
    """Return a URI that may be shown: without passwords, session tokens and the like.

    This works for an invalid URI too, as error messages show those.
    """
    login, sign, rest = uri.rpartition("@")
    scheme = re.match(r"[a-z+]*[:;]?/+|mongodb(\+srv)?:", login)
    start = scheme.end() if scheme else 0
    user, colon, _ = login[start:].partition(":")
    shown = f"{login[:start]}{user}{':***' if colon else ''}{sign}{rest}"
    secret = r"([?&;][^=&;]*(?:password|passphrase|token|secret|properties)[^=&;]*=)[^&;]*"
    return re.sub(secret, r"\1***", shown, flags=re.IGNORECASE)
