"""The report of a conversion to masks."""

from typing import Any

import numpy as np

from darkroom.annotations.draw import DrawnMask
from darkroom.annotations.findings import report_findings


def mask_report(splits: dict[str, list[DrawnMask]], names: list[str], left_out: list[str]) -> dict[str, Any]:
    """Return the report, ready for JSON.

    For each class and split it has the number of images with the class, its pixels, their share of all pixels that are
    not ignored, the number of objects, and the pixels of the smallest and of the largest object. What looks wrong is
    listed as `report_findings` does.

    Args:
        splits: the masks of each split, without those that could not be drawn.
        names: class names by id.
        left_out: why pairs and shapes were left out.
    """
    drawn = [one for masks in splits.values() for one in masks]
    classes: list[dict[str, Any]] = [{"name": name, "splits": {}} for name in names]
    for split, masks in splits.items():
        table = np.array([one.pixels for one in masks], np.int64).reshape(-1, 256)[:, : len(names)]
        total = max(1, int(table.sum()))
        for class_id, (entry, column) in enumerate(zip(classes, table.T, strict=True)):
            objects = [pixels for one in masks for pixels in one.objects.get(class_id, [])]
            entry["splits"][split] = {
                "images": int(np.count_nonzero(column)),
                "pixels": int(column.sum()),
                "share": round(float(column.sum()) / total, 6),
            }
            if objects:
                entry["splits"][split] |= {"objects": len(objects), "smallest": min(objects), "largest": max(objects)}
    return {
        "images": {split: len(masks) for split, masks in splits.items()},
        "classes": classes,
        "without_foreground": sum(not one.pixels[1 : len(names)].any() for one in drawn),
        "points_outside": sum(one.points_outside for one in drawn),
        "left_out": left_out,
        **report_findings(splits, names),
    }


def list_left_out(drawn: list[DrawnMask]) -> list[str]:
    """Return why masks, and shapes of other masks, were left out."""
    return [reason for one in drawn for reason in (*one.left_out, *([one.error] if one.error else []))]
