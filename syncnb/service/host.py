"""One process of a local fleet: services that end, and clean up, with whoever started them.

``python -m syncnb.service.host FILE`` reads what to run from FILE (JSON) and prints one line of
JSON with the URLs once all of them listen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.lifeline import when_parent_ends
from syncnb.service.config import ServiceConfig
from syncnb.service.logs import set_up
from syncnb.service.server import serve
from syncnb.tenancy import Tenancy


def main() -> int:
    """Serve until the parent ends or says so."""
    path = Path(sys.argv[1])
    set_up("text", "info")
    plan = json.loads(path.read_text("utf-8"))
    with Tenancy(Path(plan["folder"])):
        configs = [
            ServiceConfig.from_values(one["role"], {k: v for k, v in one.items() if k != "role"})
            for one in plan["services"]
        ]
        try:
            serve(
                configs,
                on_ready=lambda urls: print(json.dumps(urls), flush=True),
                on_stoppable=when_parent_ends,
            )
        except SettingsError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
