"""Messages that all stores give alike."""

from hpnorton.errors import StoreError
from hpnorton.stores.base import Key

ADVICE = "describe it in datapackage.json as it was, or import into another database (--uri)"


def kept_out(where: str, key: Key) -> StoreError:
    """Return the error for a record that the table or collection `where` does not accept."""
    return StoreError(
        f"{where} has a rule of its own that keeps out the record {', '.join(map(str, key))}; "
        "import into another database"
    )
