"""What somebody would write by hand: `requests`, `json`, a line a row, no checks at all."""

import json
import sys
import time
import uuid
from pathlib import Path

import jwt
import requests

config = json.loads(Path(sys.argv[1]).read_text())
session = requests.Session()
for bot in config["bot_ids"]:
    skip = 0
    while True:
        claims = {"appId": config["client_id"], "sub": config["client_id"], "jti": str(uuid.uuid4())}
        token = jwt.encode({**claims, "exp": int(time.time()) + 3600}, config["client_secret"], algorithm="HS256")
        rows = session.post(
            f"{config['host']}/api/1.1/public/bot/{bot}/getLLMUsageLogs",
            headers={"auth": token},
            json={
                "dateFrom": config["start_date"],
                "dateTo": config["end_date"],
                "limit": "1000",
                "skip": str(skip),
                "isDeveloper": True,
            },
        ).json()
        if not rows:
            break
        for row in rows:
            print(json.dumps(row))
        skip += len(rows)
