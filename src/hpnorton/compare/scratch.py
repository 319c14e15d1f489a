"""Temporary databases beside the real one, which is not changed."""

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from hpnorton.errors import ComparisonError, StoreError
from hpnorton.files import temporary_file_errors
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.settings import SQLITE_PREFIX, redact
from hpnorton.stores import open_store
from hpnorton.stores.base import Store
from hpnorton.stores.journal import OWN_COLLECTIONS

FILE_PREFIX = ".hpnorton-compare-"
DATABASE_PREFIX = "hpnorton_compare_"
_PROBED = f"{DATABASE_PREFIX}probe"
_MONGO_URI = re.compile(r"(?P<server>mongodb(?:\+srv)?://[^/?]*)(?:/(?P<name>[^?]*))?(?P<more>.*)")


class Scratch:
    """Empty databases on the same kind of store, and a folder for files; made by `open_scratch`.

    `collections` are the names of those that will be created.
    """

    def __init__(self, uri: str, folder: Path, collections: Sequence[str]) -> None:
        self.folder = folder
        self._real = uri
        self._collections = collections
        self._name = f"{DATABASE_PREFIX}{secrets.token_hex(6)}"
        self._count = 0
        self._created: list[str] = []
        self._is_shared = False

    def new_uri(self) -> str:
        """Return the URI of another database, which is empty."""
        self._count += 1
        if self._real.startswith(SQLITE_PREFIX):
            return f"{SQLITE_PREFIX}{self.folder}/{self._count}.db"
        name = f"{self._name}_{self._count}"
        uri = self._real if self._is_shared else other_database(self._real, name)
        self._created.append(uri)
        return uri

    def drop(self, uri: str) -> None:
        """Remove a database. Raises StoreError."""
        with closing(open_store(uri, create=True)) as store:
            if self._is_shared:
                for name in (*self._collections, *(notes.name for notes in OWN_COLLECTIONS)):
                    store.drop_collection(name)
            else:
                store.drop_database()
        if uri in self._created:
            self._created.remove(uri)

    def check_server(self) -> None:
        """Test whether a server separates its databases. Raises ComparisonError if it is unsafe.

        nx-27017 keeps all collections in one database. There the temporary ones are in the real
        database, so none of them may exist before, and `drop_database` would drop all.
        """
        with closing(open_store(self._real)) as real:
            self._is_shared = self._shows_others(real)
            if not self._is_shared:
                return
            taken = [name for name in self._collections if name in real.collections()]
            if not all(real.is_empty(notes.name) for notes in OWN_COLLECTIONS):
                taken.append("the notes of imports")
        if taken:
            raise ComparisonError(
                f"{redact(self._real)} keeps all its databases in one: a comparison would change "
                f"what is there already ({', '.join(taken)}). Compare on an empty server, or on "
                f"SQLite: --uri {SQLITE_PREFIX}compare.db"
            )

    def _shows_others(self, real: Store) -> bool:
        """Return whether the real database shows a collection that is created in another one.

        nx-27017 remembers the name of the other database, so it is always the same one.
        """
        probe = Collection(f"probe_{self._name}", (Field("id"),), ("id",))
        with closing(open_store(other_database(self._real, _PROBED))) as other:
            other.ensure(probe)
            try:
                return probe.name in real.collections()
            finally:
                other.drop_collection(probe.name)

    def clean_up(self) -> None:
        """Remove what is left. Raises ComparisonError that names what could not be removed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        left = [str(self.folder)] if self.folder.exists() else []
        for uri in list(self._created):
            try:
                self.drop(uri)
            except StoreError as error:
                left.append(f"{redact(uri)} ({error})")
        if left:
            raise ComparisonError(
                f"this could not be removed; remove it yourself: {', '.join(left)}"
            )


@contextmanager
def open_scratch(uri: str, collections: Sequence[str]) -> Iterator[Scratch]:
    """Yield a Scratch for the store at `uri`, and remove all of it in the end.

    SQLite files are created in a folder beside the real one, on the same disk. Raises StoreError,
    ComparisonError, and HPNortonError if nothing can be written there.
    """
    is_sqlite = uri.startswith(SQLITE_PREFIX)
    parent = Path(tempfile.gettempdir())
    if is_sqlite:
        parent = _nearest_folder(Path(uri.removeprefix(SQLITE_PREFIX)))
    with temporary_file_errors(parent):
        scratch = Scratch(uri, Path(tempfile.mkdtemp(prefix=FILE_PREFIX, dir=parent)), collections)
        try:
            if not is_sqlite:
                scratch.check_server()
            yield scratch
        finally:
            scratch.clean_up()


def _nearest_folder(path: Path) -> Path:
    """Return the nearest existing folder above a file."""
    return next(folder for folder in path.parents if folder.is_dir())


def other_database(uri: str, name: str) -> str:
    """Return a MongoDB URI for another database of the same server, with the same login.

    A login counts for the database that the URI names, unless authSource names another one
    (https://www.mongodb.com/docs/manual/reference/connection-string-options/).
    """
    # pylint: disable-next=import-outside-toplevel # SQLite needs no pymongo, which is slow to load
    from pymongo.uri_parser import parse_uri

    found = _MONGO_URI.fullmatch(uri)
    assert found is not None, "settings.absolute_uri has validated it"
    more = found["more"]
    if found["name"] and "@" in found["server"]:
        options = {name.lower(): value for name, value in parse_uri(uri)["options"].items()}
        is_password = str(options.get("authmechanism", "SCRAM")).startswith("SCRAM")
        if is_password and "authsource" not in options:
            more += f"{'&' if '?' in more else '?'}authSource={found['name']}"
    return f"{found['server']}/{name}{more}"
