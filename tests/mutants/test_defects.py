"""Every deliberate defect is noticed by the test that is named for it."""

from dataclasses import replace

import pytest

from tests.mutants import doubt, keeping, observing, sending, starting
from tests.mutants.defect import ROOT, Unusable, changed, file_of, plant, survives

DEFECTS = (
    *sending.DEFECTS,
    *doubt.DEFECTS,
    *observing.DEFECTS,
    *keeping.DEFECTS,
    *starting.DEFECTS,
)
ONE = next(one for one in DEFECTS if one.name.startswith("a stop between"))


@pytest.mark.long
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_no_defect_survives(defect, tmp_path):
    assert survives(defect, tmp_path) is None


def test_every_defect_fits_the_source_as_it_is_and_has_its_test():
    assert all(changed(one) and file_of(one.killer) for one in DEFECTS)


def test_a_change_that_breaks_nothing_survives(tmp_path):
    harmless = replace(ONE, new=f"{ONE.old}  # harmless")
    assert f"{ONE.killer} passes in spite of it" == survives(harmless, tmp_path)


def test_a_module_that_cannot_be_imported_proves_nothing(tmp_path):
    assert "did not run" in survives(replace(ONE, new="if:"), tmp_path)


def test_a_test_that_ends_by_another_error_proves_nothing(tmp_path):
    assert "otherwise than by its assertion" in survives(replace(ONE, new="if 1 / 0:"), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"old": "no such text"},
        {"old": "self"},
        {"module": "batchcancel.nowhere"},
        {"killer": "test_that_nobody_wrote"},
    ],
    ids=str,
)
def test_a_defect_that_the_code_has_left_behind_is_refused(changes, tmp_path):
    with pytest.raises(Unusable):
        survives(replace(ONE, **changes), tmp_path)


def test_only_the_copy_has_the_defect(tmp_path):
    plant(ONE, tmp_path)
    assert ONE.old not in ONE.source_in(tmp_path).read_text(encoding="utf-8")
    assert ONE.old in ONE.source_in(ROOT).read_text(encoding="utf-8")
