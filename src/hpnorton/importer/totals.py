"""The end of an import: what its collections hold afterwards."""

from collections.abc import Sequence
from functools import partial

from hpnorton.errors import HPNortonError
from hpnorton.importer.file_import import FileImport
from hpnorton.schema.remarks import Case, own_text_key
from hpnorton.stores.base import Store
from hpnorton.stores.case_variants import find_case_variants


def report_totals(files: Sequence[FileImport], store: Store) -> None:
    """Add to the reports how many records each collection holds, and which keys are case twins."""
    groups: dict[str, list[FileImport]] = {}
    for each in files:
        groups.setdefault(each.report.collection, []).append(each)
    for name, group in groups.items():
        inserted = sum(each.report.counts.inserted for each in group)
        expected = inserted if group[0].entry.was_empty else None
        try:
            total = group[-1].retry_while_lost(partial(store.count, name, expected))
            _warn_of_twins(group, store)
        except HPNortonError as error:
            for each in group:
                each.fail(error, is_content=False)
        else:
            for each in group:
                each.report.total_records = total


def _warn_of_twins(group: Sequence[FileImport], store: Store) -> None:
    """Warn of keys of a collection that differ in case only, if rows may have such keys.

    If the collection was empty, or no row was added, the keys of these rows suffice to know.
    """
    read = [each for each in group if each.report.counts.read]
    if not read or not own_text_key(read[0].spec.collection):
        return
    cases = Case.NONE
    for each in read:
        cases |= each.remarks.cases
    is_added_to = any(each.report.counts.inserted for each in read)
    if not cases.may_be_twins and (group[0].entry.was_empty or not is_added_to):
        return
    twins = group[-1].retry_while_lost(partial(find_case_variants, store, read[0].spec.collection))
    if sentence := twins.sentence():
        read[-1].report.warnings.append(sentence)
