"""What every operation of the OpenAPI description shares."""

from typing import Any

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail", "code"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer (RFC 6901) into the body.",
                    },
                    "parameter": {
                        "type": "string",
                        "description": "The query parameter, when one is at fault.",
                    },
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "urn:cro-portal:problem:invalid",
            "title": "The request is not valid",
            "status": 400,
            "detail": "1 value is not valid; see errors.",
            "instance": "/api/v1/match/",
            "errors": [
                {
                    "pointer": "/participants",
                    "detail": "A valid integer is required.",
                    "code": "invalid",
                }
            ],
        }
    ],
}

ALWAYS = {
    "400": "The request is not valid.",
    "401": "No valid token and no session.",
    "403": "This may not be done with this token or role.",
    "404": "No such object, or not one of yours.",
    "406": "Only JSON is available.",
    "429": "Too many requests; Retry-After says when to come again.",
}
WITH_BODY = {
    "413": "The body is too large.",
    "415": "The body must be application/json.",
}
WITH_HEADER = {
    "If-Match": {
        "412": "It has changed since you read it.",
        "428": "An If-Match header is required.",
    },
    "Idempotency-Key": {
        "409": "Your sponsor has this registry number already.",
        "422": "The key came with another body before.",
    },
}
METHODS = {"get", "post", "put", "patch", "delete"}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of each operation which problems it may answer with."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for path in result["paths"].values():
        for method in METHODS & path.keys():
            operation = path[method]
            described = ALWAYS | (WITH_BODY if "requestBody" in operation else {})
            for parameter in operation.get("parameters", ()):
                described |= WITH_HEADER.get(parameter["name"], {})
            for status, description in described.items():
                operation["responses"].setdefault(
                    status,
                    {
                        "description": description,
                        "content": {
                            "application/problem+json": {
                                "schema": {"$ref": "#/components/schemas/Problem"}
                            }
                        },
                    },
                )
    return result
