"""English."""

from darkroom.figures.languages import Texts

TEXTS = Texts(
    lang="en",
    fonts="system-ui, sans-serif",
    title="{}: report",
    summary="{task}, trained on {train:,} {train_unit} for {epochs} epochs on {device} in {precision}.",
    facts={
        "score": "The {score} is {value:.3f} on {images:,} {unit}.",
        "score_interval": "The {score} is {value:.3f} on {images:,} {unit}; its 95 % interval is {low:.3f} to "
        "{high:.3f}.",
        "not_audited": "The data were not audited for leaks and wrong labels. "
        "`dvc exp run -S tasks.{task}.audit.enabled=true plot@{task}` does it.",
        "no_leaks": "The audit found no test image that training or validation has too.",
        "leaked": "{count:,} {unit} are in training or validation too. Without them the {score} is {value:.3f}.",
        "all_leaked": "All {images:,} {unit} are in training or validation too: the {score} says nothing of new data.",
        "doubtful": "{count:,} {unit} probably have a wrong label. Without them and leaked ones the {score} is "
        "{value:.3f}.",
        "gap": "In training the {score} is {train:.3f}, in validation {validation:.3f}.",
        "calibration": "The confidence is off by {after:.3f} on average. Before it was calibrated, it was off by "
        "{before:.3f}.",
        "corruptions": "Under corruptions of the test images the {score} is {value:.3f} on average, and "
        "{worst_value:.3f} under {worst}.",
        "class": "{name}: {value:.3f}",
        "class_confused": "{name}: {value:.3f}, most often taken for {other}",
    },
    advice={
        "leave_out_leaked": "{count:,} {unit} are in training or validation too. Look at them in audit.html, and leave "
        "the copies out by `tasks.{task}.audit.leave_out`.",
        "look_at_labels": "{count:,} labels are probably wrong. Look at them in audit.html, surest first, and correct "
        "them or leave them out.",
        "look_at_masks": "In {count:,} masks the model is sure of another class in some region. Look at them in "
        "audit.html: either the mask or the model is wrong.",
        "no_validation": "There is no validation split, so nothing tells overfitting, and the confidence is not "
        "calibrated. Set `tasks.{task}.validation` to 0.1.",
        "overfits": "The model knows its training data much better than new ones ({train:.3f} against "
        "{validation:.3f}). Try more augmentation (`tasks.{task}.augment`), more `train.weight_decay`, or more data.",
        "more_epochs": "The validation score still rose by {rise:.3f} at the end of {epochs} epochs. Try more "
        "`train.epochs`.",
        "fewer_epochs": "The best epoch was {kept} of {epochs}. Fewer `train.epochs` do, or set `train.patience`.",
        "weak_class": "The class {name} is far below the others ({value:.3f}). Look at its images; it may need more of "
        "them.",
        "weak_class_confused": "The class {name} is far below the others ({value:.3f}), and most often taken for "
        "{other}. Look at images of both; it may need more of them.",
        "imbalance": "The largest class has {ratio:.1f} times as many training images as the smallest. Try "
        "`train.sampler: balanced` or `train.class_weights: balanced`.",
        "poorly_calibrated": "The confidence is off by {error:.3f} on average. A larger validation split calibrates it "
        "better.",
        "few_test": "With {images:,} {unit} the score is known to ±{width:.3f}. Smaller differences between two runs "
        "cannot be seen in it; `python -m darkroom compare` and several seeds see more.",
        "worst_corruption": "Under {name} the {score} falls to {value:.3f}. Augmentation with similar changes helps, "
        "if such images matter.",
        "nothing": "Nothing stands out. Compare this run with another by `python -m darkroom compare`.",
    },
    kinds={
        "classification": "A classification of {} classes",
        "points": "A classification of points in {} classes",
        "regression": "A regression",
        "segmentation": "A segmentation of {} classes",
    },
    units={"images": ("images", "test images"), "points": ("points", "test points")},
    scores={"accuracy": "accuracy", "mean_iou": "mean iou", "r2": "r2"},
    headings={
        "facts": "In short",
        "worst": "Worst classes",
        "advice": "What to do next",
        "contents": "Contents",
        "skip": "Skip to the metrics",
        "figures": "Figures",
        "audit": "Findings of the audit",
        "check": "Masks to check by eye",
        "card": "Model card",
        "interval": "95 % interval",
        "metrics": "Test metrics",
        "metric": "metric",
        "value": "value",
        "classes": "Classes",
        "table_of_metrics": "Table of the test metrics",
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
        "corruptions": (
            "Corruptions",
            "Each row is a corruption of the test images, and its damage grows from severity 1 to 5. A row that "
            "darkens early shows what the model relies on: fine detail, colours, contrast or the size of objects. "
            "Augmentation with similar changes helps.",
        ),
        "attacks": (
            "Attacks",
            "Each attack changes every pixel by at most so many grey levels, too little to be seen, in the direction "
            "that misleads this model most. A model that was not trained against attacks falls to 0 within a few "
            "grey levels.",
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
    audit={
        "title": "{}: audit of the data",
        "scores": "Test score",
        "images_counted": "test images",
        "value": "value",
        "interval": "95 % interval",
        "score": "{} of all",
        "score_without_leaked": "{} without leaked ones",
        "score_without_doubtful": "{} without leaked ones and likely wrong labels",
        "counts": "Counts",
        "findings": "Findings",
        "none": "Nothing looks wrong.",
        "some": "{} of {} findings: the surest ones of each kind.",
        "all": "All {} findings, the surest ones of each kind first.",
        "meaning": "What the findings mean",
        "keys": "Keys",
        "key_arrows": "from finding to finding",
        "key_c": "copy the name",
        "key_x": "leave the image out, or not",
        "kind": "Kind",
        "all_kinds": "all kinds",
        "split": "Split",
        "all_splits": "all splits",
        "train": "training",
        "validation": "validation",
        "test": "test",
        "size": "Size of the pictures",
        "legend": "Classes and their colours",
        "ignored": "ignored",
        "leave_out_all": "Leave out the first image of all shown",
        "to_leave_out": "For params.yaml, under {}, to leave these images out",
        "copy_list": "Copy",
        "clear": "Clear",
        "copy": "Copy name",
        "copy_name": "Copy the name {}",
        "copied": "Copied: {}",
        "leave_out": "Leave out",
        "leave_out_name": "Leave out {}",
        "visible": "{} findings shown",
        "alone": "Image",
        "image": "Image",
        "other": "Repeats",
        "photo": "image",
        "mask": "mask",
        "predicted": "predicted mask",
        "suggested": "{}: probably {}",
        "differs": "Differs: {}",
        "comma": ", ",
    },
    audit_kinds={
        "exact_duplicate": (
            "Exact duplicate",
            "Both images have the same pixels. Across splits, the test measures what the model has seen in training.",
        ),
        "near_duplicate": (
            "Near duplicate",
            "Both images show the same photo: mirrored, shifted, cropped, compressed or of another brightness.",
        ),
        "label_error": (
            "Likely wrong label",
            "Networks that did not see the image in training are sure of another class than the one it has.",
        ),
        "mask_error": ("Likely wrong mask", "The model is sure of another class in a region: either of them is wrong."),
        "boundary_error": ("Likely wrong boundary", "The boundary of the mask is far from the predicted one."),
        "outlier": ("Outlier", "The image is unlike all others. Does it belong to the data set?"),
        "blank": ("Blank image", "Nearly all pixels have one colour."),
        "corrupt": ("Damaged file", "It does not decode as an image."),
        "tiny": ("Tiny image", "It is much smaller than most."),
        "odd_size": ("Unusual size", "Its area or its shape is far from that of most images."),
    },
    audit_counts={
        "exact_duplicates": "exact duplicates",
        "near_duplicates": "near duplicates",
        "leaked": "leaked test images",
        "label_errors": "likely wrong labels",
        "mask_errors": "likely wrong masks",
        "boundary_errors": "likely wrong boundaries",
        "imbalance": "largest class of training by the smallest",
        "outliers": "outliers",
        "blank": "blank images",
        "corrupt": "damaged files",
        "tiny": "tiny images",
        "odd_size": "images of unusual size",
    },
    audit_notes={
        "mirrored": "mirrored",
        "shifted": "shifted",
        "scaled": "another crop",
        "brighter": "brighter",
        "darker": "darker",
        "contrast": "contrast",
        "colour": "colour",
        "pixels": "single pixels",
    },
)
