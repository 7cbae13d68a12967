"""The door for the web server (gunicorn)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django_application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - the settings' checks have to speak first

from crm.core.spooling import SpoolChunkedBodies  # noqa: E402

application = SpoolChunkedBodies(django_application, limit=settings.UPLOAD_LIMIT)
