"""The OpenAPI document of `/openapi.json`. A test holds it against the routes, another against the running server."""

from typing import Any

from bioql_console.server.operations import OPERATIONS
from bioql_console.server.schemas import SCHEMAS, of

DESCRIPTION = """\
Quantum shots, what they cost, and paying for them.

Amounts are JSON numbers in US dollars with at most two decimals. Fields that are not described here are ignored in
requests and may be added to answers. Every error is `{"error": "<sentence>"}`.

A key may ask so many times a second and an address may get so many keys wrong a minute, as the operator set it (100
and 60 at first); beyond that the answer is 429 and `Retry-After` says how many seconds to wait. Keys that start with
`bioql_dev_` are for trying things out: they get sample answers, and servers of real payments refuse them.

An address is written in one way: without letters as `%61`, slashes as `%2f` or `..`. Web pages of sites that the
operator did not list may read nothing, and whatever they send is answered 403. What is no proper HTTP/1.1 request, or
has a head of more than 32 KiB, is refused, and the connection ends.
"""

# What may be answered beside what an operation promises: the name in `components.responses`, and an example.
ERRORS = {
    400: (
        "BadRequest",
        "The request can't be; the sentence names the field.",
        "backend must be 1–100 characters of text",
    ),
    401: ("InvalidKey", "The API key is missing, unknown or disabled.", "Invalid API key"),
    403: ("OtherUser", "The address names another user.", "These rows are another user's"),
    404: ("NotThere", "The address is spelled oddly.", "There is nothing at this address"),
    408: ("TooSlow", "The request took longer than ten seconds to arrive.", "The request took too long"),
    409: ("Conflict", "It is there already.", "Email already registered"),
    413: ("TooLarge", "The request is larger than 64 KiB.", "The request is too large"),
    415: ("Compressed", "Compressed bodies are not accepted.", "Compressed bodies are not accepted."),
    421: ("OtherHost", "The Host header names another server.", "This server does not answer to that name"),
    429: (
        "TooMany",
        "Too many requests, wrong keys or registrations.",
        "Too many wrong API keys from this address; try again in 1 second",
    ),
    502: ("StripeDown", "Stripe could not be asked.", "The payment service is not available, please try again later"),
    503: ("Busy", "The database could not be asked.", "The service is busy, please try again"),
}


def _error(status: int, description: str, sentence: str) -> dict[str, Any]:
    content = {"application/json": {"schema": of("Error"), "example": {"error": sentence}}}
    if status != 429:
        return {"description": description, "content": content}
    seconds = {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 1}}
    return {"description": description, "headers": {"Retry-After": seconds}, "content": content}


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        answers = {str(status): answer for status, answer in operation.answers.items()}
        errors = {str(status): {"$ref": f"#/components/responses/{ERRORS[status][0]}"} for status in operation.errors}
        described = {**operation.more, "responses": {**answers, **errors}}
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return paths


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "BioQL billing", "version": "3.0.0", "description": DESCRIPTION},
    "servers": [{"url": "/"}],
    "paths": _paths(),
    "components": {
        "schemas": SCHEMAS,
        "responses": {name: _error(status, words, example) for status, (name, words, example) in ERRORS.items()},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "The API key, for dashboards."},
            "header": {
                "type": "apiKey",
                "in": "header",
                "name": "X-API-Key",
                "description": "The API key, for SDKs; an `api_key` in the body goes before it.",
            },
        },
    },
}
