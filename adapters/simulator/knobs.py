"""Knobs of a simulated agency: how slow and how unreliable its world is. In the environment: ONEWINDOW_SIM_…."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from declarations.errors import BadConfiguration

PREFIX = "ONEWINDOW_SIM_"


@dataclass(frozen=True)
class Knobs:
    """All off by default. Probabilities are per answer, 0 to 1; the same seed and message give the same troubles."""

    delay_scale: float = 1.0
    """Every waiting time of the scripts times this; 0 answers as fast as it can."""
    duplicates: float = 0.0
    """An answer comes twice, byte for byte."""
    reorder: float = 0.0
    """An answer changes places in time with the one after it."""
    loss: float = 0.0
    """An answer never comes."""
    corruption: float = 0.0
    """A damaged copy comes ahead of the sound answer."""
    seed: int = 0

    def __post_init__(self) -> None:
        faults = [name for name in ("duplicates", "reorder", "loss", "corruption") if not 0 <= getattr(self, name) <= 1]
        if not 0 <= self.delay_scale <= 100_000:
            faults.append("delay_scale")
        if faults:
            names = ", ".join(faults)
            raise BadConfiguration(f"simulator knobs out of range: {names}", f"模拟机构参数超出范围：{names}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Knobs:
        """Reads ONEWINDOW_SIM_DELAY_SCALE and so on, one for each field; raises BadConfiguration."""
        kinds: dict[str, type[float]] = {field.name: int if field.name == "seed" else float for field in fields(cls)}
        values: dict[str, float] = {}
        for variable, text in environment.items():
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX).lower()
            try:
                values[name] = kinds[name](text)
            except (KeyError, ValueError):
                raise BadConfiguration(
                    f"{variable}={text}: no such knob or no number", f"{variable}={text}：没有此参数或不是数字"
                ) from None
        return cls(**values)  # type: ignore[arg-type]  # seed went through int above
