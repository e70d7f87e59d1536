"""The task that cancels; another try of it resumes."""

from typing import Any

from airflow.providers.common.compat.sdk import Context

from batchcancel.airflow.batch_operator import BatchOperator
from batchcancel.airflow.endings import failure, raise_unless_done
from batchcancel.errors import BatchcancelError


class BatchCancelOperator(BatchOperator):
    """Cancel the appointments of a manifest. XCom gets the summary, counts and no personal data.

    What every try leaves undone the next takes up, as long as both see the same ledger: on
    workers whose disks do not survive, name one with `ledger_conn_id`. With `allow_failures` a
    finished batch succeeds although some of its rows are not cancelled; with `skip_nothing` a
    batch without a row to cancel is skipped.
    """

    def __init__(
        self, *, allow_failures: bool = False, skip_nothing: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.allow_failures = allow_failures
        self.skip_nothing = skip_nothing

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.airflow.running import run_batch

        try:
            settings = self.settings(context)
            finished = run_batch(settings, thread=self._thread, log=self.log)
        except BatchcancelError as error:
            raise failure(error) from None
        summary = finished.summary.as_json()
        context["ti"].xcom_push(key="summary", value=summary)
        if finished.reason is not None:
            raise failure(finished.reason) from None
        raise_unless_done(
            finished.summary, allow_failures=self.allow_failures, skip_nothing=self.skip_nothing
        )
        return summary
