"""What transformers' generate does to the scores of the next token before it draws one, and where stop strings end a text.

    python tools/oracle/generate.py

reads language/llama/testdata/tiny and language/t5/testdata/flan (which tinyllama of frozen.py and t5.py write) and writes

    generate/testdata/scores.safetensors       CASE.N.{ids,made,logits,probabilities}: what a row holds, how many of its ids are new, the
                                               model's logits, and the distribution that is drawn from; cases.json has each case's arguments
    generate/testdata/ties.json                logits of which many are equal, and what top-k and then top-p leave of them to be drawn
    language/llama/testdata/tiny/stops.json    words for each id, and what is generated until a stop string
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, T5ForConditionalGeneration, TopKLogitsWarper, TopPLogitsWarper

ROOT = Path(__file__).parents[2]
CASES = [
    dict(model="llama", temperature=1.0, top_k=0),
    dict(model="llama", temperature=0.6, top_k=0),
    dict(model="llama", temperature=1.8, top_k=7),
    dict(model="llama", temperature=1.0, top_k=0, top_p=0.7),
    dict(model="llama", temperature=1.5, top_k=12, top_p=0.5),
    dict(model="llama", temperature=0.9, top_k=200, top_p=0.95, repetition_penalty=1.7),
    dict(model="llama", temperature=1.2, top_k=9, top_p=0.8, repetition_penalty=0.7, min_new_tokens=3, eos=[2, 5, 40]),
    dict(model="llama", temperature=1.3, top_k=1),
    dict(model="t5", temperature=1.1, top_k=11, top_p=0.85, repetition_penalty=2.0, min_new_tokens=2, eos=[1, 13, 29]),
    dict(model="llama", temperature=3.0, top_k=0, suppress_tokens=[3, 17], begin_suppress_tokens=[9, 11], bad_words_ids=[[5], [2], [25, 40], [12, 7, 25, 8], [30, 25, 1]], eos=[2]),
    dict(model="llama", temperature=2.0, top_k=0, no_repeat_ngram_size=2, repetition_penalty=1.3),
    dict(model="llama", temperature=2.0, top_k=4, no_repeat_ngram_size=1, forced_bos_token_id=9, forced_eos_token_id=[21, 22]),
    dict(model="t5", temperature=1.5, top_k=0, forced_bos_token_id=7, forced_eos_token_id=13, begin_suppress_tokens=[5, 6], min_new_tokens=9, eos=[13]),
    dict(model="t5", temperature=1.5, top_k=0, begin_suppress_tokens=[5, 6], no_repeat_ngram_size=3, bad_words_ids=[[0, 4], [4, 4]]),
]


def llama():
    folder = ROOT / "language/llama/testdata/tiny"
    c = json.loads((folder / "config.json").read_text())
    m = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in c.items() if k not in ("architectures", "dtype", "transformers_version")}))
    m.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return m.eval()


def scores():
    ms = {"llama": llama(), "t5": T5ForConditionalGeneration.from_pretrained(ROOT / "language/t5/testdata/flan").eval()}
    out = {}
    for n, case in enumerate(CASES):
        args = dict(case)
        m = ms[args.pop("model")]
        eos = args.pop("eos", [])
        torch.manual_seed(n)
        prompt = torch.tensor([[7, 30, 12, 7, 25]])
        r = m.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=True, max_new_tokens=4, pad_token_id=0,
                       eos_token_id=eos or None, return_dict_in_generate=True, output_scores=True, output_logits=True, **args)
        before = r.sequences.shape[1] - len(r.scores)
        for i, (logits, processed) in enumerate(zip(r.logits, r.scores)):
            out[f"{n}.{i}.ids"] = r.sequences[0, : before + i].float()
            out[f"{n}.{i}.made"] = torch.tensor([float(i)])
            out[f"{n}.{i}.logits"] = logits[0].float()
            out[f"{n}.{i}.probabilities"] = processed[0].float().softmax(-1)
        print(case, r.sequences.tolist(), [int((p > -1e30).sum()) for p in r.scores])
    folder = ROOT / "generate/testdata"
    folder.mkdir(exist_ok=True)
    save_file({k: v.contiguous().clone() for k, v in out.items()}, folder / "scores.safetensors")
    (folder / "cases.json").write_text("[\n " + ",\n ".join(json.dumps(c) for c in CASES) + "\n]\n")


def ties():
    g = torch.Generator().manual_seed(3)
    out = []
    for top_k, top_p in [(0, 0.7), (0, 0.3), (5, 0.9), (3, 0.5), (1, 0.5), (0, 0.0001)]:
        for _ in range(4):
            logits = torch.randint(0, 3, (1, 12), generator=g).float()
            kept = TopKLogitsWarper(top_k)(None, logits) if top_k else logits
            kept = TopPLogitsWarper(top_p)(None, kept)
            out.append({"logits": logits[0].tolist(), "top_k": top_k, "top_p": top_p, "kept": kept[0].isfinite().nonzero().flatten().tolist()})
    (ROOT / "generate/testdata/ties.json").write_text("[\n " + ",\n ".join(json.dumps(c) for c in out) + "\n]\n")


class Words:
    """As much of a tokenizer as stop strings need: ids stand for words that are written without spaces between them."""

    def __init__(self, words):
        self.words = words

    def get_vocab(self):
        return {w: i for i, w in enumerate(self.words)}

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [self.words.index(c) for c in text]}

    def _convert_id_to_token(self, i):
        return self.words[i]

    def convert_tokens_to_string(self, tokens):
        return "".join(tokens)


def stops():
    """A vocabulary of short pieces, so that a stop string begins in one token and ends in another, or within one."""
    pieces = [a + b for a in ("", "a", "b", "ab", "ca", ".", "é", "d ") for b in "abcdefé. xyz"] + ["abc", "a b", "..", ". a", "é.", "dab", "cab", "xa"]
    words = ["<pad>", "<s>", "</s>"]
    words += [p for p in dict.fromkeys(pieces) if p not in words][: 96 - len(words)]
    tok = Words(words)
    m = llama()
    prompts = [[7, 30, 12], [50, 21, 9, 60], [11]]
    cases = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        args = dict(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=0, eos_token_id=None, max_new_tokens=24)
        free = m.generate(**args)[0, len(prompt):].tolist()
        text = "".join(words[i] for i in free)
        for stop in ([text[9:12]], [text[14:16], text[20:25]], ["fff", text[5:11]], ["fff"]):
            for beams in (1, 3):
                made = m.generate(stop_strings=stop, tokenizer=tok, num_beams=beams, **args)[0, len(prompt):].tolist()
                cases.append({"prompt": prompt, "stop": stop, "beams": beams, "new": made})
                print(stop, beams, made, repr("".join(words[i] for i in made)))
    folder = ROOT / "language/llama/testdata/tiny"
    (folder / "stops.json").write_text(json.dumps({"words": words, "cases": cases}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    scores()
    ties()
    stops()
