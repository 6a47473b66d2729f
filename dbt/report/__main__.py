"""The marts as one page of charts.

python dbt/report [PAGE]                                # of the package's own profiles.yml
python dbt_packages/kore_llm_logs/report [PAGE]         # in a project of yours, with its profile, schemas and variables
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from marts import ask
from page import write_page

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        prog="report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("page", nargs="?", type=Path, default=Path("report.html"))
    arguments.add_argument("--target", help="of the profile")
    given = arguments.parse_args()
    try:
        write_page(given.page, ask(*(("--target", given.target) if given.target else ())))
    except RuntimeError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{given.page}\n")
