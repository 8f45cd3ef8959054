"""What tokenizers and transformers make of the vocabularies in tokenizer/testdata when they are put together as the released
models' are: as a tokenizer.json, as the older files in a directory, and under many patterns. Run after tokenizer.py.

    python tools/oracle/tokenizer_kinds.py     # tokenizer/testdata/kinds.json
"""

import json
import os
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import AutoTokenizer, BertTokenizer, CLIPTokenizer, GPT2Tokenizer, LlamaTokenizer, T5Tokenizer

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tokenizer", "testdata")

TEXTS = [
    "", " ", "a", " a", "  a  b ", "A cat sleeps on a warm sofa.", "don't , you'll see 12 shops\n\n\tand  345 windows   ",
    "<s>a</s> b</s>c", "<image><image> a", "[PAD] x[PAD]", "x <unk> y", "[CLS]Hi [DEC] [MASK] !", "<extra_id_0> a <extra_id_99>b", "<|endoftext|>x<|im_start|> y",
    "naïve Übersetzer ΟΔΟΣ İ ① ½ 日本語、한국어 \u0e01\u0e34", "e\u0301\u0316 \u1100\u1161\u11a8 \U0001f469\u200d\U0001f469\u200d\U0001f467\ufe0f",
    "\u0378 \u24d0b \u32ff \U00011935\U00011930 \ua7cb \u1c89 \u00b2\u00bd \U0001e030 \u0897a \U00010d40",  # newer than some tables
    "\x00a\x07\u200b\u00ad\ufeff\ufffd\u2028b\u3000c\u00a0", "▁a ▁▁b", "Cat catalog cat", "x        y" + "z" * 30, "\r\n \r\n", "\tindented",
    "<|EndOfText|> <|StartOfText|>a",
]

ADDED = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
GPT2_WORDS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def token(id, content, **flags):
    return {"id": id, "content": content} | ADDED | flags


def template(*parts):
    """A post-processor: names with ids, and None for the text."""
    single = [{"Sequence": {"id": "A", "type_id": 0}} if p is None else {"SpecialToken": {"id": p[0], "type_id": 0}} for p in parts]
    names = {p[0]: {"id": p[0], "ids": [p[1]], "tokens": [p[0]]} for p in parts if p}
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": names}


def kinds(load):
    """Parts of a tokenizer.json in the places of those of a trained one."""
    llama = {"added_tokens": [token(0, "<unk>"), token(1, "<s>"), token(2, "</s>"), token(500, "[PAD]"), token(501, "<image>"), token(502, "<video>")],
             "post_processor": template(("</s>", 2), None)}
    spaces = [token(420 + i, " " * (12 - i), normalized=True, special=False) for i in range(11)]
    yield "opt", "bytelevel", {
        "pre_tokenizer": GPT2_WORDS, "post_processor": template(("</s>", 5), None),
        "added_tokens": [token(3, "<s>", normalized=True), token(4, "<pad>", normalized=True), token(5, "</s>", normalized=True), token(420, "<image>")]}
    yield "neox", "bytelevel", {
        "normalizer": {"type": "NFC"}, "pre_tokenizer": GPT2_WORDS, "post_processor": GPT2_WORDS | {"add_prefix_space": True},
        "added_tokens": [token(0, "<|endoftext|>"), token(1, "<|im_start|>", special=False)] + spaces}
    yield "roberta", "bytelevel", {
        "pre_tokenizer": GPT2_WORDS | {"add_prefix_space": True}, "added_tokens": [token(3, "<s>"), token(5, "</s>"), token(420, "<mask>", lstrip=True)],
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 5], "cls": ["<s>", 3], "trim_offsets": True, "add_prefix_space": True}}
    yield "vicuna", "llama", llama
    yield "llama-new", "llama", llama | {
        "normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}}
    yield "t5-old", "t5", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}]}}
    charsmap = load("t5")["normalizer"]["normalizers"][0]
    yield "t5-new", "t5", {
        "normalizer": {"type": "Sequence", "normalizers": [charsmap, {"type": "Strip", "strip_left": False, "strip_right": True},
                                                           {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}}
    yield "bert-cased", "wordpiece", {
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": False},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}}
    yield "stripped-first", "llama", llama | {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Nmt"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}}
    yield "greedy-spaces", "wordlevel", {
        "normalizer": {"type": "Lowercase"}, "decoder": {"type": "Fuse"},
        "added_tokens": [token(1, "[CLS]", normalized=True), token(4, "a", special=False, lstrip=True, rstrip=True, single_word=True),
                         token(60, "  ", special=False, rstrip=True), token(61, "Cat", normalized=True), token(62, "catalog", normalized=True, special=False)]}
    # Bytes for some characters only, and for the marks of a word's parts and of its end.
    pieces = ["<unk>", "a", "##a", "c", "##t</w>", "##at</w>", "cat</w>", " ", "## ", "##."]
    for name, marks, fuse in [("bytes-some", b"#</w>bcdeilops\xc3\xaf\xe2\x96\x81", False), ("bytes-fused", b"bcdeilops", True)]:
        vocab = pieces + [f"<0x{b:02X}>" for b in sorted(set(marks))]
        yield name, "wordlevel", {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "added_tokens": [], "decoder": {"type": "ByteFallback"}, "model": {
            "type": "BPE", "unk_token": "<unk>", "continuing_subword_prefix": "##" if not fuse else None, "end_of_word_suffix": "</w>" if not fuse else None,
            "fuse_unk": fuse, "byte_fallback": True, "ignore_merges": False, "vocab": {t: i for i, t in enumerate(vocab)},
            "merges": [["##a", "##t</w>"], ["c", "##at</w>"]] if not fuse else []}}
    yield "fixed", "wordlevel", {"pre_tokenizer": {"type": "FixedLength", "length": 3}, "decoder": {"type": "CTC", "pad_token": "[PAD]", "word_delimiter_token": "a", "cleanup": True}}
    yield "fixed-byte", "bytelevel", {
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "FixedLength", "length": 2}, GPT2_WORDS]},
        "decoder": {"type": "Sequence", "decoders": [{"type": "CTC", "pad_token": "o", "word_delimiter_token": "\u0120", "cleanup": False}, {"type": "Fuse"}]}}


def directories(load, pieces):
    """Older files: whose vocabulary, the class that reads them, and the files beside."""
    named = lambda **names: {k + "_token": v for k, v in names.items()}
    opt = named(bos="</s>", eos="</s>", unk="</s>", pad="<pad>")
    yield "opt", "bytelevel", GPT2Tokenizer, {"tokenizer_config.json": opt | {"add_bos_token": True, "errors": "replace"}}
    yield "opt-added", "bytelevel", GPT2Tokenizer, {
        "added_tokens.json": {"<image>": 420, "<word>": 421}, "special_tokens_map.json": opt,
        "tokenizer_config.json": {"add_bos_token": True, "additional_special_tokens": ["<image>"]}}
    yield "gpt2", "bytelevel", GPT2Tokenizer, {"tokenizer_config.json": {"model_max_length": 1024}}
    yield "gpt2-prefix", "bytelevel", GPT2Tokenizer, {"tokenizer_config.json": {"add_prefix_space": True, "add_eos_token": True, "pad_token": "[PAD]"}}
    # OpenAI's CLIP names its end token three times: for two roles as one that is found in lower-cased text, at last as a plain string.
    marks = {"__type": "AddedToken"} | token(0, "", normalized=True)
    clip = named(bos=marks | {"content": "<|startoftext|>"}, eos=marks | {"content": "<|endoftext|>"}, unk=marks | {"content": "<|endoftext|>"})
    yield "clip", "clip", CLIPTokenizer, {"tokenizer_config.json": clip | {"pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer"}}
    yield "clip-normalized", "clip", CLIPTokenizer, {"tokenizer_config.json": clip | {"pad_token": "!", "tokenizer_class": "CLIPTokenizer"}}
    llama = named(bos="<s>", eos="</s>", unk="<unk>") | {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False}
    yield "llama-legacy", "llama", LlamaTokenizer, {"tokenizer_config.json": llama | {"legacy": True}}
    yield "llama", "llama", LlamaTokenizer, {"tokenizer_config.json": llama | {"legacy": False, "add_eos_token": True}}
    yield "llama-classless", "llama", AutoTokenizer, {
        "config.json": {"model_type": "llama"}, "tokenizer_config.json": {"add_bos_token": True, "bos_token": "<s>"}}
    yield "llama-classless-prefix", "llama", AutoTokenizer, {
        "config.json": {"model_type": "llama"}, "tokenizer_config.json": {"add_bos_token": True, "bos_token": "<s>", "add_prefix_space": False}}
    yield "llama-no-prefix", "llama", LlamaTokenizer, {"tokenizer_config.json": llama | {"add_prefix_space": False}}
    vicuna = named(bos="</s>", eos="</s>", unk="</s>", pad="[PAD]") | {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True}
    yield "vicuna", "llama", LlamaTokenizer, {"tokenizer_config.json": vicuna | {"added_tokens_decoder": {
        str(i): {k: v for k, v in token(i, t).items() if k != "id"} for i, t in [(0, "<unk>"), (1, "<s>"), (2, "</s>"), (pieces, "[PAD]"), (pieces + 1, "<image>")]}}}
    yield "vicuna-old", "llama", LlamaTokenizer, {"tokenizer_config.json": vicuna, "added_tokens.json": {"[PAD]": pieces}}
    t5 = named(eos="</s>", unk="<unk>", pad="<pad>")
    yield "t5", "t5", T5Tokenizer, {"tokenizer_config.json": t5 | {"extra_ids": 100, "clean_up_tokenization_spaces": True}}
    yield "t5-bare", "t5", T5Tokenizer, {}
    yield "bert", "wordpiece", BertTokenizer, {"tokenizer_config.json": {"do_lower_case": True, "bos_token": "[DEC]", "clean_up_tokenization_spaces": True}}
    yield "bert-accents", "wordpiece", BertTokenizer, {
        "tokenizer_config.json": {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}}


PATTERNS = [
    r"^a|\n$", r"(?m).", r"\h+", r"[^[:space:]]+", r"[[:punct:]]", r"\p{L}++\s?+", r"\bfoo|\b", r"[\w-]+", r"\W+", r"[^\W\d]+",
    r"\p{^L}+", r"[^\P{L}]+", r"\x{1F469}|\u00bd", r"[a-z&&[^aeiou]]+", r"a{,3}b?", r"[[a-c][x-z]]+", r"\p{Punct}|\p{Lu}", r"\N+", r"[]a\]]+", r"\d+|\D",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
]


def files_of(base, load):
    model = load(base)["model"]
    if base in ("bytelevel", "clip"):
        return {"vocab.json": json.dumps(model["vocab"]), "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"])}
    if base == "wordpiece":
        return {"vocab.txt": "".join(t + "\n" for t in sorted(model["vocab"], key=model["vocab"].get))}
    with open(os.path.join(OUT, base + ".model"), "rb") as f:
        return {"spiece.model" if base == "t5" else "tokenizer.model": f.read()}


def main():
    def load(name):
        with open(os.path.join(OUT, name + ".json")) as f:
            return json.load(f)

    out = {"texts": TEXTS, "kinds": [], "directories": [], "patterns": []}
    for name, base, parts in kinds(load):
        t = Tokenizer.from_str(json.dumps(load(base) | parts))
        ids = [t.encode(text).ids for text in TEXTS]
        out["kinds"].append({"name": name, "base": base, "parts": parts, "ids": ids,
                             "decoded": [t.decode(i) for i in ids], "all": [t.decode(i, skip_special_tokens=False) for i in ids]})
    pieces = len(load("llama")["model"]["vocab"])
    for name, base, reader, config in directories(load, pieces):
        with tempfile.TemporaryDirectory() as d:
            for file, data in (files_of(base, load) | {k: json.dumps(v) for k, v in config.items()}).items():
                with open(os.path.join(d, file), "wb") as f:
                    f.write(data if isinstance(data, bytes) else data.encode())
            t = reader.from_pretrained(d)
        ids = [t.encode(text) for text in TEXTS]
        roles = [getattr(t, r + "_token_id") for r in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]
        out["directories"].append({"name": name, "base": base, "config": config, "ids": ids, "roles": [-1 if r is None else r for r in roles],
                                   "decoded": [t.decode(i, skip_special_tokens=True) for i in ids], "all": [t.decode(i) for i in ids]})
    for pattern in PATTERNS:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        out["patterns"].append({"pattern": pattern, "words": [[w for w, _ in split.pre_tokenize_str(text)] for text in TEXTS]})
    with open(os.path.join(OUT, "kinds.json"), "w") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
