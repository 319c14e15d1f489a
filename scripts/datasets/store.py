"""The rental store: customers, products and rentals that belong together."""

from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

from datasets.draws import Draws, Request, Row, Table, listed
from datasets.people import FIRST_NAMES, LAST_NAMES, email_address

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
MAX_CREDIT_LIMIT = 3000
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
MAX_QUANTITY = 60

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
        credit_limit=draws.below(MAX_CREDIT_LIMIT // CREDIT_STEP + 1) * CREDIT_STEP,
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
    quantity = 0 if draws.percent(8) else 1 + draws.below(MAX_QUANTITY)
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
