"""The page that tells a certificate's state: one HTML document in Chinese and English, without scripts, its style in a file."""

from __future__ import annotations

from html import escape
from typing import Any

from declarations.dateforms import SHANGHAI

MARKS = {"valid": "good", "used": "over"}
"""How a state looks; every other one is a warning."""
STYLE = """:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f9; color: #1b2a41; }
body { font: 1rem/1.6 "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.35; }
.en { display: block; font-size: .875em; color: #46546a; }
section, form { background: #fff; border: 1px solid #c9d1dc; border-radius: .5rem; padding: 1.25rem; margin: 1.25rem 0; }
.state { border-left: .6rem solid #a3202b; }
.state.good { border-left-color: #1b6e3c; }
.state.over { border-left-color: #46546a; }
.state h2 { margin: 0; font-size: 1.75rem; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .5rem .25rem; border-top: 1px solid #dde3ea; overflow-wrap: anywhere; }
th { width: 40%; font-weight: normal; }
label { display: block; margin: .75rem 0 .25rem; }
input { width: 100%; font: inherit; padding: .6rem; border: 1px solid #6b7a90; border-radius: .3rem; }
button { margin-top: 1rem; font: inherit; padding: .65rem 1.5rem; }
button { border: 0; border-radius: .3rem; background: #1b3a6b; color: #fff; }
a { color: #1b3a6b; }
:focus-visible { outline: 3px solid #b35c00; outline-offset: 2px; }
"""
_PAGE = """<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>出口岸许可证查询 Port clearance inquiry</title>
<link rel="stylesheet" href="/verify.css">
</head>
<body>
<main>
<h1>国际航行船舶出口岸许可证查询 <span class="en" lang="en">Port clearance inquiry</span></h1>
{state}
<form action="/verify" method="get">
{number}
{code}
<button type="submit">查询 <span lang="en">Inquire</span></button>
</form>
<p>请核对纸面上的船名、IMO 编号和签发时间是否与此处一致。
<span class="en" lang="en">Compare ship, IMO number and time of issue on the paper with what stands here.</span></p>
</main>
</body>
</html>
"""


def rendered(number: str, code: str, state: dict[str, Any] | None) -> str:
    """The whole page; `state` as the API replies, None before anything was asked."""
    return _PAGE.format(
        state="" if state is None else _state(state),
        number=_field("number", "证书编号", "Certificate number", number),
        code=_field("code", "校验码", "Code", code),
    )


def _state(told: dict[str, Any]) -> str:
    issued = told["issued_at"]
    lines = (
        ("证书编号", "Certificate number", told["number"]),
        ("船名", "Name of ship", told["ship_name_en"]),
        ("IMO 编号", "IMO number", told["imo_number"]),
        ("出口岸", "Port of clearance", told["port"]),
        ("签发时间", "Issued at", f"{issued.astimezone(SHANGHAI):%Y-%m-%d %H:%M} (UTC+8)" if issued else ""),
        ("已由新证替代", "Replaced by", told["replaced_by"]),
        ("查询时间", "Asked at", f"{told['as_of'].astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} (UTC+8)"),
    )
    rows = "\n".join(
        f'<tr><th scope="row">{zh} <span class="en" lang="en">{en}</span></th><td>{escape(str(value))}</td></tr>'
        for zh, en, value in lines
        if value
    )
    mark = MARKS.get(told["state"], "bad")
    words = f'{escape(told["state_zh"])} <span class="en" lang="en">{escape(told["state_en"])}</span>'
    return f'<section class="state {mark}" role="status">\n<h2>{words}</h2>\n<table>\n{rows}\n</table>\n</section>'


def _field(name: str, zh: str, en: str, value: str) -> str:
    return (
        f'<label for="{name}">{zh} <span class="en" lang="en">{en}</span></label>\n'
        f'<input id="{name}" name="{name}" value="{escape(value)}" maxlength="40" autocomplete="off" spellcheck="false" required>'
    )
