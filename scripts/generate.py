"""Generate data sets of any size: a rental store and a social network, whose records belong
together, and card payments, to look at.

Every row follows from the seed and from its own number, and from nothing else. So a row can be
made again wherever it is needed: a rental repeats its customer's address, and shuffled rows need
no list to be shuffled in. Memory stays the same however many rows there are.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import blake2b
from itertools import repeat
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar
from uuid import UUID


def listed(text: str) -> tuple[str, ...]:
    """Split a list that is written with commas."""
    return tuple(text.split(", "))


HOME = Path(__file__).resolve().parent.parent
PACKAGE_NAME = "datapackage.json"

DEFAULT_SHAPE = "store"
DEFAULT_SEED = 1
MIN_ID_DIGITS = 6

# How an e-mail address spells the letters that it cannot hold.
ASCII_SPELLING = str.maketrans(
    {
        "Á": "A",
        "á": "a",
        "ć": "c",
        "ë": "e",
        "é": "e",
        "í": "i",
        "Ł": "L",
        "ñ": "n",
        "ó": "o",
        "ö": "oe",
        "Ø": "O",
        "ś": "s",
        "ü": "ue",
        "林": "Lin",
        "秀": "Xiu",
        "英": "ying",
        "'": "",
        " ": "",
    }
)
FIRST_NAMES = listed(
    "Ada, Amara, Aroha, Ásta, Björk, Bruno, Carmen, Chidi, Dagny, Dmitri, Edith, Emre, Farah, "
    "Felix, Grace, Hana, Hugo, Ines, Ivan, Jamal, Joan, José, Jürgen, Kofi, Lena, Łukasz, Maeve, "
    "Mateo, Mei, Nadia, Nnamdi, Olive, Omar, Pearl, Priya, Quentin, Rosa, Samir, Siobhán, Theo, "
    "Uma, Viktor, Wanda, Yusuf, Zoë, 秀英"
)
LAST_NAMES = listed(
    "Adeyemi, Almqvist, Bakker, Bianchi, Castillo, Chen, de la Cruz, Dubois, Eriksen, Fischer, "
    "García, Grant, Haddad, Hughes, Ivanova, Jensen, Jónsdóttir, Kaya, Kowalski, Lindqvist, "
    "Martin, Mbeki, Moreau, Müller, Nakamura, Novak, O'Brien, Okafor, Ødegaard, Park, Patel, "
    "Peña, Quill, Reyes, Rossi, Santos, Schmidt, Singh, Smith, Tanaka, Underhill, Varga, Walsh, "
    "Wiśniewski, Yilmaz, Young, Zhang, 林"
)
MAIL_DOMAINS = ("example.com", "example.org")

T = TypeVar("T")
Row = Sequence[str | int]


@dataclass(frozen=True)
class Request:
    """What to generate: how many rows, from which seed, in which order."""

    rows: int
    seed: int = DEFAULT_SEED
    shuffled: bool = False

    def id(self, letter: str, number: int) -> str:
        """Return the id of record `number`, counted from 1; the letter is the kind of record."""
        # Wide enough for the last id: sorted as text, ids are sorted as numbers too.
        digits = max(MIN_ID_DIGITS, len(str(self.rows)))
        return f"{letter}{number:0{digits}}"

    def numbers(self, count: int) -> Iterable[int]:
        """Yield the numbers from 1 to `count`, each of them once, in the order of a file's rows."""
        if not self.shuffled:
            return range(1, count + 1)
        # Steps of about the golden ratio, which never land close to the steps before.
        step = count * 618_034 // 1_000_000
        while gcd(step, count) != 1:
            step += 1
        return ((self.seed + step * turn) % count + 1 for turn in range(count))


@dataclass(frozen=True)
class Table:
    """The content of one CSV file; its rows are generated while they are read."""

    header: Sequence[str]
    rows: Iterable[Row]


class Shape(NamedTuple):
    """A kind of data set: one more is a template, a function and a line in SHAPES.

    Without a template nothing describes the files.
    """

    amount: str  # what there are N of
    template: Path | None
    tables: Callable[[Request], dict[str, Table]]


class Draws:
    """The random choices for one row, the same ones on every machine.

    They are the digits of one large number, in as many bases as there are choices: enough for
    some twenty choices out of a hundred. `random.Random` could not start anew for each row as
    fast.
    """

    def __init__(self, seed: int, kind: str, number: int) -> None:
        digest = blake2b(f"{seed} {kind} {number}".encode(), digest_size=16).digest()
        self._left = int.from_bytes(digest, "big")

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        self._left, drawn = divmod(self._left, limit)
        return drawn

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        self._left, drawn = divmod(self._left, len(choices))
        return choices[drawn]

    def percent(self, share: int) -> bool:
        """Return True in `share` of a hundred cases."""
        self._left, drawn = divmod(self._left, 100)
        return drawn < share


def email_address(draws: Draws, name: str, last_name: str, number: int) -> str:
    """Return the address of person `number`, which no other person has."""
    return f"{mailbox(name, last_name)}.{number}@{draws.pick(MAIL_DOMAINS)}"


@cache
def mailbox(name: str, last_name: str) -> str:
    """Return a name as an e-mail address can hold it; there are about two thousand names."""
    return f"{name}.{last_name}".translate(ASCII_SPELLING).lower()


# The rental store.

CUSTOMER_HEADER = (
    "user_id",
    "Name",
    "Last_name",
    "Home_address",
    "Phone_number",
    "Email_address",
    "Status",
    "Credit_limit",
)
PRODUCT_HEADER = ("product_id", "description", "product_type", "quantity_available")
RENTAL_HEADER = ("user_id", "name", "address", "phone_number", "email", "product_id")

STREETS = listed(
    "Bandstand Terrace, Bell Street, Bridge Road, Canal Street, Chapel Lane, Clocktower Lane, "
    "Elm Street, Ferry Road, Garden Terrace, Harbour View, Hill Street, Inkwell Row, "
    "Lantern Street, Library Walk, Lighthouse Point, Maple Avenue, Market Square, Mill Lane, "
    "Orchard Road, Park Avenue, River Road, School Lane, Station Road, Teahouse Square"
)
AREA_CODES = ("206", "212", "303", "312", "415", "503", "617", "702")
STATUSES = ("Active",) * 9 + ("Inactive",)
HIGHEST_CREDIT_LIMIT = 3000
CREDIT_STEP = 50

MATERIALS = listed(
    "Antique, Bamboo, Beech, Black, Blue, Brass, Chrome, Copper, Cream, Folding, Green, Grey, "
    "Heavy-duty, Ivory, Large, Mahogany, Oak, Pine, Portable, Red, Rosé, Silver, Small, Steel, "
    "Teak, Walnut, White"
)
THINGS = tuple(
    (thing, product_type)
    for product_type, things in {
        "Electronics": "amplifier, loudspeaker, monitor, projector, television, turntable",
        "Furniture": "armchair, bookshelf, chaise longue, coat stand, desk, dining table, stool",
        "Kitchen": "coffee machine, crêpe pan, fondue set, ice-cream maker, waffle iron",
        "Music": "accordion, cello, drum kit, keyboard, music stand",
        "Outdoors": "barbecue, canoe, gazebo, parasol, telescope, tent",
        "Party": "bubble machine, chocolate fountain, disco ball, marquee, papier-mâché piñata",
        "Tools": "cement mixer, drill, ladder, sander, tile cutter, wheelbarrow",
    }.items()
    for thing in listed(things)
)
HIGHEST_QUANTITY = 60

# How many rentals each of five neighbours has: five in all, whichever line is drawn.
RENTALS_OF_FIVE = (
    (1, 1, 1, 1, 1),
    (0, 2, 1, 1, 1),
    (2, 0, 0, 3, 0),
    (1, 0, 4, 0, 0),
    (0, 1, 2, 0, 2),
    (3, 0, 1, 1, 0),
)
MAX_RENTALS = 4


class Customer(NamedTuple):
    """A row of customers.csv, in the order of its columns."""

    user_id: str
    name: str
    last_name: str
    home_address: str
    phone_number: str
    email_address: str
    status: str
    credit_limit: int


def store_tables(request: Request) -> dict[str, Table]:
    """Return the store's files by name, with `request.rows` rows each."""
    return {
        "customers.csv": Table(CUSTOMER_HEADER, customers(request)),
        "product.csv": Table(PRODUCT_HEADER, products(request)),
        "rental.csv": Table(RENTAL_HEADER, rentals(request)),
    }


def customers(request: Request) -> Iterator[Row]:
    """Yield the rows of customers.csv."""
    return (customer(request, number) for number in request.numbers(request.rows))


def products(request: Request) -> Iterator[Row]:
    """Yield the rows of product.csv."""
    return (product(request, number) for number in request.numbers(request.rows))


def rentals(request: Request) -> Iterator[Row]:
    """Yield the rows of rental.csv, always sorted by customer and product."""
    for number, count in enumerate(rental_counts(request), start=1):
        if count:
            who = customer(request, number)
            name = f"{who.name} {who.last_name}"
            contact = (who.user_id, name, who.home_address, who.phone_number, who.email_address)
            for product_number in rented_products(request, number, count):
                yield *contact, request.id("P", product_number)


def customer(request: Request, number: int) -> Customer:
    """Return customer `number`, counted from 1."""
    draws = Draws(request.seed, "customer", number)
    name = draws.pick(FIRST_NAMES)
    last_name = draws.pick(LAST_NAMES)
    return Customer(
        user_id=request.id("C", number),
        name=name,
        last_name=last_name,
        home_address=home_address(draws),
        phone_number=f"{draws.pick(AREA_CODES)}-555-01{draws.below(100):02}",
        email_address=email_address(draws, name, last_name, number),
        status=draws.pick(STATUSES),
        credit_limit=draws.below(HIGHEST_CREDIT_LIMIT // CREDIT_STEP + 1) * CREDIT_STEP,
    )


def home_address(draws: Draws) -> str:
    """Return an address; one in ten has a comma, and needs quotes."""
    street = f"{1 + draws.below(400)} {draws.pick(STREETS)}"
    return f"{street}, Apt {1 + draws.below(40)}" if draws.percent(10) else street


def product(request: Request, number: int) -> Row:
    """Return product `number`, counted from 1: a row of product.csv."""
    draws = Draws(request.seed, "product", number)
    thing, product_type = draws.pick(THINGS)
    description = f"{draws.pick(MATERIALS)} {thing}"
    # One in ten has an inch mark, which CSV doubles within quotes.
    if draws.percent(10):
        description += f' {12 + draws.below(60)}" wide'
    quantity = 0 if draws.percent(8) else 1 + draws.below(HIGHEST_QUANTITY)
    return request.id("P", number), description, product_type, quantity


def rental_counts(request: Request) -> Iterator[int]:
    """Yield how many rentals each customer has: `request.rows` in total."""
    groups, others = divmod(request.rows, len(RENTALS_OF_FIVE[0]))
    for group in range(groups):
        yield from Draws(request.seed, "rental counts", group).pick(RENTALS_OF_FIVE)
    yield from repeat(1, others)


def rented_products(request: Request, customer_number: int, count: int) -> list[int]:
    """Return the numbers of `count` different products that a customer rents, sorted."""
    draws = Draws(request.seed, "rental", customer_number)
    first = draws.below(request.rows)
    # MAX_RENTALS such steps go round all the products once at most: no product comes twice.
    step = 1 + draws.below(max(1, request.rows // MAX_RENTALS))
    return sorted((first + step * turn) % request.rows + 1 for turn in range(count))


# The social network.

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


# Card payments: one file, to look at before anybody has described it.

# As exports have it: three columns share a name, so that no data package could describe them.
PAYMENT_HEADER = ("seq", "guid", "seq", "seq", "ccnumber", "date", "sentence")
# After a 9 a card's number goes on with a country (ISO/IEC 7812), and 999 is none.
CARD_PREFIX = 9999 * 10**12
FIRST_DAY = date(2010, 1, 1)
DAYS = (date(2020, 1, 1) - FIRST_DAY).days
WORDS = listed(
    "accordion, afternoon, again, album, always, anchor, another, autumn, balcony, baobab, "
    "basket, because, bicycle, blanket, borrowed, breakfast, bridge, brought, cacao, candle, "
    "carousel, castle, cellar, chestnut, clockwork, compass, corner, cushion, dancing, daylight, "
    "distant, drawer, dusty, eleven, evening, everybody, faithful, feather, ferry, finally, "
    "forgotten, fountain, garden, gentle, glacier, golden, grandmother, half, hammock, harbour, "
    "harvest, hidden, hollow, horizon, icicle, instead, island, jacket, journey, jumble, kettle, "
    "kitchen, ladder, lantern, laughing, lemon, letter, library, lighthouse, little, magnet, "
    "marble, market, meadow, midnight, mirror, morning, mountain, narrow, neighbour, nothing, "
    "ocean, often, orchard, oyster, painted, parcel, pebble, perhaps, picnic, pillow, platform, "
    "pocket, postcard, quarrel, quiet, railway, rain, remember, ribbon, river, rooftop, sailor, "
    "seldom, shadow, shelter, silver, simple, slowly, snowfall, somewhere, station, stranger, "
    "summer, teapot, thimble, thunder, together, tomorrow, towards, umbrella, upstairs, velvet, "
    "village, waiting, whisper, window, yesterday"
)
MIN_WORDS = 9


def payment_tables(request: Request) -> dict[str, Table]:
    """Return the only file by its name."""
    rows = (payment(request, number) for number in request.numbers(request.rows))
    return {"payments.csv": Table(PAYMENT_HEADER, rows)}


def payment(request: Request, number: int) -> Row:
    """Return payment `number`, counted from 1: a row of payments.csv."""
    draws = Draws(request.seed, "payment", number)
    guid = UUID(int=Draws(request.seed, "payment guid", number).below(2**128), version=4)
    card = CARD_PREFIX + draws.below(10**12)
    day = american(draws.below(DAYS))
    words = Draws(request.seed, "payment sentence", number)
    return number, str(guid), number, number, card, day, sentence(words)


@cache
def american(day: int) -> str:
    """Return a day, counted from the first, as MM/DD/YYYY."""
    return date.fromordinal(FIRST_DAY.toordinal() + day).strftime("%m/%d/%Y")


def sentence(draws: Draws) -> str:
    """Return a sentence; one in five has a comma, and needs quotes, one in twenty quotes."""
    words = [draws.pick(WORDS) for _ in range(MIN_WORDS + draws.below(5))]
    if draws.percent(20):
        words[3] += ","
    if draws.percent(5):
        words[-1] = f'"{words[-1]}"'
    return f"{' '.join(words).capitalize()}."


SHAPES = {
    "store": Shape("rows for each file", HOME / "data" / PACKAGE_NAME, store_tables),
    "social": Shape(
        "status updates and an account per hundred",
        HOME / "examples" / "social" / PACKAGE_NAME,
        social_tables,
    ),
    "payments": Shape("card payments", None, payment_tables),
}


def write_table(path: Path, table: Table) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.header)
        writer.writerows(table.rows)


def package_beside_its_files(template: Path) -> dict[str, Any]:
    """Return the template's data package, with its CSV files in the same folder."""
    package: dict[str, Any] = json.loads(template.read_text(encoding="utf-8"))
    for resource in package["resources"]:
        resource["path"] = Path(resource["path"]).name
    return package


def write_package(path: Path, template: Path) -> None:
    """Write the datapackage.json that describes the files beside it."""
    text = json.dumps(package_beside_its_files(template), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def generate(shape: Shape, request: Request, out: Path) -> None:
    """Write all files into the folder `out`, which is created if it is missing."""
    out.mkdir(parents=True, exist_ok=True)
    if shape.template is not None:
        write_package(out / PACKAGE_NAME, shape.template)
    for name, table in shape.tables(request).items():
        write_table(out / name, table)


class Parser(argparse.ArgumentParser):
    """A parser that reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message}. Try '{self.prog} --help'.\n")


def row_count(text: str) -> int:
    """Convert the value of --rows."""
    try:
        rows = int(text)
    except ValueError:
        rows = 0
    if rows < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, not {text!r}")
    return rows


def command_line() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        description="Generates CSV files whose records belong together, and the datapackage.json "
        "that describes them; payments have none. The same arguments give the same bytes on every "
        "machine.",
        epilog="Example: python scripts/generate.py --rows 1000000 --out /tmp/million",
    )
    parser.add_argument(
        "--shape", choices=SHAPES, default=DEFAULT_SHAPE, help="the data set (default: %(default)s)"
    )
    amounts = "; ".join(f"{name}: N {shape.amount}" for name, shape in SHAPES.items())
    parser.add_argument(
        "--rows", type=row_count, required=True, metavar="N", help=f"1 or more ({amounts})"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the files; it is made if need be, and files of the same names in it "
        "are replaced",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="S",
        help="a whole number; another one gives other data (default: %(default)s)",
    )
    parser.add_argument(
        "--shuffled",
        action="store_true",
        help="the same rows, but in an order that looks random instead of sorted by their ids; "
        "only rentals stay sorted",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate the files that the command line asks for, and return the exit status."""
    options = command_line().parse_args(arguments)
    shape = SHAPES[options.shape]
    request = Request(rows=options.rows, seed=options.seed, shuffled=options.shuffled)
    try:
        generate(shape, request, options.out)
    except OSError as error:
        where = error.filename or options.out
        print(f"Error: {where}: {error.strerror or error}.", file=sys.stderr)
        return 1
    print(f"Generated {request.rows:,} {shape.amount} in {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
