"""Every kind of row that wants work, whoever serves it."""

from api.credentials.models import Credential, TargetListing
from api.due import DueModel
from api.resources.models import Resource
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets.models import Target

MODELS: tuple[type[DueModel], ...] = (Credential, Resource, TargetListing, Target, Session, StaticRule)
