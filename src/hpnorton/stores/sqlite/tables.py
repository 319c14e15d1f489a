"""The tables of collections: how they are created, extended, and compared with a description."""

from collections.abc import Iterator

from hpnorton.errors import MisfitError
from hpnorton.schema.collection import Collection
from hpnorton.stores.base import FIRST_STOCK, IMPORT_FIELD
from hpnorton.stores.messages import ADVICE
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.connection import SqliteConnection
from hpnorton.stores.sqlite.schema import Table


class SqliteTables:
    """The tables in a database, made through a connection."""

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    def ensure(self, collection: Collection, *, with_indexes: bool) -> None:
        """Create the table and its indexes, or add what it lacks.

        Nothing is written, and no lock is taken, if nothing is missing. Raises MisfitError if the
        table cannot hold the records.
        """
        with self._connection.translate_errors():
            if not self._is_complete(collection, with_indexes=with_indexes):
                with self._connection.transaction():
                    self._connection.schema.forget()  # another process may have changed it
                    self._add_missing(collection, with_indexes=with_indexes)
                    self._connection.schema.forget()

    def check_fit(self, collection: Collection) -> None:
        """Raise MisfitError if there is a table of that name that cannot hold the records."""
        with self._connection.translate_errors():
            table = self._connection.schema.table(collection.name)
        if table.columns:
            self._check_table(collection, table)

    def _is_complete(self, collection: Collection, *, with_indexes: bool) -> bool:
        table = self._connection.schema.table(collection.name)
        if not table.columns:
            return False
        self._check_table(collection, table)
        wanted = {field.name for field in collection.fields}.union(_own_columns(collection))
        indexes = set(_indexes(collection)) if with_indexes else set()
        return table.types.keys() >= wanted and (
            not indexes or self._connection.schema.read().indexes >= indexes
        )

    def _add_missing(self, collection: Collection, *, with_indexes: bool) -> None:
        table = self._connection.schema.table(collection.name)
        if not table.columns:
            self._connection.run(sql.create_table(collection))
        else:
            self._check_table(collection, table)
            columns = {field.name: sql.column_type(field) for field in collection.fields}
            columns |= dict.fromkeys(_own_columns(collection), "INTEGER")
            for name, declared in columns.items():
                if name not in table.types:
                    self._connection.run(sql.add_column(collection.name, name, declared))
        if with_indexes:
            with self._connection.sorting():
                for fields in collection.indexes:
                    self._connection.run(sql.create_index(collection, fields))
                for name in collection.lookups:
                    self._connection.run(sql.create_lookup(collection, name))

    def _check_table(self, collection: Collection, table: Table) -> None:
        where = f"the table {collection.name} in {self._connection.path}"
        if not table.key:
            raise MisfitError(
                f"HPNorton has not made {where}: it has no primary key; save it as a CSV file, and "
                "import that into another database (--uri)"
            )
        if table.key != collection.key:
            raise MisfitError(
                f"{where} has the key {', '.join(table.key)}, not {', '.join(collection.key)}, as "
                f"it is described now; {ADVICE}"
            )
        required = (column.name for column in table.columns if column.is_required)
        if lost := [name for name in required if name not in collection.columns]:
            raise MisfitError(
                f"{where} needs a value for {', '.join(lost)}, which its description lacks now; "
                f"{ADVICE}"
            )
        twins = {name.casefold(): name for name in table.types}
        for field in collection.fields:
            twin = twins.get(field.name.casefold(), field.name)
            if twin != field.name:
                raise MisfitError(
                    f"the column {twin} of {where} differs from {field.name}, as it is described "
                    f"now, only in capitals, which SQLite does not tell apart; {ADVICE}"
                )
            wanted = sql.column_type(field)
            if table.types.get(field.name, wanted).upper() != wanted:
                raise MisfitError(
                    f"the column {field.name} of {where} has the type {table.types[field.name]}, "
                    f"not {wanted}, as it is described now; {ADVICE}"
                )


def _own_columns(collection: Collection) -> Iterator[str]:
    """Yield the columns for what HPNorton itself keeps of each record."""
    if collection.stock:
        yield FIRST_STOCK
    if collection.is_tracked:
        yield IMPORT_FIELD


def _indexes(collection: Collection) -> Iterator[str]:
    for fields in collection.indexes:
        yield sql.index_name(collection, fields)
    for name in collection.lookups:
        yield sql.index_name(collection, (name,))
