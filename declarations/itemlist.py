"""The printed item list of a form, generated from the dictionary (docs/items-<form>.md), in Chinese and English."""

from __future__ import annotations

from declarations.dictionary import Form, Item

OBLIGATIONS = "M 必填 mandatory · C 条件必填 conditional · O 选填 optional"
CHARGES = (
    "运费、保费、杂费在纸质单证上各为一栏，在本字典中各为三项（标记、数额、币制）。",
    "The paper form counts freight, insurance and other charges as one box each; the dictionary as three items each.",
    "",
)
"""What is said above a list of goods: why its figure differs from the paper's."""


def item_list(form: Form) -> str:
    """Markdown: a table for the header and one for each group."""
    base = [item for item in form.items.values() if item.profile == "base"]
    shared = sum(len(item.obligations) > 1 for item in base)
    lines = [
        f"# 数据项清单 · Data items: {form.name}",
        "",
        f"<!-- Generated from mappings/forms/{form.name}.csv by `onewindow tables generate`: change the table. -->",
        "",
        f"基本数据项 {len(base)} 项，其中 {shared} 项由各机构共用、只填一次；扩展数据项 {len(form.items) - len(base)} 项。",
        f"{len(base)} base items, {shared} of them shared by the agencies and typed once; "
        f"{len(form.items) - len(base)} extension items.",
        "",
        *(_steps(form) if form.stepwise else CHARGES),
        OBLIGATIONS,
        "",
        *_table(form, "", "表头 · Header"),
    ]
    for group in form.groups.values():
        inside = f"（在 {form.groups[group.parent].name_zh} 内 · inside {group.parent}）" if group.parent else ""
        lines += _table(form, group.group, f"{group.name_zh} · {group.name_en} `{group.group}`{inside}")
    return "\n".join(lines) + "\n"


def _steps(form: Form) -> list[str]:
    """The steps a form is filed in, with the agencies of each, and how the column of steps is read."""
    return [
        "环节一栏列出 M、C 生效的环节（`filing_scope`），空白为每一环节；在其他环节该项选填。",
        "The column of steps names the steps (`filing_scope`) at which M and C hold, blank = at each; elsewhere the item is "
        "optional.",
        "",
        *(
            f"- `{scope}`: {', '.join(name for name in form.agencies if name in form.scopes[scope])}"
            for scope in form.scopes
        ),
        "",
    ]


def _table(form: Form, group: str, title: str) -> list[str]:
    agencies = " | ".join(form.agencies)
    steps = " 环节 step |" if form.stepwise else ""
    return [
        f"## {title}",
        "",
        f"| 数据项 item | 名称 | name | 类型 type | 代码表 list |{steps} {agencies} | profile | WCO | 说明 hint |",
        "|" + "---|" * (8 + len(form.agencies) + form.stepwise),
        *(_line(form, item) for item in form.group_items(group)),
        "",
    ]


def _line(form: Form, item: Item) -> str:
    marks = " | ".join(item.obligations.get(agency, "") for agency in form.agencies)
    hint = " ".join(part for part in (item.hint_zh, item.hint_en) if part).replace("|", "\\|")
    steps = f" {' '.join(item.steps)} |" if form.stepwise else ""
    return (
        f"| `{item.item_id}` | {item.name_zh} | {item.name_en} | {item.type} {item.format} | {item.code_list} |{steps} {marks} "
        f"| {item.profile} | {item.wco_id} | {hint} |"
    )
