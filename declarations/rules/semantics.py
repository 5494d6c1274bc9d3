"""The few canonical values whose meaning rules are about, named once. Everything an agency may change is in tables."""

IMPORT = "I"
"""trade_direction_code: goods come in."""
EXPORT = "E"
"""trade_direction_code: goods go out."""
YES = "1"
"""An indicator that is set (CL_YES_NO)."""
EITHER_WAY = "both"
"""direction attribute of a code that serves imports and exports."""
DIRECTION_WORDS = {IMPORT: ("进口", "import"), EXPORT: ("出口", "export")}
"""Direction in words, zh and en."""
