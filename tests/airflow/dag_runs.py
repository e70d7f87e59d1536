"""Dags, and what their runs came to."""

import itertools
import signal
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import import_all_models
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import handle_event_submit
from airflow.sdk.timezone import utcnow
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import configure_mappers

from tests.airflow.home import BUNDLES

NIGHT = "2026-01-02"
"""The date in India at which all runs here take place, each a minute after the one before."""

_BEGIN = datetime(2026, 1, 1, 20, 30, tzinfo=UTC)
_MINUTES = itertools.count()
_PATIENCE = 120.0

# Now, and not in the thread that answers: it would wait for a module that the run is importing,
# and the run for the tables that the thread is about to map.
import_all_models()
configure_mappers()


def dag_named(dag_id):
    [path] = filter(Path.exists, (folder / f"{dag_id}.py" for folder in BUNDLES.values()))
    return DagBag(path).dags[dag_id]


def run(dag_id, **conf):
    """Run a Dag in this process, and tell its state and those of its tasks by name and index."""
    moment = _BEGIN + timedelta(minutes=next(_MINUTES))
    with _time_limit(dag_id):
        ended = dag_named(dag_id).test(logical_date=moment, run_conf=conf)
    tasks = {}
    for one in ended.get_task_instances():
        index = "" if one.map_index < 0 else f"[{one.map_index}]"
        tasks[f"{one.task_id}{index}"] = str(one.state)
    return str(ended.state), tasks, ended.run_id


class _TooLong(BaseException):
    """No `Exception`, which a task would be failed with, and tried again."""


@contextmanager
def _time_limit(dag_id):
    """A run that waits for another try of a task would go on for the delay between them."""

    def strike(_signum, _frame):
        raise _TooLong

    def watch():
        seconds = _PATIENCE
        while not is_over.wait(seconds):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR2)
            seconds = 1.0  # the first strike may have met a task, which takes it for its own end

    is_over, before = threading.Event(), signal.signal(signal.SIGUSR2, strike)
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    except _TooLong:
        pytest.fail(f"the run of {dag_id} was not over after {_PATIENCE} s")
    finally:
        is_over.set()
        watching.join()
        signal.signal(signal.SIGUSR2, before)


def xcom(run_id, task_id, key="return_value"):
    with create_session() as session:
        [instance] = session.query(TaskInstance).filter_by(run_id=run_id, task_id=task_id)
        return instance.xcom_pull(task_ids=task_id, key=key, session=session)


def tries_of(run_id, task_id="cancel"):
    """How often a task was tried."""
    with create_session() as session:
        [instance] = session.query(TaskInstance).filter_by(run_id=run_id, task_id=task_id)
        return instance.try_number


def events(asset):
    """What stands beside the events of an asset."""
    with create_session() as session:
        found = session.query(AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        return [one.extra for one in found.filter(AssetModel.name == asset)]


@contextmanager
def somebody_answers(choice, *, meanwhile=lambda: None):
    """Answer the next required action as the API of Airflow does; yields what was shown.

    `meanwhile` is done while the person is still reading.
    """
    shown, is_over = [], threading.Event()
    person = threading.Thread(target=_answer, args=(choice, shown, meanwhile, is_over), daemon=True)
    person.start()
    try:
        yield shown
    finally:
        is_over.set()
        person.join(timeout=_PATIENCE)


def _answer(choice, shown, meanwhile, is_over):
    """Until the run is over: its own turn may write over an answer that comes in the middle."""
    while not is_over.wait(1.0):
        with suppress(OperationalError), create_session() as session:  # the file may be locked
            waiting = session.query(TaskInstance).filter_by(state="awaiting_input").first()
            if waiting is None:
                continue
            detail = session.get(HITLDetail, waiting.id)
            if not shown:
                meanwhile()
                shown.append(f"{detail.subject}\n{detail.body}")
            detail.chosen_options, detail.responded_at = [choice], utcnow()
            detail.params_input = {}
            handle_event_submit(
                TriggerEvent(detail.as_resume_event_payload()),
                task_instance=waiting,
                session=session,
            )
