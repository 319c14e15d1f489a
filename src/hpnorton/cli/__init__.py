"""The command line: main() reports errors, program() runs a command.

Each command has a file with its flags, their help, and the function that runs it; to add one, add
its module to _COMMANDS. `arguments` holds what they share, `output` how results are written. What
takes long to import is imported lazily, so that `--help` answers at once.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hpnorton import log
from hpnorton.cli import (
    add,
    adjust_stock,
    analyze,
    check,
    compare,
    completion,
    drop,
    edit,
    export,
    fields,
    history,
    import_,
    quality,
    query,
    rent,
    return_,
    stream,
)
from hpnorton.cli.arguments import (
    CommandFlag,
    Parser,
    add_settings,
    program_name,
    validate_arguments,
)
from hpnorton.cli.help import show_help, wants_help
from hpnorton.cli.output import print_message
from hpnorton.cli.standard_streams import ignore_closed_stdout, usable_streams
from hpnorton.errors import ExitStatus, HPNortonError, SettingsError, UsageError, did_you_mean
from hpnorton.settings import SQLITE_PREFIX, Settings, current_folder, read_settings, redact

# In the order of --help.
_COMMANDS = (
    import_,
    query,
    history,
    rent,
    return_,
    adjust_stock,
    add,
    edit,
    stream,
    compare,
    analyze,
    fields,
    quality,
    check,
    export,
    drop,
)


def main(argv: Sequence[str] | None = None, home: Path | None = None) -> int:
    """Run the command line, report errors on stderr, and return the exit status.

    `argv` are the arguments (by default those of the process), `home` is the folder of settings.ini
    (by default the current one). A program may call this with its own sys.stdout and sys.stderr.
    """
    with usable_streams():
        try:
            return program(sys.argv[1:] if argv is None else argv, home or current_folder())
        except HPNortonError as error:
            for line in str(error).splitlines():
                print_message(f"Error: {line}")
            _log_traceback(error)
            return error.status
        except KeyboardInterrupt:
            print_message("Error: interrupted")
            return ExitStatus.INTERRUPTED
        except OSError as error:
            print_message(f"Error: the result cannot be written: {error}")
            log.discard_rest(sys.stdout)
            return ExitStatus.FAILED
        except ImportError as error:
            print_message(
                f"Error: a package that HPNorton needs is missing or damaged ({error}); install it "
                "again: remove the folder .venv and run 'make', or use 'pip install "
                "--force-reinstall'"
            )
            _log_traceback(error)
            return ExitStatus.FAILED
        except Exception as error:  # pylint: disable=broad-exception-caught # never a traceback
            print_message(
                f"Error: unexpected {type(error).__name__}: {error}; please report it, with what "
                "--log-level DEBUG shows"
            )
            _log_traceback(error)
            return ExitStatus.FAILED


def program(argv: Sequence[str], home: Path) -> ExitStatus:
    """Run the command that the arguments ask for. Raises HPNortonError."""
    arguments = parse(argv)
    settings = read_settings(
        home,
        os.environ,
        settings=arguments.settings,
        dataset=arguments.dataset,
        uri=arguments.uri,
        log_level=arguments.log_level,
    )
    arguments.log_level = None if arguments.disable_log or arguments.quiet else settings.log_level
    log.start_log(arguments.log_level)
    _warn_of_secrets(arguments.uri or "")
    command: CommandFlag | None = arguments.command
    if command is None:
        raise UsageError("say what to do, for example --linear or --available-products; see --help")
    if command.needs_shop and arguments.to is None:
        _check_shop(settings)
    status = command.run(arguments, settings)
    with ignore_closed_stdout():
        sys.stdout.flush()
    return status


def parse(argv: Sequence[str]) -> Namespace:
    """Return the arguments; FILEs and COLLECTIONs may follow other flags. Raises UsageError."""
    flags = parser()
    if wants_help(argv):
        show_help(flags, argv)
        flags.exit()
    arguments, rest = flags.parse_known_args(argv)
    command: CommandFlag | None = arguments.command
    trailing = [*arguments.trailing, *rest]
    if trailing:
        unknown = [text for text in trailing if text.startswith("-") and text != "-"]
        if unknown or command is None or command.nargs != "*":
            hint = _suggestion(flags, command, unknown or trailing)
            flags.error(f"unrecognized arguments: {' '.join(trailing)}{hint}")
        arguments.values += trailing
    validate_arguments(flags, arguments)
    return arguments


def parser() -> Parser:
    """Return the parser of all flags; `command` and `values` of its result say what to do."""
    flags = Parser(
        prog=program_name(),
        usage="%(prog)s ACTION [OPTION ...]",
        description="A rental store's inventory: imports customers, products and rentals from CSV "
        "files into SQLite or MongoDB, and answers questions about them.",
        epilog="Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but rows were rejected or "
        "conflict with what is in the database, or a score is below --min-score; 4 stopped by "
        "--max-errors; 130 interrupted.",
        allow_abbrev=False,
    )
    flags.set_defaults(command=None, values=None, trailing=[])
    for command in _COMMANDS:
        command.add_flags(flags)
    add_settings(flags)
    completion.add_flags(flags)
    return flags


def _suggestion(flags: Parser, command: CommandFlag | None, unknown: Sequence[str]) -> str:
    """Return the end of a message about unknown arguments: the flag the first may stand for."""
    typed = unknown[0].partition("=")[0].lstrip("-\N{EN DASH}\N{EM DASH}")
    is_value = command is not None and typed == unknown[0]
    return "" if is_value or not typed else did_you_mean(f"--{typed}", flags.flags)


def _check_shop(settings: Settings) -> None:
    """Warn of built-in settings; raise SettingsError if they name a database that is missing.

    So a command that runs in the wrong folder, as under cron, makes no new database there.
    """
    if settings.no_file is None:
        return
    path = settings.uri.removeprefix(SQLITE_PREFIX)
    if not os.path.exists(path):
        raise SettingsError(
            f"there is no {settings.no_file}, and no database {path} either; change to the folder "
            "of your shop, or name its settings.ini with --settings or HPNORTON_SETTINGS, or a "
            f"database with --uri, for example --uri {SQLITE_PREFIX}shop.db"
        )
    log.warning("there is no {}: the built-in settings count, with {}", settings.no_file, path)


def _warn_of_secrets(uri: str) -> None:
    """Warn of a password on the command line: every user who lists the processes sees it."""
    if redact(uri) != uri:
        log.warning(
            "others on this machine can read the password in --uri in the list of processes; put "
            "the URI into the environment variable HPNORTON_URI instead"
        )


def _log_traceback(error: BaseException) -> None:
    log.debug("where the error comes from", error=error)
