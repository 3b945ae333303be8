"""The detached supervisor, `python -m aetheris.services.background OPTIONS`: it prints no password."""

import json
import sys

from aetheris.services.errors import ServiceError
from aetheris.services.launch import up
from aetheris.services.options import Options
from aetheris.services.report import complain, say

if __name__ == "__main__":
    try:
        up(
            Options(**json.loads(sys.argv[1])),
            say,
            lambda instance: say("supervisor", f"runs, {instance.url}"),
        )
    except (ServiceError, OSError) as error:
        complain(error)
        sys.exit(1)
