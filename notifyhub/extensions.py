"""The extensions, not yet bound to an application."""

from celery import Celery
from flask_babel import Babel
from flask_cors import CORS
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from notifyhub.database.base import Base

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate(compare_type=True)
cors = CORS()
babel = Babel()
csrf = CSRFProtect()
celery = Celery("notifyhub", set_as_current=False)
