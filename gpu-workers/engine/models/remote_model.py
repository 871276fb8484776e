"""What is known here of models whose weights are elsewhere: on ranks, or at a service."""

from dataclasses import dataclass
from pathlib import Path

from ..sampling.guided_decoding import Tokenizer
from .llama import read_config
from .transformers_network import find_reason, load_library_config


@dataclass
class RemoteConfig:
    layers: int
    vocabulary: int
    max_length: int
    eos_ids: tuple[int, ...]


@dataclass
class RemoteNetwork:
    config: RemoteConfig


class RemoteBase:
    """Folder and tokenizer of a base whose weights are elsewhere."""

    def __init__(self, folder: Path):
        if find_reason(folder) is None:
            config = read_config(folder)
        else:
            config = load_library_config(folder)[1]
        eos_ids = tuple(config.eos_ids)
        self.folder = folder
        self.model = RemoteNetwork(
            RemoteConfig(config.layers, config.vocabulary, config.max_length, eos_ids)
        )
        self.tokenizer = Tokenizer(folder, config.vocabulary, eos_ids)


@dataclass
class RemoteModel:
    """A model whose weights are elsewhere."""

    name: str
    base: RemoteBase
    head: str
    #: Whether anything is trained.
    trainable: bool
    step: int = 0
