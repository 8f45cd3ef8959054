"""Records PyTorch's results and gradients of every operation of package tensor.

    python tools/oracle/tensor.py tensor/testdata/ops.safetensors

For each case: NAME.in0 ..., the result NAME.out, a cotangent NAME.dout, and NAME.grad0 ... (the gradients of sum(out * dout)
by each input). Constants of a case (ids, masks) are NAME.KEY.
"""

import math
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers.models.t5.modeling_t5 import T5Attention

torch.manual_seed(20261123)
torch.set_num_threads(1)
record = {}


def randn(*shape, scale=1.0, shift=0.0):
    return torch.randn(*shape, dtype=torch.float64) * scale + shift


def case(name, f, *inputs, **constants):
    """Computes in float64 and stores float32, so that what is compared is the rounding of one side only."""
    ins = [x.float().double().requires_grad_() for x in inputs]
    out = f(*ins)
    dout = randn(*out.shape).float().double() if out.dim() else randn(1).float().double()
    (out * dout).sum().backward()
    for i, x in enumerate(ins):
        record[f"{name}.in{i}"] = x.detach().float().clone()
        record[f"{name}.grad{i}"] = x.grad.float() if x.grad is not None else torch.zeros_like(x).float()
    record[f"{name}.out"] = out.detach().float().reshape(out.shape or (1,))
    record[f"{name}.dout"] = dout.float()
    for key, value in constants.items():
        record[f"{name}.{key}"] = value.clone()


acts = {
    "none": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_quick": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
for name, act in acts.items():
    case("linear_" + name, lambda x, w, b: act(F.linear(x, w, b)), randn(2, 3, 13), randn(7, 13, scale=0.5), randn(7))
    case("act_" + name, act, randn(3, 37, scale=2))
case("linear_no_bias", lambda x, w: F.linear(x, w), randn(5, 16), randn(9, 16))
case(
    "feed_forward", lambda x, w1, b1, w2, b2: F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2),
    randn(2, 5, 8), randn(24, 8, scale=0.4), randn(24), randn(8, 24, scale=0.2), randn(8),
)
case("matmul", lambda a, b: a @ b, randn(5, 7), randn(7, 6))
case("matmul_trans", lambda a, b: a @ b.T, randn(5, 7), randn(6, 7))

case("add", lambda a, b: a + b, randn(3, 4, 5), randn(3, 4, 5))
case("add_end", lambda a, b: a + b, randn(3, 4, 5), randn(4, 5))
case("add_twice", lambda a: a + a, randn(3, 5))
case("mul", lambda a, b: a * b, randn(3, 4, 5), randn(3, 4, 5))
case("mul_end", lambda a, b: a * b, randn(3, 4, 5), randn(5))
case("scale", lambda x: x * 0.37, randn(3, 7))
case("scale_by", lambda x, s: x * s, randn(3, 7), randn(1))
case("div_by", lambda x, s: x / s, randn(3, 7), randn(1, shift=2))
case("glu_silu", lambda g, u: F.silu(g) * u, randn(3, 19), randn(3, 19))
case("glu_gelu_tanh", lambda g, u: F.gelu(g, approximate="tanh") * u, randn(3, 19), randn(3, 19))
case("add_n", lambda a, b, c: a + b + c, randn(2, 5), randn(2, 5), randn(2, 5))
case("sum_all", lambda x: x.sum(), randn(4, 9))

case("layer_norm", lambda x, w, b: F.layer_norm(x, (19,), w, b, 1e-5), randn(3, 4, 19, shift=1), randn(19), randn(19))
case("layer_norm_no_bias", lambda x, w: F.layer_norm(x, (16,), w, None, 1e-12), randn(5, 16), randn(16))
case("layer_norm_many_rows", lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-6), randn(77, 8), randn(8), randn(8))
case("add_layer_norm", lambda x, y, w, b: F.layer_norm(x + y, (19,), w, b, 1e-12), randn(2, 5, 19), randn(2, 5, 19), randn(19), randn(19))
case("add_layer_norm_twice", lambda x, w, b: F.layer_norm(x + x, (19,), w, b, 1e-5), randn(4, 19), randn(19), randn(19))
case("rms_norm", lambda x, w: x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt() * w, randn(41, 19), randn(19))
case("softmax", lambda x: x.softmax(-1), randn(4, 3, 11, scale=3))
case("normalize", lambda x: F.normalize(x, dim=-1, eps=1e-12), randn(4, 3, 11))

ids = torch.tensor([3, 0, 5, 3, 3, 8], dtype=torch.int32)
case("embedding", lambda w: F.embedding(ids.long().view(2, 3), w), randn(9, 7), ids=ids)
index = torch.tensor([2, 2, 0, 1, 2], dtype=torch.int32)
case("gather", lambda x: x[index.long()], randn(3, 4, 5), index=index)
case("expand", lambda x: x.expand(4, 3, 5), randn(1, 3, 5))
case("expand_new", lambda x: x.expand(4, 3, 5), randn(3, 5))
case("concat0", lambda a, b, c: torch.cat([a, b, c], 0), randn(2, 3, 4), randn(1, 3, 4), randn(3, 3, 4))
case("concat1", lambda a, b: torch.cat([a, b], 1), randn(2, 3, 4), randn(2, 5, 4))
case("concat2", lambda a, b: torch.cat([a, b], 2), randn(2, 3, 4), randn(2, 3, 2))
case("slice0", lambda x: x[1:3], randn(4, 3, 5))
case("slice1", lambda x: x[:, 1:3], randn(4, 5, 3))
case("slice2", lambda x: x[:, :, 2:5], randn(2, 3, 6))
case("slice_views", lambda x: x[0:2] * x[1:3], randn(3, 4))
case("reshape", lambda x: x.reshape(4, -1), randn(2, 6, 2))
case("transpose01", lambda x: x.transpose(0, 1), randn(3, 4, 5))
case("transpose02", lambda x: x.transpose(0, 2), randn(3, 4, 5))
case("transpose12", lambda x: x.transpose(1, 2), randn(2, 3, 4, 5))
case("max0", lambda x: x.max(0).values, randn(4, 3, 5))
case("max1", lambda x: x.max(1).values, randn(4, 3, 5))
case("max_last", lambda x: x.max(-1).values, randn(4, 3, 5))
case("mean0", lambda x: x.mean(0), randn(4, 3, 5))
case("mean1", lambda x: x.mean(1), randn(4, 3, 5))
mask = torch.tensor([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.uint8)
case(
    "masked_mean",
    lambda x: (x * mask[..., None]).sum(1) / mask.double().sum(1, keepdim=True),
    randn(3, 4, 5), mask=mask,
)

targets = torch.tensor([3, -100, 0, 10, 7], dtype=torch.int32)
for name, smoothing in [("cross_entropy", 0.0), ("cross_entropy_smooth", 0.1)]:
    case(
        name,
        lambda x: F.cross_entropy(x, targets.long(), ignore_index=-100, label_smoothing=smoothing),
        randn(5, 11, scale=2), targets=targets,
    )
soft = torch.rand(4, 11).softmax(-1)
case("soft_cross_entropy", lambda x: -(soft.double() * x.log_softmax(-1)).sum(-1).mean(), randn(4, 11, scale=2), soft=soft)

positions = torch.tensor([0, 1, 2, 5, 9, 300], dtype=torch.int32)


def rotary(x, heads, dim, base, interleaved):
    b, t, n = x.shape
    y = x.view(b, t, heads, n // heads)
    frequency = 1.0 / (base ** (torch.arange(0, dim, 2).float() / dim))
    angle = (positions.float().view(b, t, 1) * frequency).double()[:, :, None]
    turn, rest = y[..., :dim], y[..., dim:]
    c, s = angle.cos(), angle.sin()
    if interleaved:
        u, v = turn[..., 0::2], turn[..., 1::2]
        turned = torch.stack([u * c - v * s, v * c + u * s], -1).flatten(-2)
    else:
        u, v = turn.chunk(2, -1)
        turned = torch.cat([u * c - v * s, v * c + u * s], -1)
    return torch.cat([turned, rest], -1).reshape(b, t, n)


case("rotary", lambda x: rotary(x, 3, 8, 10000.0, False), randn(2, 3, 24), positions=positions)
case("rotary_interleaved", lambda x: rotary(x, 2, 8, 100000.0, True), randn(2, 3, 20), positions=positions)


def attention(q, ks, vs, heads, kv_heads=None, scale=None, visible=None, bias=None):
    """visible: bool, broadcast to [B, heads, Tq, Tk]."""
    kv_heads = kv_heads or heads
    b, tq, n = q.shape
    d = n // heads
    k, v = torch.cat(ks, 1), torch.cat(vs, 1)
    q = q.view(b, tq, heads, d).transpose(1, 2)
    k = k.view(b, -1, kv_heads, d).transpose(1, 2).repeat_interleave(heads // kv_heads, 1)
    v = v.view(b, -1, kv_heads, d).transpose(1, 2).repeat_interleave(heads // kv_heads, 1)
    scores = q @ k.transpose(-1, -2) * (scale or 1 / math.sqrt(d))
    if bias is not None:
        scores = scores + bias
    if visible is not None:
        scores = scores.masked_fill(~visible, -math.inf)
    return (scores.softmax(-1).nan_to_num() @ v).transpose(1, 2).reshape(b, tq, n)


def attend(name, q, ks, vs, f, **constants):
    n = len(ks)
    case(name, lambda q, *kv: f(q, kv[:n], kv[n:]), q, *ks, *vs, **constants)


attend("attention", randn(2, 5, 24), [randn(2, 7, 24)], [randn(2, 7, 24)], lambda q, k, v: attention(q, k, v, 3))
key_mask = torch.tensor([[1, 1, 0, 1, 0, 1, 1], [1, 1, 1, 0, 0, 0, 0]], dtype=torch.uint8)
attend(
    "attention_key_mask", randn(2, 5, 24), [randn(2, 7, 24)], [randn(2, 7, 24)],
    lambda q, k, v: attention(q, k, v, 3, scale=0.2, visible=key_mask.bool()[:, None, None]), mask=key_mask,
)
any_mask = (torch.rand(2, 5, 7) < 0.6).to(torch.uint8)
any_mask[0, 2] = 0
mask_one = any_mask[1:]


def masked(q, k, v):
    # A row that sees nothing: PyTorch's softmax gives NaN and its gradient too; leave it out of the sum.
    out = []
    for b in range(2):
        for i in range(5):
            seen = any_mask[b, i].bool()
            if not seen.any():
                out.append(torch.zeros(24, dtype=torch.float64))
                continue
            out.append(attention(q[b:b + 1, i:i + 1], [k[0][b:b + 1, seen]], [v[0][b:b + 1, seen]], 3)[0, 0])
    return torch.stack(out).view(2, 5, 24)


attend("attention_mask", randn(2, 5, 24), [randn(2, 7, 24)], [randn(2, 7, 24)], masked, mask=any_mask)
attend(
    "attention_mask_shared", randn(2, 5, 24), [randn(2, 7, 24)], [randn(2, 7, 24)],
    lambda q, k, v: attention(q, k, v, 3, visible=mask_one.bool()[:, None]), mask=mask_one,
)
attend(
    "attention_causal_grouped", randn(2, 4, 24), [randn(2, 6, 8)], [randn(2, 6, 8)],
    lambda q, k, v: attention(q, k, v, 6, 2, visible=torch.ones(4, 6).bool().tril(2)),
)
index = torch.tensor([1, 0, 1], dtype=torch.int32)
causal = torch.cat([torch.ones(4, 3).bool(), torch.ones(4, 4).bool().tril()], 1)
attend(
    "attention_segments", randn(3, 4, 16), [randn(2, 3, 16), randn(3, 4, 16)], [randn(2, 3, 16), randn(3, 4, 16)],
    lambda q, k, v: attention(q, (k[0][index.long()], k[1]), (v[0][index.long()], v[1]), 2, visible=causal), index=index,
)
bias = randn(3, 5, 7).float()
attend(
    "attention_bias", randn(2, 5, 24), [randn(2, 7, 24)], [randn(2, 7, 24)],
    lambda q, k, v: attention(q, k, v, 3, bias=bias.double()), bias=bias,
)


def conv(x, w, b, stride, pad, groups=1, act=lambda x: x):
    top, left, bottom, right = pad
    x = F.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom))
    return act(F.conv2d(x, w, b, stride=stride, groups=groups)).permute(0, 2, 3, 1)


case("conv3x3", lambda x, w, b: conv(x, w, b, (1, 1), (1, 1, 1, 1)), randn(2, 5, 6, 3), randn(4, 3, 3, 3), randn(4))
case("conv_same2", lambda x, w, b: conv(x, w, b, (2, 2), (0, 0, 1, 1), act=F.relu6), randn(2, 6, 8, 3), randn(5, 3, 3, 3), randn(5))
case("conv_patch", lambda x, w: conv(x, w, None, (2, 3), (0, 0, 0, 0)), randn(2, 4, 6, 3), randn(5, 3, 2, 3))
case("conv1x1", lambda x, w, b: conv(x, w, b, (1, 1), (0, 0, 0, 0), act=F.relu), randn(2, 3, 4, 6), randn(5, 6, 1, 1), randn(5))
case("depthwise3", lambda x, w, b: conv(x, w, b, (1, 1), (1, 1, 1, 1), 5, F.relu6), randn(2, 5, 4, 5), randn(5, 1, 3, 3), randn(5))
case("depthwise5_stride2", lambda x, w: conv(x, w, None, (2, 2), (1, 1, 2, 2), 7), randn(1, 6, 6, 7), randn(7, 1, 5, 5))

# T5's biases by distance, which learn. Later than the rest, whose values so stay.


def relative(table, tq, tk, first, ahead, far):
    rp = torch.arange(tk)[None] - torch.arange(tq)[:, None] - first
    n = table.shape[0]
    return table[T5Attention._relative_position_bucket(rp, ahead, n, far)].permute(2, 0, 1)


def biased(q, k, v, table):
    return attention(q, [k], [v], 3, scale=1.0, bias=relative(table, 5, 7, 2, False, 6))


case("attention_relative", biased, randn(2, 5, 24, scale=0.5), randn(2, 7, 24, scale=0.5), randn(2, 7, 24), randn(4, 3))
def by_distance(table, tq, tk, first, ahead, far):
    """What the first query sees of all keys, and before that what each query behind it sees of the first key, the last query first."""
    return torch.cat([relative(table, tq, tk, first, ahead, far).flip(1)[:, :-1, 0], relative(table, tq, tk, first, ahead, far)[:, 0]], 1)


case("relative_ahead", lambda t: by_distance(t, 3, 330, 160, True, 128), randn(32, 2))
case("relative_behind", lambda t: by_distance(t, 3, 170, 167, False, 128), randn(32, 2))

save_file({k: v.contiguous() for k, v in record.items()}, sys.argv[1])
