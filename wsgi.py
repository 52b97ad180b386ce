"""The application for gunicorn (`wsgi:app`) and for the flask command."""

import sys
from pathlib import Path

from notifyhub import shared_instruments
from notifyhub.app import create_app
from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.connection_checks import check_keys
from notifyhub.instance import InvalidSetting
from notifyhub.process import last_words

try:
    app = create_app()
    check_keys(app)
    last_words.log_instead()
    shared_instruments.share(Path(app.instance_path))
except (InvalidSetting, KeysDoNotFit) as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # what gunicorn takes as: don't start this worker again
