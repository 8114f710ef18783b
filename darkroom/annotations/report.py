"""What a conversion says of itself."""

import numpy as np

from darkroom.annotations.draw import Drawn


def mask_report(splits: dict[str, list[Drawn]], names: list[str], errors: list[str]) -> dict:
    """Of every class and split: images, objects and pixels, its share of all pixels that count, and its extremes.

    Args:
        splits: what was drawn for each, without errors.
        names: of the classes, by id.
        errors: why pairs and shapes were left out.
    """
    drawn = [one for ones in splits.values() for one in ones]
    report: dict = {
        "images": {split: len(ones) for split, ones in splits.items()},
        "classes": [{"name": name, "splits": {}} for name in names],
        "without_foreground": sum(not one.pixels[1 : len(names)].any() for one in drawn),
        "points_outside": sum(one.outside for one in drawn),
        "left_out": errors,
    }
    for split, ones in splits.items():
        table = np.array([one.pixels for one in ones], np.int64).reshape(-1, 256)[:, : len(names)]
        total = max(1, int(table.sum()))
        for value, (entry, column) in enumerate(zip(report["classes"], table.T, strict=True)):
            objects = [pixels for one in ones for pixels in one.objects.get(value, [])]
            entry["splits"][split] = {
                "images": int(np.count_nonzero(column)),
                "pixels": int(column.sum()),
                "share": round(float(column.sum()) / total, 6),
            }
            if objects:
                entry["splits"][split] |= {"objects": len(objects), "smallest": min(objects), "largest": max(objects)}
    return report


def left_out(drawn: list[Drawn]) -> list[str]:
    """Why pairs, and shapes of others, were left out."""
    return [reason for one in drawn for reason in (*one.left_out, *([one.error] if one.error else []))]
