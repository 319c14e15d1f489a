"""The social network: accounts and their status updates."""

from collections.abc import Iterator

from datasets.draws import Draws, Request, Row, Table, listed
from datasets.people import FIRST_NAMES, LAST_NAMES, email_address

ACCOUNT_HEADER = ("USER_ID", "EMAIL", "NAME", "LASTNAME")
UPDATE_HEADER = ("STATUS_ID", "USER_ID", "STATUS_TEXT")
UPDATES_PER_ACCOUNT = 100

DOINGS = listed(
    "Counting clouds, Dreaming of jalapeños, Drinking far too much coffee, Eating crème brûlée, "
    "Feeding the ducks, Learning to juggle, Listening to Björk, Looking for my keys, "
    "Practising the ukulele, Reading a thick novel, Sketching strangers, "
    "Trying to say smörgåsbord, Waiting for the rain to stop, Writing postcards"
)
PLACES = listed(
    "at my sister's, at the Café Zoë, at the library, by the sea, in a long queue, in Kraków, "
    "in São Paulo, in the garden, in Zürich, in 東京, on the night train to Malmö, on the roof, "
    "under a big umbrella, with the neighbours"
)
REMARKS = listed(
    "as every Monday, best of all days, déjà vu, highly recommended, it was worth it, "
    "never again, no regrets, what a day, wish you were here"
)
ENDINGS = (".", ".", "!", " …", " 🙂")
TAGS = listed("#caturday, #été, #foodie, #mañana, #nofilter, #smalljoys, #throwback, #wanderlust")


def social_tables(request: Request) -> dict[str, Table]:
    """Return the social network's files by name, with `request.rows` status updates."""
    return {
        "accounts.csv": Table(ACCOUNT_HEADER, accounts(request)),
        "status_updates.csv": Table(UPDATE_HEADER, status_updates(request)),
    }


def accounts(request: Request) -> Iterator[Row]:
    """Yield the rows of accounts.csv."""
    return (account(request, number) for number in request.numbers(account_count(request)))


def status_updates(request: Request) -> Iterator[Row]:
    """Yield the rows of status_updates.csv."""
    return (status_update(request, number) for number in request.numbers(request.rows))


def account_count(request: Request) -> int:
    """Return the number of accounts."""
    return max(1, request.rows // UPDATES_PER_ACCOUNT)


def account(request: Request, number: int) -> Row:
    """Return account `number`, counted from 1: a row of accounts.csv."""
    draws = Draws(request.seed, "account", number)
    name = draws.pick(FIRST_NAMES)
    last_name = draws.pick(LAST_NAMES)
    email = email_address(draws, name, last_name, number)
    return request.id("U", number), email, name, last_name


def status_update(request: Request, number: int) -> Row:
    """Return status update `number`, counted from 1: a row of status_updates.csv."""
    draws = Draws(request.seed, "status update", number)
    author = 1 + draws.below(account_count(request))
    return request.id("S", number), request.id("U", author), status_text(draws)


def status_text(draws: Draws) -> str:
    """Return a text; one in four has a comma, one in ten quotes, one in twenty a newline."""
    text = f"{draws.pick(DOINGS)} {draws.pick(PLACES)}"
    if draws.percent(25):
        text += f", {draws.pick(REMARKS)}"
    text += draws.pick(ENDINGS)
    if draws.percent(10):
        text += f' {draws.pick(FIRST_NAMES)} says "{draws.pick(REMARKS)}".'
    if draws.percent(5):
        text += f"\n{draws.pick(TAGS)}"
    return text
