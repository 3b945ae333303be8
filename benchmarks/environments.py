"""Environments: each peer's own packages, hash-locked beside its driver, in a folder that Git ignores."""

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".bench"
PICTURE = "picture"
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")
_NPM = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent")


def ready(peers: Iterable[str]) -> tuple[dict[str, Path], list[dict[str, str]]]:
    """The interpreter of each peer, before anything is measured; and a line for each that cannot be installed here."""
    pythons, missing = {}, []
    for peer in peers:
        try:
            pythons[peer] = python_of(peer)
        except (subprocess.CalledProcessError, OSError) as error:
            missing.append({"peer": peer, "workload": "all", "error": f"not installed: {type(error).__name__}"})
    return pythons, missing


def python_of(peer: str) -> Path:
    """The interpreter that runs a peer's driver; made ready the first time. Raises `CalledProcessError`."""
    source = HERE if peer == PICTURE else HERE / "peers" / peer
    lock = source / "requirements.lock"
    if not lock.exists():
        return Path(sys.executable)
    folder = FOLDER / peer
    made_of = folder / "requirements.lock"
    if not made_of.exists() or made_of.read_bytes() != lock.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "python", *_PIP, lock], check=True)
        if (source / "package.json").exists():
            shutil.copy(source / "package.json", folder)
            subprocess.run(_NPM, cwd=folder, check=True)
        shutil.copy(lock, folder)
    return folder / "bin" / "python"
