"""What training computes with: GPUs, drivers, memory, cores and number formats."""

from __future__ import annotations

import re

import setup_env
from darkroom.commands.doctor.machine import Finding, Machine

GIB = 2**30
LITTLE_MEMORY = 4 * GIB  # of a GPU: less does not take the default recipes on published data


def check_training(machine: Machine) -> list[Finding]:
    """Say where and in which number format `train.bits: machine` trains."""
    told = machine.probe.torch.get("training")
    return [Finding("training", f"on {told}; the sample on cpu in fp32")] if told else []


def check_gpu(machine: Machine) -> list[Finding]:
    """Look at NVIDIA's GPU, its driver and memory, and at whether PyTorch can use them."""
    if machine.find("nvidia-smi") is None:
        return [Finding("GPU", "none of NVIDIA's")] if machine.system != "Darwin" else []
    code, told = _query(machine, "name,driver_version,memory.total,compute_cap")
    if "not a valid field" in told:  # of a driver from before 2021
        code, told = _query(machine, "name,driver_version,memory.total")
    if code != 0:
        if re.search("No devices were found", told):
            return [Finding("GPU", "none of NVIDIA's")]
        found = f"nvidia-smi fails: {' '.join(told.split())[:200] or 'it does not start'}"
        return [Finding("GPU", found, "fault", machine.by_system("shutdown /r /t 0", "sudo reboot", "sudo reboot"))]
    lines = [[part.strip() for part in line.split(",")] for line in told.splitlines() if line.count(",") >= 2]
    if not lines:
        return [Finding("GPU", "none of NVIDIA's")]
    name, driver, memory, capability = [*lines[0], "not told"][:4]
    several = f"{len(lines)} × " if len(lines) > 1 else ""
    found = f"{several}{name}, driver {driver}, compute capability {capability}, {memory} MiB"
    findings = [Finding("GPU", found), *_check_memory(memory)]
    torch = machine.probe.torch
    if "version" not in torch or torch.get("hip"):
        return findings
    cuda = re.search(r"CUDA Version:\s*([\d.]+)", machine.ask("nvidia-smi")[1])
    gpu = setup_env.Gpu(name, driver, cuda.group(1) if cuda else "")
    advice = setup_env.advise_pytorch(gpu, torch.get("cuda", ""))
    if advice:
        found, _, mend = advice.partition(": ")
        kind = "driver" if torch.get("cuda") else "PyTorch"
        return [*findings, Finding(kind, f"{torch['version']}: {found}; driver {driver}", "fault", mend)]
    return [*findings, *_check_use(machine, capability, gpu)]


def _query(machine: Machine, fields: str) -> tuple[int, str]:
    return machine.ask("nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits")


def _check_memory(memory: str) -> list[Finding]:
    if not memory.isdigit() or int(memory) * 2**20 >= LITTLE_MEMORY:
        return []
    mend = "dvc exp run -S train.batch_size=125 -S train.accumulate=2 plot@cifar10"
    return [Finding("GPU's memory", f"{memory} MiB are little for the defaults on published data", "note", mend)]


def _check_use(machine: Machine, capability: str, gpu: setup_env.Gpu) -> list[Finding]:
    """Look at why a PyTorch that fits the driver may not use the GPU."""
    torch = machine.probe.torch
    hidden = machine.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden in ("", "-1"):
        found = f"CUDA_VISIBLE_DEVICES={hidden} hides the GPU"
        return [Finding("PyTorch", found, "fault", machine.unset("CUDA_VISIBLE_DEVICES"))]
    architectures = torch.get("architectures") or []
    if architectures and re.fullmatch(r"\d+\.\d+", capability) and not _runs_on(capability, architectures):
        found = f"{torch['version']} has no code for compute capability {capability}, but {' '.join(architectures)}"
        mend = f"python setup_env.py --torch-index URL, of a build that has it, from {setup_env.SELECTOR}"
        return [Finding("PyTorch", found, "fault", mend)]
    if not torch.get("available"):
        mend = machine.by_system("shutdown /r /t 0", "sudo reboot", "sudo reboot")
        return [Finding("PyTorch", f"{torch['version']} does not find the {gpu.name}", "fault", mend)]
    return [Finding("PyTorch", f"{torch['version']} uses it")]


def _runs_on(capability: str, architectures: list[str]) -> bool:
    """Whether code for one of `architectures` runs on a GPU: of the same major version, or PTX of an older one."""
    major, minor = map(int, capability.split("."))
    for name in architectures:
        match = re.match(r"(sm|compute)_(\d+)(\d)", name)
        if match is None:
            continue
        kind, of_code = match.group(1), (int(match.group(2)), int(match.group(3)))
        if of_code <= (major, minor) and (of_code[0] == major or kind == "compute"):
            return True
    return False


def check_mps(machine: Machine) -> list[Finding]:
    """Look at the GPU of Apple's processors."""
    torch = machine.probe.torch
    if machine.system != "Darwin" or "version" not in torch:
        return []
    if torch.get("mps"):
        return [Finding("MPS", "available")]
    if machine.processor == "arm64" and torch.get("mps_built"):
        return [Finding("MPS", "this macOS is too old for it", "fault", "softwareupdate --install --all")]
    return [Finding("MPS", "none", "note", "")]


def check_cores(machine: Machine) -> list[Finding]:
    """Look at cores and threads."""
    asked = machine.environ.get("OMP_NUM_THREADS")
    if asked is not None and not re.fullmatch(r"[1-9]\d*(,\d+)*", asked):
        found = f"OMP_NUM_THREADS={asked} is no number of threads"
        return [Finding("threads", found, "fault", machine.unset("OMP_NUM_THREADS"))]
    threads = machine.probe.torch.get("threads")
    found = f"{machine.cores:g} cores" + (f", {threads} threads of PyTorch" if threads else "")
    if threads and threads > max(1, machine.cores):
        mend = machine.export("OMP_NUM_THREADS", str(max(1, int(machine.cores))))
        return [Finding("threads", f"{found}: threads wait for each other", "fault", mend)]
    if threads and asked is not None and threads < machine.cores // 2:
        found = f"{found}, since OMP_NUM_THREADS={asked}"
        return [Finding("threads", found, "note", machine.unset("OMP_NUM_THREADS"))]
    return [Finding("threads", found)]


def check_number_formats(machine: Machine) -> list[Finding]:
    """Look at what the processor computes in hardware."""
    features = machine.probe.torch.get("features")
    if features is None:
        return []
    bf16 = [name for name in features if "bf16" in name]
    amx = [name for name in features if name.startswith("amx")]
    found = f"bf16: {', '.join(bf16) or 'emulated, so fp32 is taken'}; AMX: {', '.join(amx) or 'none'}"
    if machine.processor in ("x86_64", "amd64") and "avx2" not in features:
        found = f"{found}; no AVX2, so the sample gives other bits than dvc.lock has"
        return [Finding("number formats", found, "note", "dvc repro --force")]
    return [Finding("number formats", found)]
