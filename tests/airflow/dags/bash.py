"""The command line in a BashOperator, as the README has it."""

import json

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Param, dag

COMMAND = """
batchcancel run '{{ params.manifest }}' --yes --json --no-progress \
  --batch '{{ dag.dag_id }}@{{ run_id }}' --ledger '{{ params.ledger }}'
"""


@dag(schedule=None, params={"manifest": Param(type="string"), "ledger": Param(type="string")})
def bash():
    BashOperator(task_id="cancel", bash_command=COMMAND, output_processor=json.loads)


bash()
