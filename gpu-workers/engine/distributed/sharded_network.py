"""What is trained as modules of FSDP2, and the gradient of a micro-batch through them.

A layer's trained tensors, and its frozen ones where the base is sharded, are gathered when the
layer is reached, forward and backward, and its gradient is scattered when its backward pass has
ended (`fully_shard`; Zhao et al. 2023, PyTorch FSDP). Packing, attention, losses and their
gradients are those of one process. A model that transformers computes is gathered as one piece.

FSDP2 collects gradients in hooks of modules: the root's tensors may be used only within its
forward, and the backward pass must begin from a tensor that came out of it.
"""

from contextlib import ExitStack
from typing import cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.distributed.tensor import DTensor

from ..api.dialect import ForwardBody
from ..models.attention import attend
from ..models.llama import apply_linear, run_layers
from ..models.model import Model, ModelState, Network
from ..models.transformers_model import TransformersModel
from ..models.value_head import compute_values, get_shapes
from ..sampling.token_logprobs import compute_token_logprobs
from ..training.forward_backward import (
    AnyBatch,
    compute_policy_gradient,
    read_input_states,
)
from ..training.loss_report import LossReport
from ..training.packing import MicroBatch
from ..training.transformers_gradients import (
    PaddedBatch,
    compute_action_values,
    compute_library_loss,
    compute_logprobs,
)
from .rank_group import RankGroup
from .shard_group import (
    Shapes,
    ShardGroup,
    Tensors,
    apply_fsdp,
    call_together,
    list_shards,
    reshard,
)
from .sharded_base import ShardedBase


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

    def __init__(
        self, model: ModelState, shapes: Shapes, group: RankGroup, base: ShardedBase | None = None
    ):
        """`shapes` of the whole tensors by name. The shards hold no values yet.

        `base`: where the frozen tensors below the factors are shards, too.
        """
        self.model, self.group, self.base = model, group, base
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
        apply_fsdp(self.root, group)
        self.root.to_empty(device=group.device)

    def _shard(self, shapes: Shapes, dtype: torch.dtype) -> ShardGroup:
        module = ShardGroup(shapes, dtype)
        if shapes:
            apply_fsdp(module, self.group)
        return module

    def shards(self) -> dict[str, DTensor]:
        """The sharded parameters by name."""
        return list_shards([self.root, *self.layers.values(), self.score])

    def _list_roots(self, is_adapted: bool = True) -> list[ShardGroup]:
        """The roots of what a pass gathers; the trained one's is not among them without factors."""
        frozen = [self.base.root] if self.base else []
        return frozen + ([self.root] if is_adapted else [])

    def add_gradient(self, batch: AnyBatch, report: LossReport | None) -> None:
        """Adds the gradient of a micro-batch to the shards' `.grad`; all ranks take part.

        `report` None: the batch only goes along with those of other ranks and adds nothing.
        """
        with ExitStack() as active, torch.enable_grad():
            loss = call_together(
                self._list_roots(),
                None,
                lambda _, tensors: self._compute_loss(tensors, batch, report, active),
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
    def compute_numbers(
        self, batch: AnyBatch, body: ForwardBody, is_adapted: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """As forward_backward.compute_numbers, with each layer gathered when it is reached.

        The weights are those that the shards hold; all ranks take part. `is_adapted` False: of a
        sharded base without its factors.
        """
        roots = self._list_roots(is_adapted)
        try:
            return call_together(
                roots,
                None,
                lambda _, tensors: self._compute_numbers(tensors, batch, body, is_adapted),
            )
        finally:
            # A backward pass does not come.
            reshard(roots)

    def _compute_numbers(
        self, tensors: Tensors, batch: AnyBatch, body: ForwardBody, is_adapted: bool
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
        final = self._compute_final_states(model, tensors, batch, is_adapted)
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

    def _compute_final_states(
        self, model: Model, tensors: Tensors, batch: MicroBatch, is_adapted: bool = True
    ) -> Tensor:
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

            groups = [self.base.layers[i]] if self.base else []
            x = call_together(groups + ([module] if is_adapted else []), x, compute)
        return llama.final_norm(x)
