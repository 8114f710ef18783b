"""The page that `dvc plots show` fills, with the library that draws its charts inside: no network needed."""

from pathlib import Path

from darkroom.common.files import replacing

PAGE = Path(".dvc/plots_page.html")  # as `plots.html_template` in .dvc/config names it
# The places in braces are DVC's; its own {scripts}, which would load the library, is left out. As SVG, charts
# print well.
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Darkroom</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem; }
img { max-width: 100%; height: auto; }
table { border-spacing: 1rem; }
</style>
<script>
(function () {
"""
TAIL = """
const embed = window.vegaEmbed;
window.vegaEmbed = (place, chart) => embed(place, chart, { renderer: "svg" });
})();
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def write_plots_page() -> None:
    """Write the page; the library is that which vl-convert-python carries."""
    import vl_convert

    library = vl_convert.javascript_bundle().replace("</script", "<\\/script")
    with replacing(PAGE) as temporary:
        temporary.write_text(HEAD + library + TAIL, encoding="utf-8")
