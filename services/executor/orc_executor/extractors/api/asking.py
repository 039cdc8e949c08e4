"""Parameters put into a question: where they go depends on how the API is asked."""

from collections.abc import Mapping

from orc_executor.extractors.api.requests import Request

Params = Mapping[str, str | int | float]


def with_params(request: Request, params: Params) -> Request:
    """Return the question with these parameters, in the body where that is an object, else in the URL's query."""
    if not params:
        return request
    if isinstance(request.body, dict):
        return Request(request.url, {**request.body, **params})
    texts = {name: str(value) for name, value in params.items()}
    return Request(request.url.copy_merge_params(texts), request.body)
