"""settings.ini + environment + flags -> one frozen Settings."""

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hpnorton.errors import SettingsError, UsageError

FILE_NAME = "settings.ini"
SQLITE_PREFIX = "sqlite:///"
MONGO_PREFIXES = ("mongodb://", "mongodb+srv://")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PRODUCTION = "production"

_SECTION = "dataset "
_DEFAULTS = f"""
[hpnorton]
dataset = test
[{_SECTION}test]
uri = {SQLITE_PREFIX}var/hpnorton-test.db
data = data/test
[{_SECTION}{PRODUCTION}]
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
    """Everything that a run needs to know.

    `uri` names the database (a sqlite path in it is absolute), `data` is the folder of the
    dataset's CSV files, `chunk_rows` the rows in a chunk, `rental_days` for how long something is
    rented if nobody says, and `is_production` says whether dropping anything has to be confirmed.
    """

    dataset: str
    uri: str
    data: Path
    chunk_rows: int
    rental_days: int
    log_level: str
    is_production: bool


def read_settings(
    home: Path,
    environment: Mapping[str, str],
    *,
    settings: str | None = None,
    dataset: str | None = None,
    uri: str | None = None,
    log_level: str | None = None,
) -> Settings:
    """The settings in force: a flag wins over the environment, that over settings.ini.

    `home` is the folder whose settings.ini counts when neither a flag nor HPNORTON_SETTINGS
    names one; if it has none, the built-in defaults count, relative to `home`. The keyword
    arguments are the flags' values. Raises SettingsError for a file that cannot be used and
    UsageError for a dataset or URI that makes no sense.
    """
    named = settings or environment.get("HPNORTON_SETTINGS")
    path = Path(named) if named else home / FILE_NAME
    parser = _parse(path, required=named is not None)
    base = path.absolute().parent
    names = [section.removeprefix(_SECTION) for section in parser if section.startswith(_SECTION)]
    chosen = dataset or environment.get("HPNORTON_DATASET") or parser["hpnorton"]["dataset"]
    if chosen not in names:
        raise UsageError(f"there is no dataset {chosen!r}; {path} has: {', '.join(names)}")
    own_uris = {name: absolute_uri(_get(parser, path, name, "uri"), base) for name in names}
    other = environment.get("HPNORTON_URI") or None if uri is None else uri
    used = own_uris[chosen] if other is None else absolute_uri(other, Path.cwd())
    return Settings(
        dataset=chosen,
        uri=used,
        data=base / _get(parser, path, chosen, "data"),
        chunk_rows=_whole(parser, path, "import", "chunk_rows", 9_999_999),
        rental_days=_whole(parser, path, "counter", "rental_days", 9999),
        log_level=_log_level(log_level or parser["log"]["level"], path),
        is_production=PRODUCTION in (chosen, *(n for n in names if own_uris[n] == used)),
    )


def _parse(path: Path, *, required: bool) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(_DEFAULTS)
    if not required and not path.exists():
        return parser
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


def _whole(parser: configparser.ConfigParser, path: Path, section: str, key: str, most: int) -> int:
    text = parser[section][key]
    if re.fullmatch("0*[1-9][0-9]{0,6}", text) is None or int(text) > most:
        raise SettingsError(
            f"{path}: {key} is {text[:20]!r}; it must be a whole number from 1 to {most}"
        )
    return int(text)


def _log_level(text: str, path: Path) -> str:
    if text.upper() not in LOG_LEVELS:
        raise SettingsError(f"{path}: level is {text!r}; it must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def absolute_uri(uri: str, base: Path) -> str:
    """`uri` with the path of a sqlite URI made absolute, relative to the folder `base`.

    `sqlite:///a.db` is relative and `sqlite:////a.db` absolute, as in SQLAlchemy. Raises
    UsageError for a URI of another kind.
    """
    if uri.startswith(SQLITE_PREFIX) and len(uri) > len(SQLITE_PREFIX):
        try:
            return f"{SQLITE_PREFIX}{(base / uri.removeprefix(SQLITE_PREFIX)).resolve()}"
        except (OSError, RuntimeError) as error:  # links in a circle
            raise UsageError(f"{uri} cannot be found: {error}") from error
    if uri.startswith(MONGO_PREFIXES):
        return uri
    raise UsageError(
        f"{redact(uri)!r} is no database URI; write {SQLITE_PREFIX}path/file.db "
        "or mongodb://host:27017/database"
    )


def redact(uri: str) -> str:
    """`uri` as it may be shown: without passwords, session tokens and the like.

    Also a URI that is wrong, since that is the one an error message shows.
    """
    login, sign, rest = uri.rpartition("@")
    scheme = re.match(r"[a-z+]*[:;]?/+|mongodb(\+srv)?:", login)
    start = scheme.end() if scheme else 0
    user, colon, _ = login[start:].partition(":")
    shown = f"{login[:start]}{user}{':***' if colon else ''}{sign}{rest}"
    secret = r"([?&;][^=&;]*(?:password|passphrase|token|secret|properties)[^=&;]*=)[^&;]*"
    return re.sub(secret, r"\1***", shown, flags=re.IGNORECASE)
