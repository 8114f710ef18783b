"""All models by name. Each is built from its parameters and the data's classes and image size."""

from collections.abc import Callable

import torch
from torch import nn

from darkroom.common.errors import UserError
from darkroom.models.fast_cnn import BIAS_LR_FACTOR, FastCNN
from darkroom.models.parameters import ClassifierParameters, SegmenterParameters

ModelParameters = ClassifierParameters | SegmenterParameters
IMAGES_TO_START_FROM = 5000
UNET_CHANNELS = (256, 128, 64, 32, 16)  # of the decoder, from the deepest stage on
SMALL_IMAGE = 128  # sides up to this get a stem that keeps the image's resolution


def build_model(parameters: ModelParameters, classes: int, image_size: tuple[int, int] | None) -> nn.Module:
    """A model from scratch, initialized by torch's global generator.

    Args:
        image_size: (height, width) in pixels, None where images vary in size.

    Raises:
        UserError: the model does not fit the images, or an argument names nothing.
    """
    return MODELS[parameters.name](parameters, classes, image_size)


def _fast_cnn(parameters: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    if min(image_size) < 10:
        raise UserError(f"params.yaml: model.name = fast_cnn: images of {image_size} pixels are too small; 10 at least")
    return FastCNN(classes, image_size, parameters.widths)


def _resnet18(parameters: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """torchvision's ResNet-18; on small images with the 3×3 stem of He et al. (arXiv:1512.03385), section 4.2."""
    import torchvision

    model = torchvision.models.resnet18(num_classes=classes)
    if max(image_size) <= SMALL_IMAGE:
        model.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    return model


def _segmenter(architecture: str) -> Callable[..., nn.Module]:
    def build(parameters: SegmenterParameters, classes: int, image_size: None) -> nn.Module:
        import segmentation_models_pytorch

        depth = parameters.encoder_depth
        own = {"decoder_channels": UNET_CHANNELS[-depth:]} if architecture == "Unet" else {}
        try:
            return getattr(segmentation_models_pytorch, architecture)(
                parameters.encoder, encoder_depth=depth, encoder_weights=None, classes=classes, **own
            )
        except (KeyError, ValueError) as error:
            raise UserError(f"params.yaml: model.encoder = {parameters.encoder}: {error.args[0]}") from None

    return build


MODELS: dict[str, Callable[..., nn.Module]] = {
    "fast_cnn": _fast_cnn,
    "resnet18": _resnet18,
    "unet": _segmenter("Unet"),
    "fpn": _segmenter("FPN"),
    "deeplabv3plus": _segmenter("DeepLabV3Plus"),
}


def initialize_from_images(model: nn.Module, sample: Callable[[int], torch.Tensor]) -> None:
    """Let a model that starts from data look at training images.

    Args:
        sample: gives that many normalized training images, float (n, 3, h, w).
    """
    if isinstance(model, FastCNN):
        model.initialize_from(sample(IMAGES_TO_START_FROM))


def bias_lr_factor(model: nn.Module) -> float:
    """By how much the model's biases learn faster than its weights."""
    return BIAS_LR_FACTOR if isinstance(model, FastCNN) else 1.0
