"""An imitation of the HuskyVoice appointments API, in process or on a port, with faults.

It knows nothing of the rest of the program: the examiner must not share the examinee's mistakes.
"""

from batchcancel.sandbox.clinic import Clinic
from batchcancel.sandbox.faults import Fault, SeededFaults, parse_faults
from batchcancel.sandbox.imitation import Sandbox
from batchcancel.sandbox.keys import FULL_KEY, Rate
from batchcancel.sandbox.server import serve, serving

__all__ = [
    "FULL_KEY",
    "Clinic",
    "Fault",
    "Rate",
    "Sandbox",
    "SeededFaults",
    "parse_faults",
    "serve",
    "serving",
]
