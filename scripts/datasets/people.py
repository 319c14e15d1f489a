"""Names and e-mail addresses of people."""

from functools import cache

from datasets.draws import Draws, listed

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


def email_address(draws: Draws, name: str, last_name: str, number: int) -> str:
    """Return the address of person `number`, which no other person has."""
    return f"{mailbox(name, last_name)}.{number}@{draws.pick(MAIL_DOMAINS)}"


@cache
def mailbox(name: str, last_name: str) -> str:
    """Return a name as an e-mail address can hold it; there are about two thousand names."""
    return f"{name}.{last_name}".translate(ASCII_SPELLING).lower()
