"""The shape of an import's report."""

# The shape of --linear and --parallel in the command line's contract.
DOCUMENT_KEYS = [
    "success",
    "fail",
    "total_records",
    "elapsed",
    "read",
    "inserted",
    "updated",
    "unchanged",
    "conflicts",
    "rejected",
    "blank",
    "rejects_file",
    "rows_per_second",
    "file",
    "import_id",
    "started",
    "status",
    "warnings",
]
