"""The SQL of the embedded store: names, types and statements as text."""

from collections.abc import Sequence
from functools import lru_cache

from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.field import Field
from hpnorton.stores.base import FIRST_STOCK, IMPORT_FIELD, Condition

BOOLEAN = "BOOLEAN"

_COLUMN_TYPES = {
    "integer": "INTEGER",
    "year": "INTEGER",
    "number": "REAL",
    "boolean": BOOLEAN,
    "binary": "BLOB",
}

_REMEMBERED = 64  # statements of many rows


def quote(name: str) -> str:
    """Return a name as an identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Sequence[str]) -> str:
    """Return names as identifiers, separated by commas."""
    return ", ".join(map(quote, names))


def column_type(field: Field) -> str:
    """Return the declared type of the column for a field."""
    return _COLUMN_TYPES.get(field.type, "TEXT")


def create_table(collection: Collection) -> str:
    """Return the statement that creates the table of a collection."""
    lines = [
        f"{quote(field.name)} {column_type(field)}"
        + (" NOT NULL" if field.required or field.name in collection.key else "")
        for field in collection.fields
    ]
    if collection.stock:
        lines.append(f"{FIRST_STOCK} INTEGER")
    if collection.is_tracked:
        lines.append(f"{IMPORT_FIELD} INTEGER")
    lines.append(f"PRIMARY KEY ({listed(collection.key)})")
    lines += [
        f"FOREIGN KEY ({listed(foreign.fields)}) "
        f"REFERENCES {quote(foreign.parent)} ({listed(foreign.parent_fields)})"
        for foreign in collection.foreign_keys
    ]
    body = ",\n  ".join(lines)
    return f"CREATE TABLE {quote(collection.name)} (\n  {body}\n)"


def add_column(table: str, name: str, declared_type: str) -> str:
    """Return the statement that adds a column to a table."""
    return f"ALTER TABLE {quote(table)} ADD COLUMN {quote(name)} {declared_type}"


def index_name(collection: Collection, fields: Sequence[str]) -> str:
    """Return the name of an index.

    Tables and indexes share their names in SQLite, and no collection's name begins with ours.
    """
    return f"{OWN_PREFIX}{collection.name}({listed(fields)})"


def create_index(collection: Collection, fields: Sequence[str]) -> str:
    """Return the statement that creates an index if it does not exist."""
    name = quote(index_name(collection, fields))
    return f"CREATE INDEX IF NOT EXISTS {name} ON {quote(collection.name)} ({listed(fields)})"


def create_lookup(collection: Collection, field: str) -> str:
    """Return the statement that creates an index of the rows with a value, unless it exists."""
    return f"{create_index(collection, (field,))} WHERE {quote(field)} IS NOT NULL"


@lru_cache(_REMEMBERED)
def insert(
    table: str,
    columns: tuple[str, ...],
    rows: int,
    stock: str | None = None,
    import_number: int | None = None,
) -> str:
    """Return the statement that inserts `rows` rows, except those whose key is stored.

    `stock` is the column whose values are kept as the first stock too. `import_number` is written
    into each row, if it is given: it is a constant of the statement, so no row has to carry it.

    OR IGNORE is quicker than ON CONFLICT DO NOTHING: that could still fail half-way, for a NULL, so
    SQLite would keep a journal for each statement.
    """
    names, width = list(columns), len(columns)
    positions = [*range(1, width + 1)]  # of a row's parameters
    if stock in columns:
        names.append(FIRST_STOCK)
        positions.append(columns.index(stock) + 1)
    end = ""
    if import_number is not None:
        names.append(IMPORT_FIELD)
        end = f", {import_number:d}"
    places = ", ".join(
        f"({', '.join(f'?{start + at}' for at in positions)}{end})"
        for start in range(0, rows * width, width)
    )
    return f"INSERT OR IGNORE INTO {quote(table)} ({listed(names)}) VALUES {places}"


@lru_cache(_REMEMBERED)
def count_same(table: str, columns: tuple[str, ...], key: tuple[str, ...], rows: int) -> str:
    """Return the query that counts how many of `rows` rows are stored with the same values."""
    row = f"({', '.join('?' * len(columns))})"
    # By `=` an index finds the key; the others may be null.
    pairs = [f"t.{quote(n)} IS v.column{at}" for at, n in enumerate(columns, 1) if n not in key]
    on = [f"t.{quote(name)} = v.column{columns.index(name) + 1}" for name in key]
    return (
        f"WITH v AS (VALUES {', '.join([row] * rows)}) SELECT count(*) FROM v "
        f"CROSS JOIN {quote(table)} AS t ON {' AND '.join([*on, *pairs])}"
    )


@lru_cache(_REMEMBERED)
def count_present(table: str, key: tuple[str, ...], rows: int) -> str:
    """Return the query that counts how many of `rows` keys are stored."""
    row = f"({', '.join('?' * len(key))})"
    on = [f"t.{quote(name)} = v.column{at}" for at, name in enumerate(key, 1)]
    return (
        f"WITH v AS (VALUES {', '.join([row] * rows)}) SELECT count(*) FROM v "
        f"CROSS JOIN {quote(table)} AS t ON {' AND '.join(on)}"
    )


def update(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """Return the statement that replaces the values of columns in the row with a key."""
    values = ", ".join(f"{quote(name)} = ?" for name in columns)
    return f"UPDATE {quote(table)} SET {values} WHERE {_equal(key)}"


def select_by_keys(table: str, key: Sequence[str], columns: Sequence[str | None]) -> str:
    """Return the query for `columns` (None: null) of the rows with these keys, given as JSON.

    CROSS JOIN keeps SQLite from scanning the table: the keys come first, and an index finds the
    rows.
    """
    chosen = ", ".join("NULL" if name is None else f"t.{quote(name)}" for name in columns)
    if len(key) == 1:
        on = f"t.{quote(key[0])} = wanted.value"
    else:
        parts = (f"json_extract(wanted.value, '$[{part}]')" for part in range(len(key)))
        on = " AND ".join(f"t.{quote(name)} = {part}" for name, part in zip(key, parts))
    return f"SELECT {chosen} FROM json_each(?) AS wanted CROSS JOIN {quote(table)} AS t ON {on}"


def select(
    table: str, columns: Sequence[str], sort: Sequence[str], where: Sequence[Condition]
) -> str:
    """Return the query for columns of the rows that meet the conditions, sorted."""
    condition = " AND ".join(f"{quote(name)} {sign} ?" for name, sign, _ in where)
    return f"SELECT {listed(columns)} FROM {quote(table)} WHERE {condition or '1'}" + (
        f" ORDER BY {listed(sort)}" if sort else ""
    )


def select_joined(
    table: str, where: Condition, target: str, columns: Sequence[str], key: str, reference: str
) -> str:
    """Return the query for columns of the rows of `target` that matching rows refer to, by key."""
    name, sign, _ = where
    chosen = ", ".join(f"target.{quote(column)}" for column in columns)
    return (
        f"SELECT {chosen} FROM {quote(table)} AS source "
        f"JOIN {quote(target)} AS target ON source.{quote(reference)} = target.{quote(key)} "
        f"WHERE source.{quote(name)} {sign} ? ORDER BY target.{quote(key)}"
    )


def select_where(table: str, columns: Sequence[str], condition: str, sort: Sequence[str]) -> str:
    """Return the query for columns of the rows that meet a condition, sorted."""
    # The plus keeps SQLite from reading all rows in the order of an index.
    order = ", ".join(f"+{quote(name)}" for name in sort) or "1"
    return f"SELECT {listed(columns)} FROM {quote(table)} WHERE {condition} ORDER BY {order}"


def select_stocks(table: str, key: str, first: str | None, stock: str, is_one: bool) -> str:
    """Return the query for key, first stock (None: null) and stock of every row, or of one.

    The parameter is then its key.
    """
    where = f"WHERE {quote(key)} = ? " if is_one else ""
    return (
        f"SELECT {quote(key)}, {quote(first) if first else 'NULL'}, {quote(stock)} "
        f"FROM {quote(table)} {where}ORDER BY {quote(key)}"
    )


def replace_stock(table: str, column: str, key: Sequence[str]) -> str:
    """Return the statement that replaces a stock: its parameters are key, seen, new, moved_total.

    It does so only if the stock is as `seen`. The first stock becomes new - moved_total, unless
    `moved_total` is null.
    """
    seen, new, moved_total = (f"?{len(key) + at}" for at in (1, 2, 3))
    first = f"CASE WHEN {moved_total} IS NULL THEN {FIRST_STOCK} ELSE {new} - {moved_total} END"
    return (
        f"UPDATE {quote(table)} SET {quote(column)} = {new}, {FIRST_STOCK} = {first} "
        f"WHERE {_equal(key, first=1)} AND {quote(column)} IS {seen}"
    )


def delete(table: str, key: Sequence[str]) -> str:
    """Return the statement that deletes the row with a key."""
    return f"DELETE FROM {quote(table)} WHERE {_equal(key)}"


def increase(table: str, column: str, key: Sequence[str]) -> str:
    """Return the statement that adds to the value of a column in the row with a key."""
    name = quote(column)
    return f"UPDATE {quote(table)} SET {name} = {name} + ? WHERE {_equal(key)}"


def correct(table: str, column: str, key: Sequence[str]) -> str:
    """Return the statement that replaces the first stock, and adds the difference to the stock.

    If one of the numbers is null, the stock becomes the parameter.
    """
    name = quote(column)
    return (
        f"UPDATE {quote(table)} SET {name} = coalesce({name} + (?1 - {FIRST_STOCK}), ?1), "
        f"{FIRST_STOCK} = ?1 WHERE {_equal(key, first=2)}"
    )


def _equal(names: Sequence[str], first: int | None = None) -> str:
    """Return the condition on a key, with parameters numbered from `first` on, if given."""
    numbers = [""] * len(names) if first is None else range(first, first + len(names))
    return " AND ".join(f"{quote(name)} = ?{number}" for name, number in zip(names, numbers))
