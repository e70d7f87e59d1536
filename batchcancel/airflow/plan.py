"""The task that decides, counts and estimates."""

from typing import Any

from airflow.providers.common.compat.sdk import Context

from batchcancel.airflow.batch_operator import BatchOperator
from batchcancel.airflow.endings import failure
from batchcancel.errors import BatchcancelError


class BatchPlanOperator(BatchOperator):
    """Plan a batch and send no write. XCom gets the counts, and `text`: the plan for people.

    It ends like a run would that is refused: above `max_cancel` it fails without another try.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.airflow.task_log import TaskLog
        from batchcancel.commands import plan
        from batchcancel.plan import refuse_above_cap
        from batchcancel.wording import plan_json, plan_text

        try:
            settings = self.settings(context)
            observe = TaskLog(self.log)
            planned = self._thread.run(lambda stop: plan.plan(settings, stop=stop, observe=observe))
            refuse_above_cap(planned.plan, settings.max_cancel)
        except BatchcancelError as error:
            raise failure(error) from None
        return plan_json(planned, ledger=settings.ledger_shown) | {"text": plan_text(planned)}
