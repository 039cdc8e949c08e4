"""
Authority: whom a credential speaks for, judged here again although the gateway has judged it.

A gateway that was taken over can ask, but only with what its callers sent it.
"""

from collections.abc import Awaitable, Callable

from orc_auth.denial import Forbidden, Unauthorized
from orc_runtime.access import API_KEY_PREFIX, Access, covers, is_enough
from orc_runtime.principal import ANONYMOUS, Principal
from orc_runtime.settings import Secret
from orc_runtime.tokens import InvalidToken

Judge = Callable[[Secret], Awaitable[Principal]]
"""Returns whom a credential speaks for; raises InvalidToken."""


class Authority:
    """Judges credentials by what the database says now."""

    def __init__(self, *, is_open: bool, tokens: Judge, api_keys: Judge) -> None:
        """With `is_open`, who sends no credential may do anything, as in the gateway's `optional` mode."""
        self._is_open, self._tokens, self._api_keys = is_open, tokens, api_keys

    async def of(self, credential: Secret) -> Principal:
        """Return whom it speaks for; raises Unauthorized."""
        is_key = credential.reveal().startswith(API_KEY_PREFIX)
        try:
            return await (self._api_keys if is_key else self._tokens)(credential)
        except InvalidToken as error:
            raise Unauthorized from error

    async def require(self, credential: Secret | None, access: Access) -> Principal:
        """Return who asks, if what they have is enough; raises Unauthorized, Forbidden."""
        if credential is None:
            if self._is_open:
                return ANONYMOUS
            raise Unauthorized
        principal = await self.of(credential)
        if not covers(principal, access) or not (self._is_open or is_enough(principal.role, access)):
            raise Forbidden(access)
        return principal
