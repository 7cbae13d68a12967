"""The rules that belong to no app that lies above this one: what programs with a key write here."""

from crm.checkups import process as process
from crm.checkups.presentation import page_rules as page_rules
from crm.checkups.presentation import tab_rules as tab_rules
