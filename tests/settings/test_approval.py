import re
from datetime import UTC, datetime, timedelta

import pytest

from batchcancel.settings.approval import PARTS, Approval, approval

WORDS = {name: f"this {name}" for name in PARTS}


def of(eligible: int = 600, settled: int = 0, **changes: str | None) -> Approval:
    return Approval.of(eligible=eligible, settled=settled, **WORDS | changes)


def differences(approved: Approval, now: Approval) -> list[str]:
    """As they are told to somebody who typed the token."""
    return list(approval(str(approved)).differences(now))


def test_equal_plans_have_equal_tokens_that_say_the_numbers_and_fit_on_half_a_line():
    assert str(of()) == str(of())
    assert str(of()).startswith("a1-600-0-0-")
    assert len(str(of(999_999, 999_999))) <= 54


@pytest.mark.parametrize("eligible", [0, 1, 600, 999_999_999])
def test_a_token_comes_back_as_the_approval_it_was_made_of(eligible):
    assert approval(str(of(eligible))) == of(eligible)


def test_a_token_tells_to_the_second_since_when_no_record_may_have_changed():
    at = datetime(2026, 6, 1, 6, tzinfo=UTC)
    approved = Approval.of(eligible=1, settled=0, left_at=at + timedelta(seconds=0.5), **WORDS)
    assert (at, approved) == (approval(str(approved)).left_at, approval(str(approved)))


def test_a_token_may_be_copied_with_blanks_around_it_and_in_capitals():
    assert approval(f"  {of()}\n".upper()) == of()


@pytest.mark.parametrize("name", PARTS)
def test_every_part_that_is_another_now_is_told_by_its_name(name):
    assert [PARTS[name]] == differences(of(), of(**{name: "another"}))


def test_a_difference_that_no_part_shows_is_shown_by_the_whole():
    approved, now = (
        of(),
        next(
            other
            for number in range(10_000)
            if (other := of(content=f"another {number}")).parts == of().parts
        ),
    )
    assert ["the manifest, the rules or the notes"] == differences(approved, now)


@pytest.mark.parametrize(
    ("now", "told"),
    [(of(599), []), (of(0), []), (of(300, 300), []),
     (of(601), ["601 appointments to be cancelled, and 600 approved"]),
     (of(600, 5), ["5 appointments more than approved, with those that were settled since"])],
)  # fmt: skip
def test_fewer_appointments_are_approved_and_more_are_not_with_those_settled_since(now, told):
    assert told == differences(of(), now)


def test_what_was_settled_before_an_approval_is_no_part_of_it():
    assert [] == differences(of(5, 100), of(3, 102))
    assert 1 == len(differences(of(5, 100), of(5, 101)))


def test_what_nobody_asked_for_is_not_held_against_an_approval():
    now = of(0, 600, notice=None, timezone=None)
    assert [] == differences(of(), now)
    assert ["--notes"] == differences(of(), of(0, 600, notice=None, timezone=None, notes="x"))


def test_a_text_moved_from_one_part_to_the_next_is_another():
    one = of(notes="ab", ignored="c")
    other = of(notes="a", ignored="bc")
    assert one.whole != other.whole


@pytest.mark.parametrize(
    "text", ["", "yes", "600", "a1-600", "a2" + str(of())[2:], str(of())[:-1], str(of()) + "0"]
)
def test_what_is_no_token_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="copy the whole of the token"):
        approval(text)


def test_a_token_with_a_typing_error_is_none():
    token = str(of())
    typed = [
        token[:at] + other + token[at + 1 :]
        for at, one in enumerate(token)
        for other in "37x"
        if one not in (other, "-")
    ]
    passed = [one for one in typed if _is_token(one)]
    assert len(passed) <= len(typed) // 50


def test_a_token_says_nothing_but_numbers_in_the_clear():
    token = str(of(key="sk_live_secret", notes="Dr Rao is ill"))
    assert re.fullmatch("a1-600-0-0-[0-9a-z]{34}", token)


def _is_token(text: str) -> bool:
    try:
        approval(text)
    except ValueError:
        return False
    return True
