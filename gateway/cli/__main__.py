"""`python -m gateway.cli`: the same as the `onewindow` command; the supervisor starts its children this way."""

from gateway.cli import app

app(prog_name="onewindow")
