"""How gunicorn serves Plumb: `gunicorn -c crm/gunicorn_config.py crm.wsgi`. Flags on the command line win."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
# Each worker counts by itself, and whoever scrapes meets any of them: their figures meet in these files. Set before
# anything that counts is imported.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    # In a checkout, nothing outside the project's folder is touched.
    local = Path(__file__).resolve().parent.parent / ".data"
    figures = tempfile.mkdtemp(prefix="metrics-", dir=local if local.is_dir() else None)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures
    master = os.getpid()

    @atexit.register
    def remove_figures() -> None:
        # Workers are copies of this process, and end before it.
        if os.getpid() == master:
            shutil.rmtree(figures, ignore_errors=True)


from django.conf import settings

from crm.core.checks import refuse_unsafe_start
from crm.core.environment import whole_number

# Once, here, and not by each worker and again.
refuse_unsafe_start()

# Only this machine: a proxy that ends TLS stands before it.
bind = f"127.0.0.1:{whole_number('PORT', default=8000, least=1, most=65535)}"
worker_class = "gthread"
workers = whole_number("WEB_WORKERS", default=2, least=1, most=64)
threads = settings.WEB_THREADS
graceful_timeout = 30
# It would otherwise open a socket in the account's home folder.
control_socket_disable = True
# What clients say of themselves is believed from a proxy on this machine only.
forwarded_allow_ips = "127.0.0.1,::1"
# Where a slow disk cannot stop the workers from showing that they live.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

logconfig_dict = {
    **settings.LOGGING,
    "loggers": {
        **settings.LOGGING["loggers"],
        "gunicorn.error": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}


def child_exit(server: Any, worker: Any) -> None:
    """Forget the momentary figures of a worker that is gone; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
