"""Defects in what is sent, when, and what an answer is taken for."""

from tests.mutants.defect import Defect

DEFECTS = (
    Defect(
        name="another manifest is cancelled than was approved",
        module="batchcancel.settings.approval",
        old="if self.parts[name] != now.parts[name]",
        new="if False",
        killer="test_as_many_others_are_not_what_was_approved",
    ),
    Defect(
        name="a canary that was approved once is sent as often as it is asked for",
        module="batchcancel.settings.approval",
        old="elif more > 0:",
        new="elif False:",
        killer="test_a_canary_that_was_approved_is_not_sent_again_and_again",
    ),
    Defect(
        name="a stop between an intent and its PATCH is passed over",
        module="batchcancel.pool.exchange",
        old="if self._stop.reason is not None:",
        new="if False:",
        killer="test_a_stop_that_comes_while_the_intent_is_written_lets_nothing_leave",
    ),
    Defect(
        name="a Retry-After of just the longest patience stops the run",
        module="batchcancel.pool.patience",
        old="if seconds > self._longest:",
        new="if seconds >= self._longest:",
        killer="test_a_retry_after_that_is_just_allowed_closes_the_gate",
    ),
    Defect(
        name="a run is turned away by 429s without end",
        module="batchcancel.pool.patience",
        old="if lasted > self._longest:",
        new="if False:",
        killer="test_a_run_whose_every_request_is_turned_away_for_too_long_stops",
    ),
    Defect(
        name="a request that got through does not start the patience with 429s anew",
        module="batchcancel.pool.patience",
        old="""            self._turned_away_since = None
            return
""",
        new="            return\n",
        killer="test_one_request_that_gets_through_starts_the_patience_anew",
    ),
    Defect(
        name="a Retry-After of 0 lets every worker ask again at once",
        module="batchcancel.pool.patience",
        old="max(seconds, SHORTEST_PAUSE)",
        new="seconds",
        killer="test_a_429_closes_the_gate_and_so_does_trouble_that_names_a_time",
    ),
    Defect(
        name="a 429 costs an attempt",
        module="batchcancel.huskyvoice.retry",
        old="(let_through)",
        new="(attempt)",
        killer="test_what_the_rate_limit_turns_away_costs_no_attempt",
    ),
    Defect(
        name="a status alone refuses a row, whoever answered it",
        module="batchcancel.huskyvoice.answers",
        old="if status in _REFUSALS and code is not None:",
        new="if status in _REFUSALS:",
        killer="test_what_is_not_the_apis_own_envelope_says_nothing_of_a_row",
    ),
    Defect(
        name="any 404 says that there is no such appointment",
        module="batchcancel.huskyvoice.answers",
        old='if status == HTTPStatus.NOT_FOUND and code == "NOT_FOUND":',
        new="if status == HTTPStatus.NOT_FOUND:",
        killer="test_a_404_with_another_code_says_nothing_of_a_row",
    ),
    Defect(
        name="a 402 without a code that says so goes on with the next row",
        module="batchcancel.huskyvoice.answers",
        old="status != HTTPStatus.PAYMENT_REQUIRED and not spent",
        new="not spent",
        killer="test_a_402_stops_the_run_whatever_its_body_says",
    ),
    Defect(
        name="a payment for one appointment stops every run",
        module="batchcancel.huskyvoice.answers",
        old="_SPENT if status in _OF_EVERY_ROW else _SURELY_SPENT",
        new="_SPENT",
        killer="test_a_code_that_speaks_of_a_payment_made_is_about_its_row_alone",
    ),
    Defect(
        name="who comes when a slot gets free overtakes who waited for it",
        module="batchcancel.huskyvoice.limiter",
        old="self._turn.locked() or ",
        new="",
        killer="test_who_comes_when_a_slot_gets_free_does_not_overtake_who_waited_for_it",
    ),
    Defect(
        name="what could not be told to a shared window is told late",
        module="batchcancel.huskyvoice.shared_limiter",
        old="self._pending.clear()",
        new="pass",
        killer="test_a_closing_that_could_not_be_told_in_time_is_not_told_late_and_begun_anew",
    ),
    Defect(
        name="a window's file that cannot be read is taken for an empty one",
        module="batchcancel.huskyvoice.window_file",
        old="log.close_for(longest, now=now, wall=wall)",
        new="pass",
        killer="test_a_file_that_cannot_be_read_counts_as_full_for_one_window",
    ),
    Defect(
        name="a closed gate is forgotten when the machine starts anew",
        module="batchcancel.huskyvoice.window_log",
        old="self.gate = Gate(now + left, wall + left, left)",
        new="self.gate = None",
        killer="test_after_another_boot_the_rest_of_a_closure_goes_by_the_wall_clock",
    ),
    Defect(
        name="who comes when a slot gets free overtakes who waited in another program",
        module="batchcancel.huskyvoice.window_log",
        old="len(free_at) + len(ahead) + 1 - rate.limit",
        new="len(free_at) + 1 - rate.limit",
        killer="test_the_next_free_slot_is_kept_for_who_asked_first",
    ),
)
