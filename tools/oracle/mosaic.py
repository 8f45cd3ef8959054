"""MosaicGPT, the first generation of MPT, which transformers does not have: what was released as MPT-1B, written from its description
(mosaicml/examples, April 2023) for torch, with the interface that open_flamingo and transformers' generation ask for.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput


class MosaicGPTConfig(PretrainedConfig):
    model_type = "mosaic_gpt"

    def __init__(self, d_model=2048, n_heads=16, n_layers=24, mlp_ratio=4, max_seq_len=2048, vocab_size=50432, **kwargs):
        self.d_model, self.n_heads, self.n_layers, self.mlp_ratio = d_model, n_heads, n_layers, mlp_ratio
        self.max_seq_len, self.vocab_size = max_seq_len, vocab_size
        # As MPT-1B has them.
        self.alibi, self.alibi_bias_max, self.attn_qk_ln, self.no_bias = True, 8, True, True
        self.attn_clip_qkv = self.softmax_scale = self.logit_scale = None
        self.prefix_lm, self.low_precision_layernorm = False, True
        super().__init__(use_cache=False, **kwargs)

    @property
    def hidden_size(self):
        return self.d_model


def norm(width):
    n = nn.LayerNorm(width)
    n.register_parameter("bias", None)
    return n


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.n_heads
        self.Wqkv = nn.Linear(c.d_model, 3 * c.d_model, bias=False)
        self.q_ln, self.k_ln = norm(c.d_model), norm(c.d_model)
        self.out_proj = nn.Linear(c.d_model, c.d_model, bias=False)
        self.slopes = [2.0 ** (-c.alibi_bias_max * (h + 1) / c.n_heads) for h in range(c.n_heads)]

    def forward(self, x, shown):
        b, t, d = x.shape
        q, k, v = self.Wqkv(x).split(d, dim=-1)
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in (self.q_ln(q), self.k_ln(k), v))
        back = torch.arange(t)[None, :] - torch.arange(t)[:, None]  # key − query
        scores = q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5 + torch.tensor(self.slopes)[:, None, None] * back
        scores = scores.masked_fill(~(shown[:, None, None, :].bool() & (back <= 0)), torch.finfo(scores.dtype).min)
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.ln_2, self.attn = norm(c.d_model), norm(c.d_model), Attention(c)
        self.mlp = nn.ModuleDict({
            "mlp_up": nn.Linear(c.d_model, c.mlp_ratio * c.d_model, bias=False),
            "mlp_down": nn.Linear(c.mlp_ratio * c.d_model, c.d_model, bias=False)})

    def forward(self, x, attention_mask=None):
        x = x + self.attn(self.ln_1(x), attention_mask)
        return x + self.mlp["mlp_down"](F.gelu(self.mlp["mlp_up"](self.ln_2(x))))


class MosaicGPT(PreTrainedModel):
    config_class = MosaicGPTConfig

    def __init__(self, c):
        super().__init__(c)
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(c.vocab_size, c.d_model), "blocks": nn.ModuleList(Block(c) for _ in range(c.n_layers)), "ln_f": norm(c.d_model)})

    def get_input_embeddings(self):
        return self.transformer.wte

    def set_input_embeddings(self, table):
        self.transformer.wte = table

    def get_output_embeddings(self):
        return None  # it has no module for it

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def forward(self, input_ids, attention_mask=None, labels=None, past_key_values=None, use_cache=None, return_dict=None, **_):
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        x = self.transformer.wte(input_ids)
        for block in self.transformer.blocks:
            x = block(x, attention_mask=attention_mask)
        logits = F.linear(self.transformer.ln_f(x), self.transformer.wte.weight)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutput(loss=loss, logits=logits)
