"""The page that shows the API, with its script in a file of its own: a page with scripts inside could not forbid others'.

The viewer itself (Swagger UI) comes from a package and not from a CDN, so that the page opens on a closed network.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

_FILES = "/static-offline-docs"
_PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>onewindow API</title>
<link rel="stylesheet" href="{_FILES}/swagger-ui.css">
<link rel="icon" href="{_FILES}/favicon.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{_FILES}/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_SCRIPT = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""


def install(app: FastAPI) -> None:
    """Show the page at `/docs`."""
    app.add_api_route("/docs", docs_page, include_in_schema=False)
    app.add_api_route("/docs/start.js", docs_script, include_in_schema=False)


async def docs_page() -> Response:
    return HTMLResponse(_PAGE)


async def docs_script() -> Response:
    return Response(_SCRIPT, media_type="text/javascript")
