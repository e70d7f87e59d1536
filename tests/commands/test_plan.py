"""What a plan tells before anything is sent."""

import pytest

pytestmark = pytest.mark.anyio


def cautions(planned):
    return {one.code: one.text for one in planned.rules.cautions}


@pytest.mark.parametrize(("most", "is_told"), [(7, True), (8, False)])
async def test_fewer_requests_than_the_plan_needs_are_told(world, most, is_told):
    manifest = world.manifest(world.appointments(5))
    planned = await world.plan(manifest, max_requests=most)  # rules, a page, windows, and five

    assert is_told == ("max_requests" in cautions(planned))
    if is_told:
        assert (
            "needs 5 requests, and --max-requests 7 leaves 4" in cautions(planned)["max_requests"]
        )


async def test_without_a_limit_on_requests_nothing_is_told_of_them(world):
    assert "max_requests" not in cautions(await world.plan(world.manifest(world.appointments(5))))
