"""All models by name. Each is built from its parameters and the data's classes and image size."""

from collections.abc import Callable

import torch
from torch import nn

from darkroom.common.errors import UserError
from darkroom.models.fast_cnn import BIAS_LR_FACTOR, FastCNN
from darkroom.models.lenet import SMALLEST, LeNet
from darkroom.models.mlp import MLP
from darkroom.models.parameters import ClassifierParameters, PointModelParameters, SegmenterParameters
from darkroom.models.simple_cnn import SimpleCNN
from darkroom.models.wide_resnet import WideResNet

ModelParameters = ClassifierParameters | SegmenterParameters | PointModelParameters
IMAGES_TO_START_FROM = 5000
UNET_CHANNELS = (256, 128, 64, 32, 16)  # of the decoder, from the deepest stage on
SMALL_IMAGE = 128  # sides up to this get a stem that keeps the image's resolution


def build_model(parameters: ModelParameters, classes: int, image_size: tuple[int, ...]) -> nn.Module:
    """A model from scratch, initialized by torch's global generator.

    Args:
        classes: how many numbers it gives for each image, pixel or point.
        image_size: (height, width) of what it is trained on, in pixels; of points, how many features they have.

    Raises:
        UserError: the model does not fit the images, or an argument names nothing.
    """
    least = SMALLEST_IMAGE.get(parameters.name, 1)
    if min(image_size) < least:
        raise UserError(
            f"params.yaml: model.name = {parameters.name}: images of {image_size[0]}×{image_size[1]} pixels are too "
            f"small for it; {least} at least"
        )
    return MODELS[parameters.name](parameters, classes, image_size)


def _fast_cnn(parameters: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    return FastCNN(classes, image_size, parameters.widths)


def _simple_cnn(parameters: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    return SimpleCNN(classes, image_size, parameters.dropout)


def _lenet(modern: bool) -> Callable[..., nn.Module]:
    def build(_: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
        return LeNet(classes, image_size, modern)

    return build


def _mlp(parameters: PointModelParameters, outputs: int, size: tuple[int]) -> nn.Module:
    return MLP(*size, parameters.widths, outputs, parameters.activation)


def _vgg16_bn(_: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """torchvision's VGG-16 with batch normalization (arXiv:1409.1556), one linear layer behind its convolutions."""
    import torchvision

    model = torchvision.models.vgg16_bn(num_classes=classes)
    model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, classes)
    return model


def _resnet(parameters: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """timm's; on small images with the 3×3 stem of He et al. (arXiv:1512.03385), section 4.2."""
    import timm

    attention = {"attn_layer": parameters.attention} if parameters.attention != "none" else {}
    model = timm.create_model(parameters.name, num_classes=classes, block_args=attention)
    if max(image_size) <= SMALL_IMAGE:
        model.conv1, model.maxpool = _small_stem(64), nn.Identity()
    return model


def _wide_resnet(depth: int, widening: int) -> Callable[..., nn.Module]:
    def build(parameters: ClassifierParameters, classes: int, _: tuple[int, int]) -> nn.Module:
        own = parameters
        return WideResNet(classes, depth, widening, own.dropout, own.attention, own.residual, own.normalization)

    return build


def _dla34(_: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """timm's deep layer aggregation (arXiv:1707.06484); small images are halved one time less."""
    import timm

    small = max(image_size) <= SMALL_IMAGE
    multiple = 16 if small else 32
    if any(side % multiple for side in image_size):
        raise UserError(
            f"params.yaml: model.name = dla34: sides of {image_size[0]}×{image_size[1]} pixels are no multiples of "
            f"{multiple}, which it can halve throughout"
        )
    model = timm.create_model("dla34", num_classes=classes)
    if small:
        model.base_layer[0] = _small_stem(16)
        model.level1[0].stride = (1, 1)
    return model


def _vit(parameters: ClassifierParameters, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """timm's vision transformer (arXiv:2010.11929)."""
    from timm.models.vision_transformer import VisionTransformer

    if any(side % parameters.patch for side in image_size):
        raise UserError(
            f"params.yaml: model.patch = {parameters.patch}: images of {image_size[0]}×{image_size[1]} pixels have no "
            "whole number of patches"
        )
    return VisionTransformer(
        image_size, parameters.patch, num_classes=classes, embed_dim=parameters.width, depth=parameters.depth,
        num_heads=parameters.heads, drop_rate=parameters.dropout, proj_drop_rate=parameters.dropout,
    )  # fmt: skip


def _small_stem(channels: int) -> nn.Conv2d:
    stem = nn.Conv2d(3, channels, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    return stem


def _segmenter(architecture: str) -> Callable[..., nn.Module]:
    def build(parameters: SegmenterParameters, classes: int, _: tuple[int, int]) -> nn.Module:
        import segmentation_models_pytorch
        from huggingface_hub.utils import logging

        logging.set_verbosity_error()  # without a network each of its tries would say so
        depth, weights = parameters.encoder_depth, parameters.encoder_weights
        own = {"Unet": {"decoder_channels": UNET_CHANNELS[-depth:]}, "FPN": {"upsampling": 2 ** (depth - 3)}}
        try:
            return getattr(segmentation_models_pytorch, architecture)(
                parameters.encoder, encoder_depth=depth, encoder_weights=weights, classes=classes,
                **own.get(architecture, {}),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            raise UserError(
                f"params.yaml: model.encoder = {parameters.encoder}, model.encoder_weights = {weights}: {error.args[0]}"
            ) from None
        except OSError:
            raise UserError(
                f"params.yaml: model.encoder_weights = {weights}: cannot be downloaded; check the network, or set it "
                "to null to start from scratch"
            ) from None

    return build


MODELS: dict[str, Callable[..., nn.Module]] = {
    "fast_cnn": _fast_cnn,
    "simple_cnn": _simple_cnn,
    "lenet": _lenet(modern=False),
    "lenet_modern": _lenet(modern=True),
    "vgg16_bn": _vgg16_bn,
    "resnet18": _resnet,
    "resnet34": _resnet,
    "resnet50": _resnet,
    "wrn_16_1": _wide_resnet(16, 1),
    "wrn_16_8": _wide_resnet(16, 8),
    "wrn_28_10": _wide_resnet(28, 10),
    "dla34": _dla34,
    "vit": _vit,
    "mlp": _mlp,
    "unet": _segmenter("Unet"),
    "fpn": _segmenter("FPN"),
    "deeplabv3plus": _segmenter("DeepLabV3Plus"),
}
# Below, a layer's output would be empty or a normalization would see a single number.
SMALLEST_IMAGE = {"fast_cnn": 10, "simple_cnn": 8, "lenet": SMALLEST, "lenet_modern": SMALLEST, "vgg16_bn": 32}


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


def trained_weights(module: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
