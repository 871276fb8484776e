"""A model on layers that transformers computes, with trained weights or none."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ..api.dialect import CreateModelBody, FullConfig, LoraConfig
from ..device import Device
from ..errors import EngineError
from ..sampling.guided_decoding import Tokenizer
from .llama import FUSED
from .lora import check_first_layer
from .model import MakeTrainable, ModelState
from .peft_adapter import PREFIX, to_module_name
from .transformers_network import LibraryModel, LibraryNetwork, load_library_model


class TransformersBase:
    """Frozen model of transformers and its tokenizer, shared by all models on it.

    Parameters that are not held are on the device meta: they have a shape and no numbers. Until
    `keep` is called, what was read from the folder stays in the machine's memory.
    """

    def __init__(self, folder: Path, device: Device, is_empty: bool = False):
        """`is_empty`: no parameter is on the device yet."""
        self.folder, self.dtype = folder, device.dtype
        self._read: LibraryModel | None = None
        place = torch.device("cpu") if is_empty else device.torch_device
        self.model = LibraryModel(*load_library_model(folder, device.dtype, place))
        self.model.move_to(device.torch_device)
        c = self.model.config
        self.tokenizer = Tokenizer(folder, c.vocabulary, c.eos_ids)

    def list_names(self) -> set[str]:
        """The names of all parameters."""
        return set(self.model.places)

    def read(self, name: str) -> Tensor:
        """A parameter by its name, from the folder where it is not held."""
        parameter = self.model.get_parameter(name)
        if not parameter.is_meta:
            return parameter
        if self._read is None:
            loaded = load_library_model(self.folder, self.dtype, torch.device("cpu"))
            self._read = LibraryModel(*loaded)
        return self._read.get_parameter(name)

    def keep_all(self) -> None:
        """Holds all parameters."""
        self.keep(self.list_names())

    def keep(self, names: set[str]) -> None:
        """Holds these parameters and no others."""
        for name in self.model.places:
            place = self.model.device if name in names else torch.device("meta")
            if self.model.get_parameter(name).device.type != place.type:
                self.model.set_parameter(name, self.read(name).to(place))
        self._read = None


class LibraryLora:
    """Low-rank factors (Hu et al. 2021) on linear maps of a model of transformers.

    The maps are those that the targets name. All targets, which is the default, are the names of
    Llama, Qwen, Mistral, Gemma, ...: a model that lacks one of them (of Phi-3, which fuses some,
    GPT-NeoX, ...) gets factors on every linear map of its layers.
    """

    def __init__(self, config: LoraConfig, base: LibraryModel):
        self.config, self.base, self.first_layer = config, base, config.firstLayer
        self.scale = config.alpha / config.rank
        layers = base.require_layers()
        maps = {
            f"{layers}.{i}.{name}": module
            for i, layer in enumerate(base.layers)
            if i >= config.firstLayer
            for name, module in layer.named_modules()
            if isinstance(module, nn.Linear)
        }
        named = {n: m for n, m in maps.items() if n.rpartition(".")[2] in config.targets}
        absent = [t for t in config.targets if not any(n.endswith("." + t) for n in named)]
        is_default = set(config.targets) == set(FUSED)
        if absent and not is_default:
            raise EngineError(
                "invalid-input",
                f"Model type {base.config.kind!r} has no map {absent[0]}; its layers have "
                f"{', '.join(sorted({n.rpartition('.')[2] for n in maps})) or 'none'}.",
            )
        self.modules = maps if absent else named
        if not self.modules:
            raise EngineError(
                "unsupported",
                f"The layers of model type {base.config.kind!r} hold no linear maps that factors "
                "can be added to: train it in full.",
            )
        self.shapes: dict[str, tuple[int, ...]] = {}
        for name, module in self.modules.items():
            self.shapes[f"{PREFIX}{name}.lora_A.weight"] = (config.rank, module.in_features)
            self.shapes[f"{PREFIX}{name}.lora_B.weight"] = (module.out_features, config.rank)

    def list_maps(self) -> list[str]:
        """The names of the maps that have factors, each once, in the order of the alphabet."""
        return sorted({name.rpartition(".")[2] for name in self.modules})

    def init_tensors(self, seed: int) -> dict[str, Tensor]:
        """Initial values as PEFT's: A uniform, B zero, so that the adapter changes nothing yet."""
        generator = torch.Generator().manual_seed(seed)
        found = {}
        for name, shape in self.shapes.items():
            found[name] = torch.zeros(shape)
            if ".lora_A." in name:
                bound = math.sqrt(1 / shape[1])
                found[name].uniform_(-bound, bound, generator=generator)
        return found

    def list_factors(self, tensors: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor, float]]:
        """A, B and their scale of each map by its module's name."""
        return {
            to_module_name(name): (
                tensors[name],
                tensors[name.replace(".lora_A.", ".lora_B.")],
                self.scale,
            )
            for name in self.shapes
            if ".lora_A." in name
        }

    def build_network(self, tensors: dict[str, Tensor]) -> LibraryNetwork:
        """The frozen model with these factors added to its maps; gradients reach them."""
        return LibraryNetwork(self.base, factors=self.list_factors(tensors))


class LibraryFullFinetuning:
    """The weights from a layer on, as `LibraryModel.list_upper_parameters` names them."""

    def __init__(self, config: FullConfig, base: LibraryModel, output: bool):
        self.config, self.base, self.first_layer = config, base, config.firstLayer
        self.names = base.list_upper_parameters(config.firstLayer, output)
        self.shapes = {name: tuple(base.get_parameter(name).shape) for name in self.names}

    def init_tensors(self, seed: int) -> dict[str, Tensor]:
        """The base's weights; nothing is random, so `seed` is not used."""
        return {name: self.base.get_parameter(name).detach() for name in self.names}

    def build_network(self, tensors: dict[str, Tensor]) -> LibraryNetwork:
        """The model with these tensors in its own dtype; gradients reach them."""
        dtypes = {name: self.base.get_parameter(name).dtype for name in self.names}
        return LibraryNetwork(
            self.base, replaced={name: tensors[name].to(dtypes[name]) for name in self.names}
        )

    def extract_trained(self, other: LibraryModel, name: str) -> dict[str, Tensor]:
        """The trained tensors of another model, in float32.

        Raises `invalid-input` where it has another shape, or where a frozen tensor differs.
        """
        mine = {n: self.base.get_parameter(n) for n in self.base.places}
        theirs = {n: other.get_parameter(n) for n in other.places}
        if {n: t.shape for n, t in mine.items()} != {n: t.shape for n, t in theirs.items()}:
            raise EngineError(
                "invalid-input",
                f"{name} ({other.config.kind}) is of another architecture than this model "
                f"({self.base.config.kind}): their tensors have other names or shapes.",
            )
        head = self.base.model.get_output_embeddings()
        unused = {id(p) for p in head.parameters()} if head is not None else set()
        for key, tensor in mine.items():
            if key in self.shapes or (not other.config.has_head and id(tensor) in unused):
                continue
            if not torch.equal(tensor, theirs[key].to(tensor.device, tensor.dtype)):
                raise EngineError(
                    "invalid-input",
                    f"{name} differs from the base in {key}, which is frozen here: create the "
                    f"model with full.firstLayer 0, or with {name} as its base.",
                )
        return {n: theirs[n].float() for n in self.names}


LibraryTuning = LibraryLora | LibraryFullFinetuning


class TransformersModel(ModelState[TransformersBase, LibraryTuning]):
    """A model on transformers' layers. It keeps nothing between calls."""

    def __init__(
        self,
        name: str,
        body: CreateModelBody,
        base: TransformersBase,
        make_trainable: MakeTrainable | None = None,
    ):
        layers = base.model.config.layers
        tuning: LibraryTuning | None = None
        if body.lora:
            check_first_layer(body.lora.firstLayer, layers)
            tuning = LibraryLora(body.lora, base.model)
        elif body.full:
            check_first_layer(body.full.firstLayer, layers)
            tuning = LibraryFullFinetuning(body.full, base.model, body.head == "language")
        super().__init__(name, body, base, tuning, make_trainable)

    def build_frozen_network(self) -> LibraryNetwork:
        """The base as it was loaded."""
        return LibraryNetwork(self.base.model)

    def build_network(self, tensors: dict[str, Tensor]) -> LibraryNetwork:
        """The model with these values of the trained tensors; gradients reach them."""
        network = self.require_tuning().build_network(tensors)
        network.score = tensors if self.head == "value" else None
        return network

    def build_present_network(self, adapted: bool) -> LibraryNetwork:
        """The model with what is trained as it is now, or without."""
        if not adapted:
            return self.build_frozen_network()
        trainable = self.require_trainable()
        return self.build_network(trainable.gather(trainable.values))
