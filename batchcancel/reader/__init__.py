"""Stage 1: a CSV or Parquet manifest becomes appointments and rejected rows."""
