"""Every deliberate defect is noticed by the test that is named for it."""

from dataclasses import replace
from operator import attrgetter

import pytest

from tests.mutants import doubt, keeping, observing, sending, simulated, starting
from tests.mutants.defect import ROOT, Unusable, changed, file_of, plant, survives

DEFECTS = (
    *sending.DEFECTS,
    *doubt.DEFECTS,
    *observing.DEFECTS,
    *keeping.DEFECTS,
    *starting.DEFECTS,
    *simulated.DEFECTS,
)
KILLED = attrgetter("killer")
ONE = next(one for one in DEFECTS if one.name.startswith("a stop between"))


@pytest.mark.long
@pytest.mark.parametrize("defect", [*filter(KILLED, DEFECTS)], ids=lambda defect: defect.name)
def test_no_defect_survives(defect, tmp_path):
    assert survives(defect, tmp_path) is None


def test_every_defect_fits_the_source_as_it_is_and_has_its_test():
    assert all(map(changed, DEFECTS))
    assert all(file_of(one.killer) for one in filter(KILLED, DEFECTS))


def with_change(**fields):
    (change,) = ONE.changes
    return replace(ONE, changes=(change._replace(**fields),))


@pytest.mark.long
def test_a_change_that_breaks_nothing_survives(tmp_path):
    harmless = with_change(new=f"{ONE.changes[0].old}  # harmless")
    assert f"{ONE.killer} passes in spite of it" == survives(harmless, tmp_path)


@pytest.mark.long
def test_a_module_that_cannot_be_imported_proves_nothing(tmp_path):
    assert "collection failure" in survives(with_change(new="if:"), tmp_path)


@pytest.mark.long
def test_a_test_that_ends_by_another_error_proves_nothing(tmp_path):
    assert "otherwise than by its assertion" in survives(with_change(new="if 1 / 0:"), tmp_path)


@pytest.mark.parametrize(
    "left_behind",
    [
        with_change(old="no such text"),
        with_change(old="self"),
        with_change(module="batchcancel.nowhere"),
        replace(ONE, killer="test_that_nobody_wrote"),
    ],
    ids=range(4),
)
def test_a_defect_that_the_code_has_left_behind_is_refused(left_behind, tmp_path):
    with pytest.raises(Unusable):
        survives(left_behind, tmp_path)


def test_only_the_copy_has_the_defect(tmp_path):
    plant(ONE, tmp_path)
    sources = [one.joinpath(*ONE.changes[0].module.split(".")) for one in (tmp_path, ROOT)]
    found = [one.with_suffix(".py").read_text(encoding="utf-8") for one in sources]
    assert [False, True] == [ONE.changes[0].old in one for one in found]
