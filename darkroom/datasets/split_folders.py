"""Folders whose names stand for a split, such as `train2017` and `val`."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from darkroom.common.errors import UserError

SPLIT_WORDS = {
    **dict.fromkeys(["train", "training", "trn"], "train"),
    **dict.fromkeys(["val", "valid", "validation", "validate", "dev"], "validation"),
    **dict.fromkeys(["test", "testing", "tst", "eval", "evaluation"], "test"),
}
# Words that may stand beside a split's word, as in seg_train. With another word the folder may be a class: test_tube.
NEUTRAL_WORDS = {
    "set", "data", "dataset", "split", "image", "images", "img", "imgs", "mask", "masks", "label", "labels",
    "annotation", "annotations", "seg", "prepped",
}  # fmt: skip
WORDS = re.compile(r"[^\W\d_]+")


def split_word(folder: str) -> str | None:
    """Return the word of `SPLIT_WORDS` in a folder's name, such as train in images_train; None if there is none."""
    words = WORDS.findall(folder.lower())
    found = [word for word in words if word in SPLIT_WORDS]
    return found[0] if len(found) == 1 and NEUTRAL_WORDS.issuperset(set(words) - {found[0]}) else None


def split_of(folder: str) -> str | None:
    """Return the split that a folder's name stands for; None if it stands for none."""
    return SPLIT_WORDS.get(split_word(folder) or "")


def split_in(name: str) -> str | None:
    """Return the split of a file: that of the innermost folder on its path `name` that stands for one, else None."""
    folders = reversed(PurePosixPath(name).parts[:-1])
    return next((split for split in map(split_of, folders) if split), None)


def split_in_file_name(name: str) -> str | None:
    """Return the split of an annotation file: that of the first word of its name that stands for one, else of its path.

    Such a name is `instances_val2017.json`.
    """
    words = WORDS.findall(PurePosixPath(name).stem.lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), split_in(name))


def check_splits(names: Iterable[str], where: str) -> None:
    """Refuse two folders that stand for the same split by different words, such as `val` and `dev`.

    Args:
        names: of the files, with their folders.
        where: the files come from, for the message.

    Raises:
        UserError: there are such folders.
    """
    first_of_split: dict[str, tuple[str, str]] = {}
    for folder in dict.fromkeys(part for name in names for part in PurePosixPath(name).parts[:-1]):
        word = split_word(folder)
        if word:
            other, other_word = first_of_split.setdefault(SPLIT_WORDS[word], (folder, word))
            if other_word != word:
                raise UserError(
                    f"{where}: has folders {other} and {folder}, which both stand for the {SPLIT_WORDS[word]} split; "
                    "rename one"
                )
