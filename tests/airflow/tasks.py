"""One task by itself: its operator executed with what Airflow would hand it."""

from types import SimpleNamespace

from airflow.sdk.execution_time.context import OutletEventAccessors

BATCH = "closing@friday"


class Executed:
    """A task of the Dag `closing` in its run `friday`; `told` is what it returned."""

    def __init__(self, task):
        self.task = task
        self.events = OutletEventAccessors()
        instance = SimpleNamespace(
            dag_id="closing", run_id="friday", map_index=-1, xcom_push=lambda **_named: None
        )
        self.told = task.execute({"ti": instance, "outlet_events": self.events})

    @property
    def link(self):
        [link] = self.task.operator_extra_links
        return link.get_link(self.task, ti_key=None)
