"""What transformers' beam search makes of small tables of logits, under every way of stopping, penalties, and rules:

    python tools/oracle/beams.py

writes generate/testdata/beams.json. The logits behind a row of ids are t[last] + u[the one before]; rows of a case are searched together.
"""

import json
import random
from pathlib import Path

import torch
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

OUT = Path(__file__).parents[2] / "generate" / "testdata" / "beams.json"
WORDS = ["a", "b", "c", "ab", "ca", "bb", "."]


class Config(PreTrainedConfig):
    model_type = "table"
    num_hidden_layers, hidden_size, num_attention_heads, vocab_size = 1, 4, 1, len(WORDS)


class Table(PreTrainedModel, GenerationMixin):
    config_class = Config
    main_input_name = "input_ids"

    def __init__(self, t, u):
        super().__init__(Config())
        self.t, self.u, self.somewhere = t, u, torch.nn.Parameter(torch.zeros(1))

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids}

    def forward(self, input_ids, **_):
        before = input_ids.roll(1, 1)
        before[:, 0] = 0
        return CausalLMOutput(logits=self.t[input_ids] + self.u[before])


class Tokenizer:
    """As much of one as stop strings need."""

    def get_vocab(self):
        return {w: i for i, w in enumerate(WORDS)}

    def __call__(self, text, add_special_tokens):
        self.text = text  # of a prefix, behind which words are decoded
        return {"input_ids": [-1]}

    def _convert_id_to_token(self, i):
        return self.text if i < 0 else WORDS[i]

    def convert_tokens_to_string(self, tokens):
        return "".join(tokens)


def case(seed):
    r = random.Random(seed)
    torch.manual_seed(seed)
    v = len(WORDS)
    t, u = ((torch.randn(v, v) * r.choice([0.5, 1, 3])).mul(1000).round().div(1000) for _ in range(2))
    prompts = torch.randint(0, v, (r.choice([1, 1, 2]), r.choice([1, 2, 4])))
    eos = r.sample(range(v), r.choice([0, 1, 1, 2]))
    o = dict(max_new_tokens=r.choice([1, 2, 5, 9]), num_beams=r.choice([2, 3, 5]), repetition_penalty=r.choice([1.0, 1.0, 1.3, 0.6]),
             length_penalty=r.choice([0.0, 1.0, -1.0, 2.0, 0.5]), early_stopping=r.choice([True, False, "never"]))
    if r.random() < 0.35:
        o["min_new_tokens"] = r.randrange(1, o["max_new_tokens"] + 1)
    if r.random() < 0.2:
        o["no_repeat_ngram_size"] = r.choice([2, 3])
    if r.random() < 0.2:
        o["bad_words_ids"] = [[r.randrange(v) for _ in range(r.choice([1, 2, 3]))] for _ in range(2)]
    stops = ["".join(r.choice("abc.") for _ in range(r.choice([2, 3]))) for _ in range(r.choice([1, 2]))] if r.random() < 0.3 else []
    more = dict(stop_strings=stops, tokenizer=Tokenizer()) if stops else {}
    with torch.no_grad():
        y = Table(t, u).eval().generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), do_sample=False, pad_token_id=0, eos_token_id=eos or None,
                                        return_dict_in_generate=True, output_scores=True, **o, **more)
    return {"t": t.flatten().tolist(), "u": u.flatten().tolist(), "prompts": prompts.tolist(), "eos": eos, "options": o, "stop": stops,
            "new": y.sequences[:, prompts.shape[1]:].tolist(), "scores": y.sequences_scores.tolist()}


def over_the_edge(c):
    """Says whether a stop string begins in a prompt: transformers ends a text there, though nothing that was made holds it."""
    text = lambda ids: "".join(WORDS[i] for i in ids)  # noqa: E731
    return any(stop in text(p + n) and stop not in text(p) and stop not in text(n) for stop in c["stop"] for p, n in zip(c["prompts"], c["new"]))


round3 = lambda x: [round(v, 3) for v in x]  # noqa: E731
cases = [c for c in map(case, range(60)) if not over_the_edge(c)]
for c in cases:
    c["t"], c["u"] = round3(c["t"]), round3(c["u"])
OUT.write_text(json.dumps({"words": WORDS, "cases": cases}, separators=(",", ":")).replace('{"t"', '\n{"t"') + "\n")
print(len(cases), OUT.stat().st_size, min(s for c in cases for s in c["scores"]))
