"""What somebody may have meant who typed a word that is not known."""

from collections.abc import Iterable

_MAX_SUGGESTIONS = 3
_MIN_PART = 3


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message: `; did you mean 'x'?` with the known words like this one, or nothing.

    A known word that contains this one is like it; case does not matter, nor do dashes before it.
    """
    import difflib  # pylint: disable=import-outside-toplevel # slow, and for errors only

    spelt = {each.casefold(): each for each in known}
    typed = word.casefold()
    part = typed.lstrip("-")
    close = [each for each in spelt if each == typed]
    if not close and len(part) >= _MIN_PART:
        close = [each for each in spelt if part in each]
    if not 0 < len(close) <= _MAX_SUGGESTIONS:
        close = difflib.get_close_matches(typed, spelt, n=1)
    names = [spelt[each] for each in close]
    listed = " or ".join(name if name.startswith("--") else repr(name) for name in names)
    return f"; did you mean {listed}?" if listed else ""
