"""How much memory a step of the optimizer takes: predicted without computing it, or tried."""

import gc
import weakref
from collections.abc import Callable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from darkroom.batches.images import SHARE_FOR_DATA
from darkroom.common.platform import free_memory
from darkroom.datasets.description import Description
from darkroom.device.memory import OUT_OF_MEMORY, is_out_of_memory
from darkroom.device.precision import CPU
from darkroom.training.contrastive import contrastive_objective
from darkroom.training.failures import explain
from darkroom.training.loop import Run, supervised_objective, train_step
from darkroom.training.micro_batch import largest_part, split_batches
from darkroom.training.parameters import Batches, TaskTraining
from darkroom.training.state import State, restore, snapshot, start

STEPS = 2  # the second step finds the optimizer's momenta in memory
# Beside the tensors of PyTorch: by type of device, the bytes that PyTorch and the driver take before the first tensor,
# and the factor by which the allocator holds more than the tensors that live at the same time. bench.memory measures
# both on a CPU, where glibc keeps freed memory in pieces. Those of a GPU are assumptions.
LIBRARIES = {"cpu": 700 << 20, "cuda": 700 << 20, "mps": 700 << 20}
ALLOCATOR = {"cpu": 1.5, "cuda": 1.1, "mps": 1.1}


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch leaves it untyped
    """Counts the bytes of all tensors that are made while the mode is active, until they are freed.

    Attributes:
        now: bytes that live now.
        peak: the most bytes that lived at the same time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # likewise
        self.now = self.peak = 0
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self,
        function: Callable[..., object],
        types: object,
        arguments: tuple[object, ...] = (),
        keywords: dict[str, object] | None = None,
    ) -> object:
        """Run an operation, and count the memory of what it returns."""
        result = function(*arguments, **(keywords or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._count(value.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._storages:
            return

        def forget(_: object) -> None:
            del self._storages[key]
            self.now -= size

        self._storages[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)


def predict_step(
    parameters: TaskTraining, description: Description, precision: str, batch: int, micro_batch: int | None = None
) -> int:
    """Return the most bytes of tensors that live at the same time during a step of the optimizer.

    These are weights, kept weights, their average, gradients, momenta, activations and what operations return on the
    way. The step is the one that training makes; it runs on PyTorch's fake tensors, which have a shape and no memory.
    Scratch memory within an operation is not in it, and neither is the data set.

    Args:
        parameters: of the stage `train`.
        description: of the data set.
        precision: fp32, bf16 or fp16.
        batch: images or points in the batch of this process.
        micro_batch: those that are in the network at once; None: all.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode  # here, since it takes a second

    size = parameters.input_size(description)
    with torch.device("meta"):
        model = parameters.model.from_scratch().build(description.outputs, size)
        state = start(model, parameters.train, size, CPU, "fp32", parameters.model.bias_lr_factor)
    run = Run(parameters.kind, description.outputs, parameters.train, parameters.seed, CPU, precision)
    counter = LiveBytes()
    # Fake tensors of a CPU, since backward passes do not run on those of a GPU. Shapes and types are the same.
    with FakeTensorMode(), counter:
        make_tensors(state)
        kept = [torch.empty_like(value) for value in state.evaluated.state_dict().values()]
        average, state.average = state.average, None  # updating it needs values and takes no memory
        batches = [parameters.example_batch(description, batch) for _ in range(parameters.train.accumulate)]
        make_steps(state, batches, run, micro_batch)
        del kept, average
    return counter.peak


def make_tensors(state: State) -> None:
    """Give the tensors of a new state on the device `meta` memory on the CPU, or fake memory in a `FakeTensorMode`."""
    made: dict[int, tuple[Tensor, Tensor]] = {}  # old and new by the id of the old, which must last

    def make(tensor: Tensor) -> Tensor:
        if id(tensor) not in made:
            new = torch.empty(tensor.shape, dtype=tensor.dtype)
            new = new.contiguous(memory_format=torch.channels_last) if new.ndim == 4 else new
            is_parameter = isinstance(tensor, nn.Parameter)
            made[id(tensor)] = tensor, nn.Parameter(new, tensor.requires_grad) if is_parameter else new
        return made[id(tensor)][1]

    for part in [*state.model.modules(), *(state.average.modules() if state.average else ())]:
        for named in (part._parameters, part._buffers):
            named.update({name: make(tensor) for name, tensor in named.items() if tensor is not None})
    for group in state.optimizer.param_groups:
        group["params"] = [make(tensor) for tensor in group["params"]]


def make_steps(state: State, batches: list[tuple[Tensor, Tensor]], run: Run, micro_batch: int | None) -> None:
    """Make the first steps of the optimizer, all on the same batches.

    Args:
        state: it is changed in place.
        batches: the batches of one step.
        run: the settings.
        micro_batch: images or points that are in the network at once; None: all.
    """
    hyper = run.parameters
    objective = supervised_objective(hyper)
    if hyper.pretrain_epochs:  # it shows each image twice
        objective = contrastive_objective(state.model, hyper.temperature)
        batches = [(torch.cat([inputs, inputs]), torch.cat([targets, targets])) for inputs, targets in batches]
    state.model.train()
    for _ in range(STEPS):
        train_step(state, state.model, split_batches(batches, micro_batch), run, objective)


def needed_memory(tensors: int, device_type: str) -> int:
    """Return the bytes that a process takes for `tensors` bytes of tensors, its libraries and the allocator included.

    Args:
        tensors: the most bytes that live at the same time.
        device_type: cpu, cuda or mps.
    """
    return LIBRARIES[device_type] + round(ALLOCATOR[device_type] * tensors)


def data_on_device(parameters: TaskTraining, description: Description, device_type: str, memory: int) -> int:
    """Return the bytes of the training images or points that stay on a device with `memory` bytes."""
    size = parameters.data_bytes(description)
    return size if device_type == "cpu" or size <= SHARE_FOR_DATA * memory else 0


def choose_micro_batch(
    parameters: TaskTraining, description: Description, state: State, batches: Batches, run: Run
) -> int | None:
    """Return the largest micro batch that fits into the device's memory; None: the whole batch.

    On a GPU it is tried. On the CPU, where missing memory ends the process, it is predicted.

    Args:
        parameters: of the stage `train`.
        description: of the data set.
        state: before the first epoch.
        batches: of the training split.
        run: the settings.

    Raises:
        OutOfMemory: the smallest part of the batch does not fit.
    """
    batch = run.parameters.batch_size
    if run.device.type == "cpu":
        part = predicted_part(parameters, description, run.precision, free_memory())
    else:
        last = run.parameters.pretrain_epochs + run.parameters.epochs - 1  # earlier epochs may show smaller images
        part = tried_part(state, list(islice(batches.train(last), run.parameters.accumulate)), run)
    if part is None:
        raise explain(RuntimeError(OUT_OF_MEMORY[0]), run.parameters, "before the first epoch")
    return None if part == batch else part


def predicted_part(parameters: TaskTraining, description: Description, precision: str, memory: int) -> int | None:
    """Return the largest part of a batch with which a process on the CPU takes at most `memory` bytes; None: none."""
    batch = parameters.train.batch_size

    def fits(part: int) -> bool:
        return needed_memory(predict_step(parameters, description, precision, batch, part), "cpu") <= memory

    return largest_part(batch, fits)


def tried_part(state: State, batches: list[tuple[Tensor, Tensor]], run: Run) -> int | None:
    """Return the largest part of a batch with which steps fit into memory; None: none does.

    Args:
        state: before the first epoch. It is as before afterwards.
        batches: the batches of one step.
        run: the settings.
    """
    before = snapshot(state)
    part = largest_part(run.parameters.batch_size, lambda part: try_steps(state, batches, run, part))
    restore(state, before)
    return part


def try_steps(state: State, batches: list[tuple[Tensor, Tensor]], run: Run, micro_batch: int) -> bool:
    """Return whether steps fit into memory. The arguments are those of `make_steps`."""
    try:
        make_steps(state, batches, run, micro_batch)
        fitted = True
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise explain(error, run.parameters, "before the first epoch") from None
        fitted = False
    release_memory(state, run.device)  # after the exception is gone, whose traceback holds the activations
    return fitted


def release_memory(state: State, device: torch.device) -> None:
    """Free the gradients, and let the allocator give back what it holds in pieces of unfit sizes."""
    state.optimizer.zero_grad(set_to_none=True)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
