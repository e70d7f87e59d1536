from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from batchcancel.api import OrgConfig
from batchcancel.errors import InputError, Refusal, ScopeMissing
from batchcancel.policy.rules import UNASKED, UNTOLD, Rules, clock_cautions, rules_in_force
from batchcancel.reader.manifest import Manifest, manifest_of
from batchcancel.settings.load import load_settings

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
KOLKATA = ZoneInfo("Asia/Kolkata")


class Organisation:
    """Answers with its settings, or says that the key may not ask."""

    def __init__(self, *, may_ask: bool = True, **told: object) -> None:
        known = {"allow_cancellation": True, "notice_hours": 24.0, "timezone": "Asia/Kolkata"}
        self._config = OrgConfig(**known | told)
        self._may_ask = may_ask

    async def config(self) -> OrgConfig:
        if not self._may_ask:
            raise ScopeMissing("appointments:read")
        return self._config


def manifest(starts_at: str | None = "2026-06-20T03:30:00Z") -> Manifest:
    row = {"line": [2], "appointment_id": ["a1"], "starts_at": [starts_at]}
    schema = {"line": pl.Int64, "appointment_id": pl.String, "starts_at": pl.String}
    return manifest_of(pl.DataFrame(row, schema=schema), source="closure.csv")


LOCAL = manifest("2026-06-20T09:00")
UNKNOWN = manifest(None)


async def rules(organisation: Organisation, source: Manifest | None = None, **flags: str) -> Rules:
    settings = load_settings("closure.csv", flags=flags, environ={"HUSKYVOICE_API_KEY": "sk_1"})
    return await rules_in_force(
        organisation,
        manifest=source or manifest(),
        notice_hours=settings.notice_hours,
        timezone=settings.timezone,
    )


def hours(found: Rules) -> float:
    return found.policy.notice / timedelta(hours=1)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, (24, KOLKATA)),
        ({"notice_hours": "0", "timezone": "Europe/Berlin"}, (0, ZoneInfo("Europe/Berlin"))),
    ],
)
async def test_the_organisations_rules_are_in_force_where_the_operator_says_nothing(
    flags, expected
):
    found = await rules(Organisation(), LOCAL, **flags)
    assert expected == (hours(found), found.timezone)


@pytest.mark.parametrize(
    ("flags", "codes"),
    [
        ({"notice_hours": "0"}, ["notice_differs"]),
        ({"timezone": "Europe/Berlin"}, ["timezone_differs"]),
        ({"notice_hours": "48", "timezone": "UTC"}, ["notice_differs", "timezone_differs"]),
        ({"notice_hours": "24", "timezone": "Asia/Kolkata"}, []),
        ({}, []),
    ],
)
async def test_what_is_given_and_differs_from_what_the_organisation_says_is_told(flags, codes):
    assert codes == [one.code for one in (await rules(Organisation(), **flags)).cautions]


async def test_a_difference_is_told_with_both_values():
    given = {"notice_hours": "0", "timezone": "Europe/Berlin"}
    notice, zone = (await rules(Organisation(), **given)).cautions
    assert "--notice-hours is 0, and the organisation's notice is 24 h" == notice.text
    assert "--timezone is Europe/Berlin, and the organisation's timezone is 'Asia/Kolkata'" == (
        zone.text
    )


@pytest.mark.parametrize("named", ["IST", "?", "GMT+5:30", "x" * 999])
async def test_a_timezone_of_the_organisation_that_nobody_knows_is_told_beside_the_given_one(named):
    (told,) = (await rules(Organisation(timezone=named), timezone="Asia/Kolkata")).cautions
    assert "timezone_differs" == told.code
    assert f"is '{named[:40]}', which no zone database knows" in told.text


@pytest.mark.parametrize("told", [{"notice_hours": None}, {"timezone": None}, {"timezone": ""}])
async def test_what_the_organisation_does_not_say_cannot_differ(told):
    flags = {"notice_hours": "24", "timezone": "Asia/Kolkata"}
    assert () == (await rules(Organisation(**told), **flags)).cautions


@pytest.mark.parametrize("flags", [{}, {"notice_hours": "0", "timezone": "UTC"}])
async def test_an_organisation_that_does_not_allow_cancelling_is_obeyed(flags):
    with pytest.raises(Refusal, match="does not allow cancelling"):
        await rules(Organisation(allow_cancellation=False), **flags)


@pytest.mark.parametrize(
    ("organisation", "cautions"),
    [
        (Organisation(), []),
        (Organisation(allow_cancellation=None), [UNTOLD]),
        (Organisation(may_ask=False), [UNASKED]),
    ],
)
async def test_where_nobody_says_whether_cancelling_is_allowed_that_is_told(organisation, cautions):
    found = await rules(organisation, notice_hours="24")
    assert (cautions, 24) == ([*found.cautions], hours(found))


async def test_notice_that_nobody_tells_must_be_given():
    with pytest.raises(InputError, match="cancellation_notice_hours") as refused:
        await rules(Organisation(notice_hours=None))

    assert "--notice-hours" in refused.value.hint


@pytest.mark.parametrize("zone", [None, "", "IST", "../etc/passwd", "Mars/Olympus"])
@pytest.mark.parametrize("source", [LOCAL, UNKNOWN], ids=["local", "unknown"])
async def test_a_timezone_that_is_needed_and_not_told_must_be_given(zone, source):
    with pytest.raises(InputError, match="organisation's timezone") as refused:
        await rules(Organisation(timezone=zone), source)

    assert "--timezone" in refused.value.hint


@pytest.mark.parametrize(("source", "notice"), [(manifest(), "24"), (UNKNOWN, "0")])
async def test_a_timezone_that_is_not_needed_may_be_missing(source, notice):
    found = await rules(Organisation(timezone=None), source, notice_hours=notice)
    assert found.timezone is None


@pytest.mark.parametrize(
    ("source", "zone"), [(LOCAL, {"timezone": "Asia/Kolkata"}), (manifest(), {})]
)
async def test_a_key_that_may_not_ask_is_enough_when_the_rules_that_are_needed_are_given(
    source, zone
):
    found = await rules(Organisation(may_ask=False), source, notice_hours="2", **zone)
    assert (hours(found), found.timezone) == (2, KOLKATA if zone else None)


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        (manifest(), {}),
        (manifest(), {"timezone": "Asia/Kolkata"}),
        (LOCAL, {"notice_hours": "0"}),
        (UNKNOWN, {"notice_hours": "2"}),
    ],
    ids=["nothing", "no notice", "local", "unknown"],
)
async def test_a_key_that_may_not_ask_is_not_enough_when_a_rule_is_missing(source, flags):
    with pytest.raises(ScopeMissing):
        await rules(Organisation(may_ask=False), source, **flags)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (60, []),
        (-60, []),
        (61, ["this machine's clock is 0:01:01 behind the API's, and the API's decides"]),
        (-3660, ["this machine's clock is 1:01:00 ahead of the API's, and the API's decides"]),
    ],
)
def test_clocks_that_differ_by_more_than_a_minute_are_told(seconds, told):
    cautions = clock_cautions(is_known=True, ahead=timedelta(seconds=seconds))
    assert told == [one.text for one in cautions]


def test_a_clock_that_no_answer_told_of_is_told():
    assert ["clock_unknown"] == [
        one.code for one in clock_cautions(is_known=False, ahead=timedelta(0))
    ]
