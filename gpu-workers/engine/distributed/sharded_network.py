"""What is trained as modules of FSDP2, and the gradient of a micro-batch through them.

A layer's trained tensors are gathered when the layer is reached, forward and backward, and its
gradient is scattered when its backward pass has ended (`fully_shard`; Zhao et al. 2023, PyTorch
FSDP). Packing, attention, losses and their gradients are those of one process. A model that
transformers computes is gathered as one piece.

FSDP2 collects gradients in hooks of modules: the root's tensors may be used only within its
forward, and the backward pass must begin from a tensor that came out of it.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from ..attention import attend
from ..dialect import ForwardBody
from ..forward_backward import (
    AnyBatch,
    compute_policy_gradient,
    read_input_states,
)
from ..llama import apply_linear, run_layers
from ..loss_report import LossReport
from ..model import Model, ModelState, Network
from ..packing import MicroBatch
from ..token_logprobs import compute_token_logprobs
from ..transformers_gradients import (
    PaddedBatch,
    compute_action_values,
    compute_library_loss,
    compute_logprobs,
)
from ..transformers_model import TransformersModel
from ..value_head import compute_values, get_shapes
from .rank_group import RankGroup, TimedAllGather, TimedReduceScatter

Tensors = dict[str, Tensor]


class ShardGroup(nn.Module):
    """Trained tensors that are gathered together."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype: torch.dtype):
        super().__init__()
        self.names = list(shapes)
        for i, shape in enumerate(shapes.values()):
            # Without numbers: no rank holds them whole before they are shards.
            tensor = torch.empty(shape, dtype=dtype, device="meta")
            self.register_parameter(f"tensor{i}", nn.Parameter(tensor))

    def tensors(self) -> Tensors:
        """The tensors by name: whole within `forward`, otherwise this rank's shards."""
        return {name: getattr(self, f"tensor{i}") for i, name in enumerate(self.names)}

    def forward(self, x: Tensor | None, compute: Callable[[Tensor | None, Tensors], Tensor]):
        """`compute(x, tensors)`, with the tensors whole."""
        return compute(x, self.tensors())


class _Loss(Function):
    """A number whose gradients by certain tensors are given."""

    @staticmethod
    def forward(ctx, gradients: list[Tensor], *outputs: Tensor) -> Tensor:
        ctx.gradients = gradients
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        return None, *ctx.gradients


def make_loss(outputs: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """A scalar from which `.backward()` begins with these gradients of the outputs."""
    return cast(Tensor, _Loss.apply(gradients, *outputs))


class ShardedNetwork:
    """The trained tensors of a model as FSDP2 modules."""

    def __init__(self, model: ModelState, shapes: dict[str, tuple[int, ...]], group: RankGroup):
        """`shapes` of the whole tensors by name. The shards hold no values yet."""
        self.model, self.group = model, group
        rest = dict(shapes)
        head = get_shapes(0) if model.head == "value" else {}
        self.score = self._shard({n: rest.pop(n) for n in head}, torch.float32)
        # Factors and value head are kept and used in float32, weights in the device's dtype.
        is_lora = model.spec["lora"] is not None
        dtype = torch.float32 if is_lora else model.base.model.dtype
        self.layers: dict[int, ShardGroup] = {}
        if isinstance(model, Model):
            count = model.base.model.config.layers
            for i in range(model.first_trained_layer, count):
                own = {n: rest.pop(n) for n in list(rest) if f"layers.{i}." in n}
                self.layers[i] = self._shard(own, dtype)
        self.root = ShardGroup(rest, dtype)
        for i, layer in self.layers.items():
            self.root.add_module(f"layer{i}", layer)
        self.root.add_module("score", self.score)
        self._apply_fsdp(self.root)
        self.root.to_empty(device=group.device)

    def _shard(self, shapes: dict[str, tuple[int, ...]], dtype: torch.dtype) -> ShardGroup:
        module = ShardGroup(shapes, dtype)
        if shapes:
            self._apply_fsdp(module)
        return module

    def _apply_fsdp(self, module: nn.Module) -> None:
        # Ranks' gradients are summed in float32. The loss is a sum over tokens, so nothing is
        # divided; gloo has no scaled sum, which FSDP2 takes for a factor unless told otherwise.
        policy = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
        sharded = cast(FSDPModule, fully_shard(module, mesh=self.group.mesh, mp_policy=policy))
        sharded.set_gradient_divide_factor(1.0)
        sharded.set_force_sum_reduction_for_comms(True)
        if next(module.parameters(), None) is not None:
            sharded.set_custom_all_gather(TimedAllGather(self.group.clock))
            sharded.set_custom_reduce_scatter(TimedReduceScatter(self.group.clock))

    def shards(self) -> dict[str, DTensor]:
        """The sharded parameters by name."""
        modules = [self.root, *self.layers.values(), self.score]
        return {n: cast(DTensor, p) for m in modules for n, p in m.tensors().items()}

    def add_gradient(self, batch: AnyBatch, report: LossReport | None) -> None:
        """Adds the gradient of a micro-batch to the shards' `.grad`; all ranks take part.

        `report` None: the batch only goes along with those of other ranks and adds nothing.
        """
        with ExitStack() as active, torch.enable_grad():
            loss = self.root(
                None, lambda _, tensors: self._compute_loss(tensors, batch, report, active)
            )
            # The contexts of transformers' layers must last: checkpointing computes them again.
            loss.backward()

    def _compute_loss(
        self, tensors: Tensors, batch: AnyBatch, report: LossReport | None, active: ExitStack
    ) -> Tensor:
        model = self.model
        if isinstance(model, TransformersModel):
            assert isinstance(batch, PaddedBatch)
            network = model.build_network(tensors)
            active.enter_context(network.activate(model.checkpointing))
            score = self._apply_score if model.head == "value" else None
            return make_loss(*compute_library_loss(network, batch, report, score))
        assert isinstance(model, Model)
        assert isinstance(batch, MicroBatch)
        llama, _ = model.require_tuning().build_network(tensors)
        final = self._compute_final_states(model, tensors, batch)
        if model.head == "value":
            values = self._apply_score(final).index_select(0, batch.action_rows)
            if report is None:
                return make_loss([values], [torch.zeros_like(values)])
            return make_loss([values], [report.add_value_loss(values, batch.actions)])
        if report is None:
            outputs = [final] + ([llama.head] if llama.head.requires_grad else [])
            return make_loss(outputs, [torch.zeros_like(o) for o in outputs])
        network = Network(llama, apply_linear, None)
        return make_loss(*compute_policy_gradient(model, network, batch, final, report))

    @torch.no_grad()
    def compute_numbers(self, batch: AnyBatch, body: ForwardBody) -> tuple[Tensor, Tensor | None]:
        """As forward_backward.compute_numbers, with each layer gathered when it is reached.

        The weights are those that the shards hold; all ranks take part.
        """
        try:
            return self.root(None, lambda _, tensors: self._compute_numbers(tensors, batch, body))
        finally:
            # FSDP2 keeps the root's tensors whole for a backward pass, which does not come.
            cast(FSDPModule, self.root).reshard()

    def _compute_numbers(
        self, tensors: Tensors, batch: AnyBatch, body: ForwardBody
    ) -> tuple[Tensor, Tensor | None]:
        model = self.model
        if isinstance(model, TransformersModel):
            assert isinstance(batch, PaddedBatch)
            network = model.build_network(tensors)
            with network.activate():
                if model.head == "value":
                    return compute_action_values(network, batch, self._apply_score), None
                return compute_logprobs(network, batch, body.temperature)
        assert isinstance(model, Model)
        assert isinstance(batch, MicroBatch)
        final = self._compute_final_states(model, tensors, batch)
        if model.head == "value":
            return self._apply_score(final).index_select(0, batch.action_rows), None
        llama, _ = model.require_tuning().build_network(tensors)
        return compute_token_logprobs(
            llama.head,
            model.base.tokenizer,
            batch,
            final,
            body.temperature,
            body.entropy,
            None,
        )[:2]

    def _apply_score(self, final: Tensor) -> Tensor:
        """Values of final states by the value head, whose tensors are a group of their own."""
        return self.score(final, lambda x, tensors: compute_values(tensors, x))

    def _compute_final_states(self, model: Model, tensors: Tensors, batch: MicroBatch) -> Tensor:
        """As forward_backward.compute_final_states, with each layer's tensors by its module."""
        tuning = model.require_tuning()
        llama, _ = tuning.build_network(tensors)
        c = llama.config
        x = read_input_states(model, llama, batch)

        def attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return attend(batch.last_plan if layer == c.layers - 1 else batch.plan, q, k, v, c)

        for i, module in self.layers.items():

            def compute(x: Tensor, own: Tensors, i: int = i) -> Tensor:
                whole, linear = tuning.build_network(own)
                return run_layers(
                    whole,
                    [whole.layers[i]],
                    i,
                    x,
                    batch.positions,
                    attention,
                    linear,
                    batch.rows if i == c.layers - 1 else None,
                    checkpointing=model.checkpointing,
                )

            x = module(x, compute)
        return llama.final_norm(x)
