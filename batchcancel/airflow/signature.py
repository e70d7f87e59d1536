"""Options of the table as arguments of an operator, and what its templates make of null."""

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, Context

from batchcancel.airflow.hook import HuskyVoiceHook, meant
from batchcancel.airflow.thread import JobThread, progress_of
from batchcancel.errors import Interrupted

Init = Callable[..., None]

_SIGTERM = 15  # what Airflow sends before it calls `on_kill`


def with_options(fields: Collection[str]) -> Callable[[Init], Init]:
    """Decorator: name the options in the signature, by which Airflow fills in `default_args`."""

    def decorate(init: Init) -> Init:
        signature = inspect.signature(init)
        *named, others = signature.parameters.values()
        options = [inspect.Parameter(one, others.KEYWORD_ONLY, default=None) for one in fields]
        init.__signature__ = signature.replace(  # type: ignore[attr-defined]  # functions take it
            parameters=[*named, *options, others]
        )
        return init

    return decorate


def take_options(arguments: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Take the options out of the arguments; of what is left a misspelt one is told what was meant.

    Airflow would refuse it without a suggestion.
    """
    options = {field: arguments.pop(field, None) for field in fields}
    known = inspect.signature(BaseOperator.__init__).parameters
    for name in arguments.keys() - known.keys():
        if suggestion := meant(name):
            raise TypeError(f"{name} is no argument{suggestion}")
    return options


class Templated(BaseOperator):
    """An operator in whose templates null is nothing, and not the text None.

    So a form's field that was left empty says nothing, as it does where it is an empty text.
    """

    def render_template(
        self, content: Any, context: Context, jinja_env: Any = None, seen_oids: Any = None
    ) -> Any:
        env = (jinja_env or self.get_template_env()).overlay(finalize=_nothing_for_null)
        return super().render_template(content, context, env, seen_oids)


def _nothing_for_null(value: Any) -> Any:
    return "" if value is None else value


class OptionsOperator(Templated):
    """A task that asks the API; its options are those of the command line, by the same names.

    They and the ids of the Connections are templated; None and an empty text leave an option to
    the Connection's extras, the environment and `job_file`.
    """

    fields: ClassVar[tuple[str, ...]]
    """The options; the `__init__` of the class that says them is decorated `with_options`."""

    def __init__(
        self,
        *,
        ledger: str | None = None,
        ledger_conn_id: str | None = None,
        huskyvoice_conn_id: str = HuskyVoiceHook.default_conn_name,
        job_file: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        options = take_options(kwargs, self.fields)
        super().__init__(**kwargs)
        self.ledger = ledger
        self.ledger_conn_id = ledger_conn_id
        self.huskyvoice_conn_id = huskyvoice_conn_id
        self.job_file = job_file
        for field in self.fields:  # Airflow fills in those templates that are attributes
            setattr(self, field, options[field])
        self._thread = JobThread()

    def on_kill(self) -> None:
        """Stop the job; `execute` ends within four seconds."""
        self._thread.stop(Interrupted(_SIGTERM))

    def options(self) -> dict[str, Any]:
        return {field: getattr(self, field) for field in self.fields}

    def ask(self, command: Any, settings: Any, **wanted: Any) -> Any:
        """Run a command to its end, and log what is told of it."""
        from batchcancel.airflow.task_log import TaskLog

        observe = TaskLog(self.log, progress_of(settings), words=self.words)
        return self._thread.run(
            lambda stop: command(settings, stop=stop, observe=observe, **wanted)
        )

    def words(self, text: str) -> str:
        """A sentence of the core in the words of this task."""
        return HuskyVoiceHook(self.huskyvoice_conn_id).words(text)
