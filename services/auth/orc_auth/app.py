"""
The auth service, wired: Postgres for the accounts, core NATS for the questions, and its own health.

    wait for Postgres, for its migrations, for NATS    →    the signing key    →    answer until told to stop
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from orc_auth.accounts import Accounts
from orc_auth.answers import Question, answers
from orc_auth.api_keys import ApiKeys
from orc_auth.authority import Authority
from orc_auth.passwords import Passwords
from orc_auth.purging import purge
from orc_auth.questions import questions
from orc_auth.sealing import CLEAR
from orc_auth.sessions import Sessions
from orc_auth.settings import AuthSettings
from orc_auth.signing import SigningKeys
from orc_auth.throttle import Throttle
from orc_auth.trust import Trusted
