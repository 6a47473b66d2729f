"""dlt as it comes, in the environment it needs: records on stdin, one a line, into a DuckDB file.

    dlt_pipeline.py FOLDER < records

Nothing is told of the columns: dlt finds out their types, takes payloads apart into columns and child tables, and makes
no column of what is always null.
"""

import json
import os
import sys

os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": sys.argv[1]}
import dlt

pipeline = dlt.pipeline(
    "kore",
    pipelines_dir=sys.argv[1],
    dataset_name="kore",
    destination=dlt.destinations.duckdb(f"{sys.argv[1]}/logs.duckdb"),
)
records = [json.loads(line) for line in sys.stdin]
resource = dlt.resource(records, name="llm_usage_logs", write_disposition="merge", primary_key="id")
pipeline.run(resource).raise_on_failed_jobs()
