"""The rules that belong to no app that lies above this one: what programs with a key write here, how
the installation is set up, how it is worded and where its links lead."""

from crm.checkups import configuration as configuration
from crm.checkups import drift as drift
from crm.checkups import labels as labels
from crm.checkups import links as links
from crm.checkups import process as process
from crm.checkups import rights as rights
from crm.checkups import words_left as words_left
from crm.checkups.presentation import page_rules as page_rules
from crm.checkups.presentation import tab_rules as tab_rules
