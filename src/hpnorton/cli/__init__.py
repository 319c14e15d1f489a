"""The command line: main() handles errors, program() works; each group of flags has its file.

What takes long to import (loguru, pymongo, rich, the stores) is imported by the operation that
needs it: `--help` has to answer at once.
"""
# pylint: disable=import-outside-toplevel # the docstring says why

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hpnorton.cli import (
    analyze,
    audit,
    compare,
    completion,
    counter,
    drop,
    flag_rules,
    import_,
    profile,
    query,
    stream,
)
from hpnorton.cli.arguments import Operation, Parser, add_settings, program_name
from hpnorton.cli.help import show_help, wants_help
from hpnorton.cli.show import tell
from hpnorton.cli.standard_streams import until_closed, usable_streams
from hpnorton.errors import ExitStatus, HPNortonError, SettingsError, UsageError, did_you_mean
from hpnorton.log import discard_rest
from hpnorton.settings import SQLITE_PREFIX, Settings, current_folder, read_settings, redact


def main(argv: Sequence[str] | None = None, home: Path | None = None) -> int:
    """Runs the command line and returns its exit status; tells errors on stderr.

    `argv` are the arguments (the process's own by default), `home` is the folder of settings.ini
    (the current one by default). A program may call this with streams of its own as sys.stdout and
    sys.stderr.
    """
    with usable_streams():
        try:
            return program(sys.argv[1:] if argv is None else argv, home or current_folder())
        except HPNortonError as error:
            for line in str(error).splitlines():
                tell(f"Error: {line}")
            _log_traceback(error)
            return error.status
        except KeyboardInterrupt:
            tell("Error: interrupted")
            return ExitStatus.INTERRUPTED
        except OSError as error:
            tell(f"Error: the result cannot be written: {error}")
            discard_rest(sys.stdout)
            return ExitStatus.FAILED
        except ImportError as error:
            tell(
                f"Error: a package that HPNorton needs is missing or damaged ({error}); install it "
                "again: remove the folder .venv and run 'make', or use 'pip install "
                "--force-reinstall'"
            )
            _log_traceback(error)
            return ExitStatus.FAILED
        except Exception as error:  # pylint: disable=broad-exception-caught # never a traceback
            tell(
                f"Error: unexpected {type(error).__name__}: {error}; please report it, with what "
                "--log-level DEBUG shows"
            )
            _log_traceback(error)
            return ExitStatus.FAILED


def program(argv: Sequence[str], home: Path) -> ExitStatus:
    """Does what the arguments ask for. Raises HPNortonError."""
    arguments = parse(argv)
    settings = read_settings(
        home,
        os.environ,
        settings=arguments.settings,
        dataset=arguments.dataset,
        uri=arguments.uri,
        log_level=arguments.log_level,
    )
    from hpnorton.log import start_log

    arguments.log_level = None if arguments.disable_log or arguments.quiet else settings.log_level
    start_log(arguments.log_level)
    _warn_of_secrets(arguments.uri or "")
    _check_settings(arguments, settings)
    operation: Operation = arguments.operation
    status = operation(arguments, settings)
    with until_closed():
        sys.stdout.flush()
    return status


def parse(argv: Sequence[str]) -> Namespace:
    """The arguments; FILEs and COLLECTIONs may stand behind other flags too. Raises UsageError."""
    made = parser()
    if wants_help(argv):
        show_help(made, argv, flag_rules.GOES_WITH)
        made.exit()
    arguments, rest = made.parse_known_args(argv)
    behind = [*arguments.behind, *rest]
    if behind:
        unknown = [text for text in behind if text.startswith("-") and text != "-"]
        if unknown or arguments.flag not in flag_rules.TAKE_MORE:
            hint = _meant(made, arguments.flag, unknown or behind)
            made.error(f"unrecognized arguments: {' '.join(behind)}{hint}")
        arguments.values += behind
    flag_rules.settle(arguments)
    return arguments


def _meant(made: Parser, flag: str | None, unknown: Sequence[str]) -> str:
    """The end of a message about arguments: which flag may have been meant by the first of them."""
    typed = unknown[0].partition("=")[0].lstrip("-\N{EN DASH}\N{EM DASH}")
    is_value = flag is not None and typed == unknown[0]
    return "" if is_value or not typed else did_you_mean(f"--{typed}", made.flags)


def parser() -> Parser:
    """The parser of all flags; `operation` and `values` of its result say what to do."""
    made = Parser(
        prog=program_name(),
        usage="%(prog)s ACTION [OPTION ...]",
        description="A rental store's inventory: imports customers, products and rentals from CSV "
        "files into SQLite or MongoDB, and answers questions about them.",
        epilog="Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but rows were rejected or "
        "conflict with what is in the database, or a score is below --min-score; 4 stopped by "
        "--max-errors; 130 interrupted.",
        allow_abbrev=False,
    )
    made.set_defaults(flag=None, values=None, behind=[], operation=_nothing)
    import_.add_flags(made)
    query.add_flags(made)
    profile.add_flags(made)
    counter.add_flags(made)
    audit.add_flags(made)
    compare.add_flags(made)
    analyze.add_flags(made)
    stream.add_flags(made)
    drop.add_flags(made)
    add_settings(made)
    completion.add_flags(made)
    return made


def _nothing(_arguments: object, _settings: Settings) -> ExitStatus:
    raise UsageError("say what to do, for example --linear or --available-products; see --help")


def _check_settings(arguments: Namespace, settings: Settings) -> None:
    """Warns of built-in settings; raises SettingsError if the database is not there either.

    Whoever starts this in another folder by mistake, as cron does, gets no new database there.
    """
    needs_none = arguments.flag in (None, analyze.ANALYZE) or arguments.to is not None
    if settings.no_file is None or needs_none:
        return
    path = settings.uri.removeprefix(SQLITE_PREFIX)
    if not os.path.exists(path):
        raise SettingsError(
            f"there is no {settings.no_file}, and no database {path} either; change to the folder "
            "of your shop, or name its settings.ini with --settings or HPNORTON_SETTINGS, or a "
            f"database with --uri, for example --uri {SQLITE_PREFIX}shop.db"
        )
    from hpnorton import log

    log.warning("there is no {}: the built-in settings count, with {}", settings.no_file, path)


def _warn_of_secrets(uri: str) -> None:
    """Warns of a password on the command line: whoever lists the processes sees it."""
    if redact(uri) != uri:
        from hpnorton import log

        log.warning(
            "others on this machine can read the password in --uri in the list of processes; put "
            "the URI into the environment variable HPNORTON_URI instead"
        )


def _log_traceback(error: BaseException) -> None:
    from hpnorton import log

    log.debug("where the error comes from", error=error)
