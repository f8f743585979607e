"""Holds the card beside this file against the hub's own readers, and notes in oracle.json what they made of it.

    python test/lib/curate/card/check.py

Needs huggingface_hub and datasets, no network: the card is parsed and its configurations, features and sizes are used to
load the rows beside it. A test writes the same card from the same rows and compares the bytes, so whoever changes the
writer runs this again.
"""
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from datasets import Features, load_dataset
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

here = Path(__file__).parent
text = (here / "README.md").read_text()
card = DatasetCard(text, ignore_metadata_errors=False)
infos = DatasetInfosDict.from_dataset_card_data(card.data)["default"]
configs = MetadataConfigs.from_dataset_card_data(card.data)

with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
    for name in ("README.md", "train.jsonl", "test.jsonl"):
        shutil.copy(here / name, folder)
    loaded = load_dataset(folder, cache_dir=cache)
    rows = {split: loaded[split].num_rows for split in loaded}
    features = loaded["train"].features
    assert features == infos.features, (features, infos.features)
    assert rows == {name: info.num_examples for name, info in infos.splits.items()}

assert Features._from_yaml_list(card.data.to_dict()["dataset_info"]["features"]) == features
(here / "oracle.json").write_text(json.dumps({
    "sha256": hashlib.sha256(text.encode()).hexdigest(), "license": card.data.license, "language": card.data.language,
    "size_categories": card.data.size_categories, "task_categories": card.data.task_categories, "rows": rows,
    "configs": list(configs), "features": {name: str(kind) for name, kind in features.items()},
}, indent=1) + "\n")
print((here / "oracle.json").read_text())
