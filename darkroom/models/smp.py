"""Segmentation networks of segmentation-models-pytorch, with any of its encoders."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from darkroom.common.errors import UserError
from darkroom.models.architecture import Architecture
from darkroom.models.windows import windowed_logits

UNET_CHANNELS = (256, 128, 64, 32, 16)  # of the decoder's stages, the deepest first


class _SegmenterArchitecture(Architecture):
    """What the segmentation networks have in common.

    Attributes:
        network: The name of the network's class in segmentation-models-pytorch.
    """

    kinds: ClassVar[tuple[str, ...]] = ("segmentation",)
    network: ClassVar[str]

    encoder: str = "resnet18"
    """The name of an encoder of segmentation-models-pytorch."""
    encoder_depth: int = Field(default=5, ge=3, le=5)
    """How often the encoder halves the resolution."""
    encoder_weights: str | None = None
    """Pretrained weights of the encoder, such as `imagenet`. They are downloaded. null: from scratch."""

    def _arguments(self) -> dict[str, Any]:
        """Return further arguments for the network's class."""
        return {}

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        # Imported here, since they take seconds.
        import segmentation_models_pytorch
        from huggingface_hub.utils import logging

        # Without internet access it would log each attempt to download.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call] # it has no types
        weights = self.encoder_weights
        try:
            model: nn.Module = getattr(segmentation_models_pytorch, self.network)(
                self.encoder, encoder_depth=self.encoder_depth, encoder_weights=weights, classes=outputs,
                **self._arguments(),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            raise UserError(
                f"params.yaml: model.encoder = {self.encoder}, model.encoder_weights = {weights}: {error.args[0]}"
            ) from None
        except OSError:
            raise UserError(
                f"params.yaml: model.encoder_weights = {weights}: cannot be downloaded; check the network, or set it "
                "to null to start from scratch"
            ) from None
        freeze_unused(model, image_size)
        return model

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the decoder, where the encoder's deep features have met the shallower ones."""
        return model.get_submodule("decoder")

    def predict(
        self, model: Callable[[Tensor], Tensor], batches: Iterable[Tensor], image_size: tuple[int, ...]
    ) -> Iterator[Tensor]:
        """Yield the logits of images (b, 3, h, w), combined from windows of the size of the training crops."""
        return windowed_logits(model, batches, image_size)

    def crop_multiple(self) -> int:
        """Return 2 to the number of times that the encoder halves the resolution."""
        multiple: int = 2**self.encoder_depth
        return multiple

    def from_scratch(self) -> Architecture:
        """Return the same architecture without pretrained weights."""
        return self.model_copy(update={"encoder_weights": None})


def freeze_unused(model: nn.Module, image_size: tuple[int, ...]) -> None:
    """Leave those parameters out of training that the outputs do not depend on, as an encoder's deepest layers.

    DistributedDataParallel would wait for their gradients. The model runs once, on tensors without values.

    Args:
        model: the network.
        image_size: (height, width) of its images in pixels.
    """
    named = dict(model.named_parameters())
    shadows = {
        name: torch.empty_like(parameter, device="meta", requires_grad=True) for name, parameter in named.items()
    }
    buffers = {name: buffer.to("meta") for name, buffer in model.named_buffers()}
    outputs = functional_call(model, shadows | buffers, torch.empty(2, 3, *image_size, device="meta"))
    gradients = torch.autograd.grad(outputs.sum(), list(shadows.values()), allow_unused=True)
    for parameter, gradient in zip(named.values(), gradients, strict=True):
        parameter.requires_grad_(gradient is not None)


class UnetArchitecture(_SegmenterArchitecture):
    """U-Net (Ronneberger et al., arXiv:1505.04597)."""

    network: ClassVar[str] = "Unet"

    name: Literal["unet"]

    def _arguments(self) -> dict[str, Any]:
        return {"decoder_channels": UNET_CHANNELS[-self.encoder_depth :]}

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the second-last block of the decoder. The last one has few channels that belong to one class."""
        return model.get_submodule(f"decoder.blocks.{self.encoder_depth - 2}")


class FPNArchitecture(_SegmenterArchitecture):
    """A feature pyramid network (Kirillov et al., "A Unified Architecture for Instance and Semantic Segmentation")."""

    network: ClassVar[str] = "FPN"

    name: Literal["fpn"]

    def _arguments(self) -> dict[str, Any]:
        return {"upsampling": 2 ** (self.encoder_depth - 3)}


class DeepLabArchitecture(_SegmenterArchitecture):
    """DeepLabV3+ (Chen et al., arXiv:1802.02611)."""

    network: ClassVar[str] = "DeepLabV3Plus"

    name: Literal["deeplabv3plus"]
