"""How much of anything we read: one set of limits for every door, each far beyond what the trade needs.

They bound memory and time before anybody walks what was sent. How many bytes a request may have is a setting
(`ONEWINDOW_MAX_BODY_BYTES`), because it depends on the machine.
"""

from __future__ import annotations

MAX_ELEMENTS = 150_000
"""Elements, objects, rows of one document: twice a cruise ship's 900 crew and 3,000 passengers, the largest plausible form."""
MAX_ATTRIBUTES = 20_000
"""Attributes and namespaces of one XML document; a form has one."""
MAX_DEPTH = 100
"""Levels of nesting where a fault points; the deepest form has five. The readers stop by themselves: XML at 256, JSON below
1,000."""
MAX_VALUE = 20_000
"""Characters of one value: longer ones are not even asked about their pattern."""
MAX_SHEET = 10_000_000
"""Bytes of a spreadsheet as it is sent."""
MAX_SHEET_UNPACKED = 60_000_000
"""Bytes of a workbook's parts together: a cruise ship's 3,000 passengers are 3 million."""
MAX_SHEET_PARTS = 200
"""Files in a workbook."""
MAX_SHEET_ROWS = 6_000
"""Rows of a group in one spreadsheet: the largest cruise ships carry some 6,000 passengers."""
MAX_SHEET_CELLS = 600_000
"""Cells, texts and styles of a workbook each, empty ones too: 6,000 rows of the widest group are 200,000."""
MAX_SHEET_COLUMNS = 256
"""Columns with something in them; the widest group has 30."""
MAX_ANSWER = 1_048_576
"""Bytes of an agency's answer: one is a few kilobytes."""
MAX_PARAMETERS = 1_048_576
"""Bytes of a request's JSON that is no declaration (a mandate, a log-in, an approval)."""
MAX_MESSAGE = 20_000_000
"""Bytes of one message as an agency takes it."""
MAX_ARCHIVED = 4_000_000_000
"""Bytes of one archived declaration, which the window wrote itself."""
MAX_MEMBERS = 1_000
"""Files in a ZIP: those of an exchange have two, those of the archive some hundreds."""
MAX_UNPACKED = 200_000_000
"""Bytes of a ZIP's files together, counted while unpacking: what it says of their size is not believed."""
MAX_RATIO = 200
"""How many times larger than packed one file of a ZIP may be, once it is larger than SMALL. XML of ours packs 20 times."""
SMALL = 1_000_000
"""Bytes up to which the ratio is of no interest."""
