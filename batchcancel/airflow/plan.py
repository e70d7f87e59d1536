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
        from batchcancel import wiring
        from batchcancel.airflow.task_log import TaskLog
        from batchcancel.job import plan_job
        from batchcancel.planning import Planned, refuse_above_cap
        from batchcancel.stop import Stop
        from batchcancel.wording import plan_json, plan_text

        try:
            settings = self.settings(context)

            async def job(stop: Stop) -> Planned:
                equip = wiring.equipment(
                    settings, open_ledgers=wiring.for_plan(settings), stop=stop
                )
                return await plan_job(settings, equip=equip, observer=TaskLog(self.log, settings))

            planned = self._thread.run(job)
            refuse_above_cap(planned.plan, settings)
        except BatchcancelError as error:
            raise failure(error) from None
        return plan_json(planned, settings) | {"text": plan_text(planned, settings)}
