"""Elementwise parts of the transformer and the linear map with LoRA, with gradients written out.

Autograd's own would keep three to five intermediate tensors for each of them; these keep one. Every
function also works without gradient.
"""

import torch
from torch import Tensor
from torch.autograd import Function


def _inverse_rms(x32: Tensor, eps: float) -> Tensor:
    """1 / sqrt(mean(x^2) + eps) over the last dimension, in one pass over x."""
    norm = torch.linalg.vector_norm(x32, dim=-1, keepdim=True)
    return norm.square_().div_(x32.shape[-1]).add_(eps).rsqrt_()


class _RmsNorm(Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        x32 = x.float()
        scale = _inverse_rms(x32, eps)
        ctx.save_for_backward(x, weight, scale)
        return (x32 * scale).to(x.dtype).mul_(weight)

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (dy,) = grad_outputs
        x, weight, scale = ctx.saved_tensors
        x32 = x.float()
        dx = d_weight = None
        if ctx.needs_input_grad[1]:
            d_weight = (dy.float() * x32).mul_(scale).sum(0).to(weight.dtype)
        if ctx.needs_input_grad[0]:
            g = (dy * weight).float()
            inner = (g * x32).mean(-1, keepdim=True) * scale.pow(2)
            dx = g.sub_(x32 * inner).mul_(scale).to(x.dtype)
        return dx, d_weight, None


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / rms(x) * weight over the last dimension (Zhang and Sennrich 2019)."""
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return _RmsNorm.apply(x, weight, eps)
    x32 = x.float()
    return (x32 * _inverse_rms(x32, eps)).to(x.dtype).mul_(weight)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor, width: int, head_dim: int) -> Tensor:
    tokens = x.shape[0]
    out = torch.empty_like(x)
    out[:, width:] = x[:, width:]
    source = x[:, :width].view(tokens, -1, 2, head_dim // 2)
    target = out[:, :width].view(tokens, -1, 2, head_dim // 2)
    a, b, c, s = source[:, :, 0], source[:, :, 1], cos[:, None], sin[:, None]
    if x.dtype == cos.dtype:
        torch.mul(a, c, out=target[:, :, 0]).addcmul_(b, s, value=-1)
        torch.mul(b, c, out=target[:, :, 1]).addcmul_(a, s)
    else:
        a, b = a.to(cos.dtype), b.to(cos.dtype)
        target[:, :, 0] = a * c - b * s
        target[:, :, 1] = b * c + a * s
    return out


class _Rope(Function):
    @staticmethod
    def forward(ctx, x: Tensor, cos: Tensor, sin: Tensor, width: int, head_dim: int) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.sizes = (width, head_dim)
        return _rotate(x, cos, sin, width, head_dim)

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (dy,) = grad_outputs
        cos, sin = ctx.saved_tensors
        return _rotate(dy.contiguous(), cos, -sin, *ctx.sizes), None, None, None, None


def rope(x: Tensor, cos: Tensor, sin: Tensor, width: int, head_dim: int) -> Tensor:
    """Rotates the heads in the first `width` columns of packed q|k|v [T, q + k + v]; the rest
    passes unchanged.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _Rope.apply(x, cos, sin, width, head_dim)
    return _rotate(x, cos, sin, width, head_dim)


class _SwiGlu(Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        gate, up = x.chunk(2, -1)
        return torch.nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (dy,) = grad_outputs
        (x,) = ctx.saved_tensors
        gate, up = x.chunk(2, -1)
        sigmoid = torch.sigmoid(gate)
        out = torch.empty_like(x)
        d_gate, d_up = out.chunk(2, -1)
        silu = sigmoid * gate
        torch.mul(dy, silu, out=d_up)
        # silu' = sigmoid + silu (1 - sigmoid)
        slope = sigmoid.add_(silu.mul_(1 - sigmoid))
        torch.mul(slope.mul_(dy), up, out=d_gate)
        return out


def swiglu(x: Tensor) -> Tensor:
    """silu(gate) * up of fused gate|up [T, 2 I] (Shazeer 2020) -> [T, I]."""
    if torch.is_grad_enabled() and x.requires_grad:
        return _SwiGlu.apply(x)
    gate, up = x.chunk(2, -1)
    return torch.nn.functional.silu(gate).mul_(up)


class _LoraLinear(Function):
    """y = x W + scale (x A_i^T) B_i^T, for several adapters i that each write a range of y's
    columns.
    """

    @staticmethod
    def forward(
        ctx, x: Tensor, weight: Tensor, bias: Tensor | None, scale: float, ranges, *factors: Tensor
    ) -> Tensor:
        a = torch.cat([f.to(x.dtype) for f in factors[0::2]])
        b = [f.to(x.dtype) for f in factors[1::2]]
        y = torch.mm(x, weight) if bias is None else torch.addmm(bias, x, weight)
        inner = torch.mm(x, a.t())
        rank = factors[0].shape[0]
        for i, (start, end) in enumerate(ranges):
            y[:, start:end].addmm_(inner[:, i * rank : (i + 1) * rank], b[i].t(), alpha=scale)
        ctx.save_for_backward(x, weight, inner, a, *b)
        ctx.scale, ctx.ranges, ctx.rank = scale, ranges, rank
        return y

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        (dy,) = grad_outputs
        x, weight, inner, a, *b = ctx.saved_tensors
        rank, scale = ctx.rank, ctx.scale
        d_inner = torch.empty_like(inner)
        d_b = []
        for i, (start, end) in enumerate(ctx.ranges):
            part, columns = dy[:, start:end], slice(i * rank, (i + 1) * rank)
            torch.mm(part, b[i], out=d_inner[:, columns])
            d_b.append(torch.mm(part.t(), inner[:, columns]).mul_(scale))
        d_inner.mul_(scale)
        d_a = torch.mm(d_inner.t(), x)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.mm(dy, weight.t()).addmm_(d_inner, a)
        grads = []
        for i in range(len(ctx.ranges)):
            grads += [d_a[i * rank : (i + 1) * rank].float(), d_b[i].float()]
        return dx, None, None, None, None, *grads


def lora_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: float,
    ranges: list[tuple[int, int]],
    factors: list[Tensor],
) -> Tensor:
    """Frozen map [in, out] plus low-rank adapters (Hu et al. 2021).

    `factors` alternates A_i [rank, in] and B_i [width of range i, rank], float32; `ranges` are
    column ranges of the output.
    """
    return _LoraLinear.apply(x, weight, bias, scale, ranges, *factors)
