"""batchcancel cancels a manifest of HuskyVoice appointments, resumably.

manifest -> reader -> policy -> pool -> writer -> ledger -> report
"""

__version__ = "0.1.0"
