"""Fixtures of the server's and the storage's tests, for faults that concern both."""

from tests.server.conftest import site as site
from tests.storage.conftest import kind as kind
from tests.storage.conftest import postgresql_cluster as postgresql_cluster
from tests.storage.conftest import postgresql_url as postgresql_url
from tests.storage.conftest import sqlite_database as sqlite_database
from tests.storage.conftest import url as url
