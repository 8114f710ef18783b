"""What the HTML pages have in common: each is one file that loads nothing else."""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from darkroom.common.files import replacing, write_text


def write_page(path: Path, template: Path, **values: Any) -> None:  # noqa: ANN401 - what the template shows
    """Write an HTML page.

    Args:
        path: of the page.
        template: of Jinja, which may include files beside it; an undefined name in it is an error.
        values: what the template shows, by name. It is escaped.
    """
    loader = jinja2.FileSystemLoader(template.parent, encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined, loader=loader)
    with replacing(path) as temporary:
        write_text(temporary, environment.get_template(template.name).render(**values))


def encode(image: Image.Image, image_format: str, **options: Any) -> str:  # noqa: ANN401 - of Pillow
    """Return an image file in base64, as a data URI holds it."""
    content = io.BytesIO()
    image.save(content, image_format, **options)
    return base64.b64encode(content.getvalue()).decode()
