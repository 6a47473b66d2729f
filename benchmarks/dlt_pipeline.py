"""dlt's REST source to JSONL files; nested values stay JSON, as here, instead of becoming tables of their own."""

import json
import sys
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source

config = json.loads(Path(sys.argv[1]).read_text())
folder = Path(sys.argv[2])
source = rest_api_source(
    {
        "client": {
            "base_url": f"{config['host']}/api/1.1/public/bot/",
            "headers": {"auth": config["token"]},
            "paginator": {
                "type": "offset",
                "limit": 1000,
                "offset_body_path": "skip",
                "limit_body_path": "limit",
                "total_path": None,
                "stop_after_empty_page": True,
            },
        },
        "resources": [
            {
                "name": f"llm_usage_logs_{number}",
                "table_name": "llm_usage_logs",
                "max_table_nesting": 0,
                "endpoint": {
                    "path": f"{bot}/getLLMUsageLogs",
                    "method": "POST",
                    "json": {"dateFrom": config["start_date"], "dateTo": config["end_date"], "isDeveloper": True},
                    "data_selector": "$",
                },
            }
            for number, bot in enumerate(config["bot_ids"])
        ],
    }
)
pipeline = dlt.pipeline(
    "kore_benchmark",
    pipelines_dir=str(folder / "pipelines"),
    destination=dlt.destinations.filesystem(bucket_url=str(folder / "out")),
    dataset_name="kore",
)
pipeline.run(source, loader_file_format="jsonl")
