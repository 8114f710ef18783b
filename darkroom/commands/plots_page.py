"""Write the page that `dvc plots show` fills. It contains the chart library, so that it works without a network."""

from pathlib import Path

from darkroom.common.files import replacing, write_text

PAGE = Path(".dvc/plots_page.html")  # `plots.html_template` in .dvc/config names it
# DVC replaces the names in braces. Its name {scripts}, which would load the library from the network, is left out.
# The charts are drawn as SVG, which prints well.
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
    """Write the page. The chart library is the one that vl-convert-python contains."""
    import vl_convert

    library = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # the stub requires a snippet; the library does not
    library = library.replace("</script", "<\\/script")
    with replacing(PAGE) as temporary:
        write_text(temporary, HEAD + library + TAIL)
