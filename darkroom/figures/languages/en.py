"""English."""

from darkroom.figures.languages import Texts

TEXTS = Texts(
    lang="en",
    fonts="system-ui, sans-serif",
    title="{}: report",
    summary="{task}, trained on {train:,} {train_unit} for {epochs} epochs on {device} in {precision}. "
    "On {test:,} {test_unit} the {score} is {value:.4f}.",
    kinds={
        "classification": "A classification of {} classes",
        "points": "A classification of points in {} classes",
        "regression": "A regression",
        "segmentation": "A segmentation of {} classes",
    },
    units={"images": ("images", "test images"), "points": ("points", "test points")},
    scores={"accuracy": "accuracy", "mean_iou": "mean iou", "r2": "r2"},
    headings={
        "metrics": "Test metrics",
        "metric": "metric",
        "value": "value",
        "classes": "Classes",
        "table_of_classes": "Table of the classes",
        "parameters": "Parameters",
        "parameter": "parameter",
    },
    colon=": ",
    stop=".",
    captions={
        "learning_curves": (
            "Learning curves",
            "If the training score still improves while the validation score does not, the model overfits. If "
            "both curves still improve at the end, more epochs would help.",
        ),
        "learning_rate": (
            "Learning rate",
            "Where the learning rate falls, the loss should fall too.",
        ),
        "confusion": (
            "Confusion matrix",
            "Each row is a true class, and its shares add up to one. A dark cell off the diagonal is a frequent "
            "error: the class of its row is predicted as the class of its column.",
        ),
        "classes": (
            "Classes",
            "The dashed line is the metric over all classes. Classes whose bars end far to the left of it need "
            "attention.",
        ),
        "confused_pairs": (
            "Most frequent errors",
            "Two classes that are confused in both directions are hard to tell apart. A confusion in one "
            "direction only points to a bias.",
        ),
        "confident_errors": (
            "Most confident errors",
            "Errors with high confidence are often wrong labels, or images that show two classes.",
        ),
        "predictions": (
            "Predictions",
            "Correct predictions are green, errors are red. Up to half of the images are chosen to be errors.",
        ),
        "layer_cam": (
            "Layer-CAM",
            "Bright places speak for the named class. A model whose bright places lie in the background has "
            "learned the wrong features. In an error, they show which part of the object misled the model.",
        ),
        "feature_maps": (
            "Feature maps",
            "Each channel of a convolution responds to other edges and colours. Pooling makes the maps smaller "
            "and keeps the largest value, or the mean, of each region.",
        ),
        "regions": (
            "Decision regions",
            "Where two colours meet, the predicted class changes. A border that bends around single points is a "
            "sign of overfitting. A border that is straight where the data bend shows that the model is too "
            "simple.",
        ),
        "fit": (
            "Fitted curve",
            "A curve that passes through every training point fits the noise. A curve that misses the bends of "
            "the data belongs to a model that is too simple, or was trained too briefly. Beyond the dotted lines "
            "there are no training points.",
        ),
        "reliability": (
            "Reliability",
            "The confidence is calibrated on the validation split. Bars below the dashed line mean that the model is "
            "still too confident, bars above it that it is not confident enough.",
        ),
        "ranks": (
            "Rank of the true class",
            "A high share at rank 2 means that the model often comes close. A high share of later ranks means "
            "that it does not recognize the class.",
        ),
        "overlays": (
            "Overlays",
            "Image, true mask and predicted mask of the test images with the worst and the best mean IoU. Look "
            "for what the worst images have in common.",
        ),
        "objects": (
            "Objects by size",
            "Low recall of small objects means that the model misses them. Low precision means that it predicts "
            "objects that are not there.",
        ),
        "annotations": (
            "Annotations",
            "If the colours of an overlay do not lie on the objects, the annotation or its conversion is wrong.",
        ),
    },
    names={},
    check={
        "title": "{}: check by eye",
        "shown": "{} of {} images: those that look most suspicious first, then an even sample of the others.",
        "all": "All {} images, those that look most suspicious first.",
        "class": "Class",
        "all_classes": "all classes",
        "sort": "Sort by",
        "suspicion": "all findings together",
        "name": "name",
        "view": "View",
        "overlay": "overlay",
        "image": "image",
        "mask": "mask",
        "opacity": "Opacity",
        "visible": "{} images shown",
        "open": "Open {}",
        "copy": "Copy name",
        "copy_name": "Copy the name {}",
        "copied": "Copied: {}",
        "leave_out": "Leave out",
        "leave_out_name": "Leave out {}",
        "to_leave_out": "For params.yaml, to leave these images out",
        "copy_list": "Copy",
        "clear": "Clear",
        "missing": "Left out of the conversion: {}",
        "ignored": "ignored",
        "background": "background",
        "legend": "Classes and their colours",
        "pairs": "Images",
        "close": "Close",
        "previous": "Previous",
        "next": "Next",
        "larger": "Larger",
        "smaller": "Smaller",
        "meaning": "What the findings mean",
        "keys": "Keys",
        "key_arrows": "from image to image",
        "key_enter": "open the image",
        "key_escape": "close it",
        "key_o": "overlay on or off",
        "key_m": "mask alone, or not",
        "key_c": "copy the name",
        "key_x": "leave the image out, or not",
        "key_zoom": "larger, smaller, as large as fits",
    },
    findings={
        "left_out": ("Shapes left out", "They could not be used, and are missing from the mask."),
        "unseen": ("Shapes without a pixel", "They are too small, or lie wholly outside of the image."),
        "empty": ("No foreground", "The mask is black: was the image annotated at all?"),
        "alike": ("Same image, another mask", "An image that looks the same is annotated in another way."),
        "outside": (
            "Points outside",
            "Annotated points lie outside of the image. Many mean that it was annotated at another size.",
        ),
        "full": ("One class covers nearly all", "Is a class taken for the background, or was it filled by mistake?"),
        "once": ("Class of this image alone", "A class that no other image has is often a typo."),
        "tiny": ("Tiny objects", "Regions of a few pixels are often slips of the mouse or rests of a brush."),
        "turned": ("Photo stored turned", "Its EXIF orientation turns it. Does the mask lie on the objects?"),
        "border": ("Objects at the border", "They may be cut off, or go on outside. In most data sets some do."),
    },
)
