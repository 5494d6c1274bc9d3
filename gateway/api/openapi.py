"""What routers say of their doors for the API's documentation: which shape a reply has, with an example, and what is refused.

None of it is asked while a request is answered: handlers reply with their own bytes, and the tests hold both together.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from declarations.errors import InvalidDeclaration
from gateway import problems
from gateway.api import shapes_desk, shapes_filing, shapes_people, shapes_ships
from gateway.api.openapi_example import DECLARATION as FORM_EXAMPLE
from gateway.api.openapi_schemas import reference

Documented: TypeAlias = dict[int | str, dict[str, Any]]

_TABLES = (shapes_filing.SHAPES, shapes_people.SHAPES, shapes_desk.SHAPES, shapes_ships.SHAPES)
SHAPES = {name: shape for table in _TABLES for name, shape in table.items()}
assert len(SHAPES) == sum(map(len, _TABLES)), "two shapes are called the same"
FORM_SCHEMA = "MergedDeclaration"
"""Any of the forms."""
DESCRIPTION = """File one merged declaration, of goods or of a ship's call, and get one combined answer from all agencies.

一次填报，货物向海关、检验检疫申报，船舶向海关、检验检疫、海事、边检申报，状态合并反馈。

Send a bearer token: a machine's key, an OAuth2 access token, or the content of `<data-dir>/secrets/clients/default.token`. Or log
in and send the cookie, with the header `Onewindow-CSRF` for every change. Refusals are `application/problem+json` (RFC 9457) with
a stable `code`, words in English (`detail`) and Chinese (`detail_zh`), and all `faults` at once. Replies may get more members:
ignore what you do not know. Times are RFC 3339. Links of a reply name the doors its ids lead to.

请求须带令牌（接口密钥、OAuth2 访问令牌或令牌文件的内容），或登录后使用会话 Cookie，修改时另附 `Onewindow-CSRF` 请求头。拒绝一律为
`application/problem+json`：程序按 `code` 处理，`detail_zh` 供人阅读，`faults` 一次列出全部错误。
"""
FAULT = {
    "code": "R-WGT-01",
    "item": "total_net_mass",
    "pointer": "/total_net_mass",
    "line": 34,
    "message_zh": "净重不得大于毛重",
    "message_en": "net mass must not exceed gross mass",
    "agency": None,
    "severity": "error",
}
_ID = "D01KAHJ3R6V0N7E9QK2M4T8WXYZ"
_REFERENCE = {"id": _ID, "reference": "SWSH2015B00000001"}
RECEIPT = "eyJhbGciOiJFZERTQSIsImtpZCI6…"
FILED: dict[str, Any] = {
    **_REFERENCE,
    "status_zh": "已申报",
    "status_en": "Filed",
    "on_behalf_of": None,
    "warnings": [],
    "receipt": RECEIPT,
    "legs": [{"agency": "customs", "message": "DecMessage", "version": "2015", "state": "queued"}],
    "links": {
        "self": f"/api/v1/declarations/{_ID}",
        "timeline": f"/api/v1/declarations/{_ID}/timeline",
        "messages": f"/api/v1/declarations/{_ID}/messages",
    },
}
DECLARATION: dict[str, Any] = {
    **_REFERENCE,
    "form": "goods",
    "scope": "customs_only",
    "direction": "I",
    "status": "action_needed",
    "status_zh": "需办理",
    "status_en": "Action needed",
    "next_steps": [{"agency": "customs", "actor": "trader", "kind": "pay", "zh": "缴纳税款", "en": "Pay the duties"}],
    "legs": {"customs": {"state": "assessed", "code": "T", "obligations": [{"kind": "pay"}], "faults": []}},
    "numbers": {"customs_entry": "222520151000000001"},
    "warnings": [],
}
FOUND: dict[str, Any] = {
    "items": [{**_REFERENCE, "scope": "customs_only", "direction": "I", "legs": {"customs": "released"}}]
}
WITHDRAWN: dict[str, Any] = {**_REFERENCE, "status": "cancelled", "withdrawn": ["customs"], "not_withdrawn": []}
TIMELINE: dict[str, Any] = {"items": [{"zh": "已接收", "en": "Accepted", "code": "accepted", "actor": "default"}]}
MESSAGES: dict[str, Any] = {
    "items": [{"id": "M01KAHJ3R6V0N7E9QK2M4T8WXYZ", "direction": "out", "agency": "customs", "message": "DecMessage"}]
}
EXPLAINED: dict[str, Any] = {
    "agency": "inspection",
    "message": "ITF_DCL_IO_DECL",
    "items": [
        {
            "target": "ITF_DCL_IO_DECL/DespCtryCode",
            "value": "250",
            "item": "departure_destination_country_code",
            "pointer": "/departure_destination_country_code",
            "typed": "305",
            "line": "INS-0360",
            "how": "code",
            "code_row": {"path": "mappings/inspection/codes/CL_COUNTRY.csv", "code": "305", "agency_code": "250"},
        }
    ],
}
BYTES = {"type": "string", "format": "binary"}
_RETRY: dict[str, Any] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}, "required": True}}


def refusal(status: int, words: str, headers: dict[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
    """A refusal as a problem document. `facts` are those of its example."""
    code, title, detail, detail_zh = problems.FRAMEWORK.get(status, ("…", "…", "…", "…"))
    said = {"code": code, "title": title, "detail": detail, "detail_zh": detail_zh, "faults": [], **facts}
    content = {"schema": reference("Problem"), "example": problems.body(status, **said)}
    found = {"description": words, "content": {problems.MEDIA_TYPE: content}}
    return {**found, "headers": headers} if headers else found


REFUSALS: Documented = {
    400: refusal(400, "Cannot be read or understood"),
    401: refusal(
        401, "Not logged in, or no token, or an unknown one",
        {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
        code="unauthorised", title="Who is calling is not known", detail="this token is not known", detail_zh="令牌无效",
    ),
    403: refusal(
        403, "Not with this token, or not by this person",
        code="forbidden", title="This caller may not do this", detail="this needs the permission 'file'",
        detail_zh="该操作需要权限 file",
    ),
    404: refusal(404, "Not there, or not yours"),
    413: refusal(413, "Too large"),
    429: refusal(
        429, "Too many requests", _RETRY,
        code="too_many_requests", title="Too many requests", detail="ask more slowly", detail_zh="请求过于频繁",
    ),
    503: refusal(
        503, "Nothing can be stored now", _RETRY,
        code="storage_unavailable", title="Nothing can be stored now", detail="nothing can be stored now",
        detail_zh="目前无法保存",
    ),
}  # fmt: skip
"""Every address can refuse so."""


def conflict(words: str = "Its state does not allow this") -> Documented:
    """The 409 of a door."""
    told: dict[str, Any] = {
        "title": "The state does not allow this",
        "detail": "this was decided already",
        "detail_zh": "已有结论",
    }
    return {409: refusal(409, words, code="move_not_allowed", **told)}


def shown(shape: str, given: Any = None, words: str = "OK") -> dict[str, Any]:
    """One JSON reply: its shape by name, and what its example says; the document fills in the rest of the example."""
    content = {"schema": reference(shape), "example": {} if given is None else given}
    return {"description": words, "content": {"application/json": content}}


def answers(
    shape: str, given: Any = None, refusals: Documented | None = None, *, status: int = 200, words: str = "OK"
) -> dict[str, Any]:
    """Route arguments that document a JSON reply, and refusals that are this address's own."""
    return {"responses": {status: shown(shape, given, words), **(refusals or {})}}


def stored(*media_types: str, words: str = "The stored bytes") -> dict[str, Any]:
    """Route arguments of a door that hands out bytes as they are."""
    schemas = {each: {"type": "object"} if each == "application/json" else BYTES for each in media_types}
    content = {each: {"schema": schema} for each, schema in schemas.items()}
    return {"responses": {200: {"description": words, "content": content}}}


_TOKEN_REFUSED = {
    "application/json": {"schema": reference("TokenRefused"), "example": {"error": "invalid_client"}},
    problems.MEDIA_TYPE: {},
}
OAUTH_REFUSALS: Documented = {
    400: {"description": "RFC 6749 section 5.2; what cannot be read at all, as everywhere", "content": _TOKEN_REFUSED},
    401: {"description": "RFC 6749 section 5.2: `invalid_client`", "content": _TOKEN_REFUSED},
}
"""The token endpoint refuses as its own standard says."""
INVALID: Documented = {
    422: refusal(
        422, "The declaration has faults; nothing was stored",
        code="invalid_declaration", title=problems.STATUS[InvalidDeclaration][1], detail="the declaration has 1 fault",
        detail_zh="申报单有 1 处错误", faults=[FAULT],
    ),
}  # fmt: skip
FORM_TAKEN: dict[str, Any] = {
    "responses": {413: REFUSALS[413], 415: refusal(415, "Neither XML nor JSON")},
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": reference(FORM_SCHEMA), "example": FORM_EXAMPLE},
                # the XML form of the same example is put in where the form's table is known
                "application/xml": {"schema": {"type": "string"}},
                "text/xml": {"schema": {"type": "string"}},
            },
        }
    },
}
"""Route arguments of an address that takes a declaration in XML or JSON."""
ACCEPTED: Documented = {
    202: {
        **shown("Filed", FILED, "Kept, and queued to its agencies"),
        "headers": {
            "Location": {"description": "Where to follow it", "schema": {"type": "string"}, "required": True},
            "Idempotent-Replayed": {"description": "The reply of the first time", "schema": {"const": "true"}},
        },
    },
}


def files_declaration() -> dict[str, Any]:
    """Route arguments of an address that files a declaration."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]*$"},
        "description": "The same key with the same body gets the same answer; with another body, 409",
    }
    checked = {"valid": True, "faults": [], "on_behalf_of": None}
    return {
        "responses": {
            **FORM_TAKEN["responses"],
            **INVALID,
            **conflict("Already filed, or the key came with another body"),
            **ACCEPTED,
            200: shown("Checked", checked, "Checked only"),
        },
        "openapi_extra": {**FORM_TAKEN["openapi_extra"], "parameters": [key]},
    }
