"""Card payments: one file without a description, to analyze."""

from datetime import date
from functools import cache
from uuid import UUID

from datasets.draws import Draws, Request, Row, Table, listed

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
