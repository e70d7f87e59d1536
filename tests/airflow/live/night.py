"""A group of twenty in one night: what each organisation wants to cancel, and the Dags for it."""

import shutil
from datetime import UTC, datetime, timedelta

from tests.airflow.home import BUNDLES

ORGANISATIONS = tuple(f"huskyvoice_{number:02}" for number in range(20))
LIMIT, SECONDS = 10, 5
RATE = f"{LIMIT}/{SECONDS}s"
ROWS = 8
"""With what a plan asks, more than a key may ask in one window."""

NIGHT = (datetime.now(UTC) + timedelta(hours=5.5 - 2)).date()
"""The latest night at two o'clock in India."""


def book(stage):
    """Each organisation's appointments in a file, three of them in two; whose each is."""
    wanted = {}
    for number, organisation in enumerate(ORGANISATIONS):
        folder = stage.folder / "group" / f"{NIGHT}" / organisation
        folder.mkdir(parents=True)
        for part in range(2 if number < 3 else 1):
            ids = [f"o{number:02}p{part}r{row}" for row in range(ROWS)]
            stage.book(*ids)
            stage.write(str(folder / f"part{part}.csv"), ids)
            wanted |= dict.fromkeys(ids, organisation)
    return wanted


def copy_dags(stage, folder):
    """Dags of `jobs/` with other folders and organisations, and in more of a hurry."""
    (stage.folder / "arrivals").mkdir()
    changed = {
        "clinic_group.py": {
            '("huskyvoice_north", "huskyvoice_south")': repr(ORGANISATIONS),
            "/srv/batchcancel/group": str(stage.folder / "group"),
            "timedelta(minutes=5)": "timedelta(seconds=5)",
            "max_active_tasks=1024": "max_active_tasks=4",
        },
        "on_arrival.py": {
            '"/srv/batchcancel/arrivals"': repr(str(stage.folder / "arrivals")),
            "ManifestTrigger(": "ManifestTrigger(every=1.0, ",
            "timedelta(minutes=5)": "timedelta(seconds=5)",
            'task_id="cancel"': f'task_id="cancel", huskyvoice_conn_id="{ORGANISATIONS[0]}"',
        },
    }
    for name, words in changed.items():
        text = (BUNDLES["jobs"] / name).read_text()
        for before, after in words.items():
            assert before in text
            text = text.replace(before, after)
        (folder / name).write_text(text)
    for name in ("nightly.toml", "clinic_closure.py", "clinic_closure.toml"):
        shutil.copy(BUNDLES["jobs"] / name, folder)
