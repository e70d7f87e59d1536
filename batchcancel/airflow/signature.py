"""Options of the table as arguments of an operator, and what its templates make of null."""

import inspect
from collections.abc import Callable, Collection
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from batchcancel.airflow.hook import meant

Init = Callable[..., None]


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
