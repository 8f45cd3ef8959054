"""Small tokenizers of every family, and what the tokenizers library makes of a
nasty corpus with them, for the tests of package tokenizer. The trainers do not
break ties the same way twice: a run replaces tokenizers and records together.

    /opt/oracle/bin/python tools/oracle/tokenizer.py             # tokenizer/testdata
    /opt/oracle/bin/python tools/oracle/tokenizer.py FILE.gguf   # and smollm2.json, from the built-in model's file
"""

import json
import os
import random
import sys
import tempfile

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tokenizer", "testdata")

TRAIN = """
A dragoman is an interpreter who stands between two parties that cannot speak to each other.
Here the parties are a frozen image encoder and a frozen language model, and the interpreters are learned queries.
A photograph of a red bicycle leaning against a stone wall. A drawing of a cat that sleeps on a warm sofa.
Two dogs run along the beach at sunset. Three children play football in the park, don't they?
It's a busy street with cars, buses and people; you'll see 12 shops, 345 windows and 6789 lights.
Der Übersetzer hört zu und spricht. Ça va, naïve façade? El niño comió piñas. Привет, мир! Γειά σου Κόσμε.
日本語の文章です。中文句子在这里。한국어 문장입니다.
def f(x):\n    return x ** 2 + 1  # a comment\nfor i in range(10):\n\tprint(i, f(i))
"""

CORPUS = [
    "", " ", "   ", "\n", "\t\t", "a", "Hello, world!", "A cat sleeps on a warm sofa.",
    "  a  b\tc\n\nd  ", "   leading", "trailing   ", "\r\n\r\n", "a \n b\n \nc", "x  \n\n  y",
    "I'm you're they'll we've he'd it's O'Neil 'tis 'S DON'T don't", "''' ''s '",
    "12345 3.14 1,000,000 ½ ² Ⅷ ٣٤ a1b22c333", "1", "007",
    "grüße straße İstanbul ÀÉÎ õ naïve façade", "e\u0301 \u0301 a\u0300\u0316 \u1e9b\u0323", "ΑΣ Σας ΟΔΟΣ ǅ ǆ",
    "日本語のテキスト 中文字符 한국어 텍스트", "𠮷野家 \U0002b820 \U0002b920 \uf900",
    "😀👍🏽👩‍👩‍👧‍👦🇰🇷 🫠🥰🤣 ☺️", "ﬁ ﬂ ① ㍿ ｆｕｌｌ ﷺ ࠀ ཀ ｶﾞ", "नमस्ते สวัสดี שלום مرحبا",
    "a\u200bb\u0000c\u0007d\ufffd\u00ade\u200d\ufeff", "\u2028x\u3000y\u2003z\u00a0w\u0085v\u1680", "\u2581mark ▁ ▁▁a",
    "<s>", "<s>a</s>", "</s> </s>", "x<pad>y <unk> z", "<|endoftext|>a<|im_start|>user\nhi<|im_end|>\n",
    "[CLS] a [SEP] [MASK] b[MASK]c  [MASK] [UNK][PAD]", "<extra_id_0> x <extra_id_1>", "<image>a<image> <image>", "imageX <word> a<word>b <word>",
    "def f(x):\n    return x**2  # comment\n", "http://a.b/c?d=e&f=g#h", "$100+50=150<200>^`|~\\ §¶ «a» „b“ — …",
    "unaffable embeddings antidisestablishmentarianism", "don't do not . , ! ? ' s", "It's John's , isn't it ? I 've",
    "<0x41> <0xE6>\\n", "a" * 150, "word " * 60, "ab" * 40 + "日" * 30, "é" * 101, "\u0301" * 20,
]


def noise(count, seed=7):
    """Random texts out of alphabets that do not go together."""
    rng = random.Random(seed)
    alphabets = [
        "abcdefghij XYZ", "  \t\n\r ", "0123456789½²", "'\"!?.,;:-_()[]{}<>/\\@#$%^&*+=|~`", "äöüßéàñÅŞİı",
        "日本語中文한국어", "😀👍🏽\u200d🇰🇷🫠\ufe0f", "\u0301\u0300\u0327\u093f", "\u00a0\u2003\u3000\u2028\u200b\ufeff\u00ad", "▁ĠĊ", "ﬁ①ｆ㍿ﷺ",
        "אבجد กขअआ", "'s't're've'll'd'm",
    ]
    words = [t for t in TRAIN.split()] + ["<s>", "</s>", "<pad>", "[MASK]", "<word>", "<|im_start|>", "<extra_id_0>"]
    texts = []
    for _ in range(count):
        out = ""
        for _ in range(rng.randint(1, 12)):
            if rng.random() < 0.4:
                out += rng.choice(words) + rng.choice(["", " ", "  "])
            else:
                out += "".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randint(1, 6)))
        texts.append(out)
    return texts


def byte_level():
    """GPT-2's and SmolLM's kind: digits one by one, byte-level BPE, nothing around; OPT puts </s> before."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "<pad>", "</s>"])
    t.train_from_iterator(TRAIN.split("\n"), trainer)
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 5)])
    t.add_tokens([AddedToken("<image>", normalized=False), AddedToken("<word>", single_word=True, normalized=False)])
    return t


def split_regex():
    """LLaMA 3's kind: a pattern with look-ahead, whole words before merges."""
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
        special_tokens=["<s>", "</s>"])
    t.train_from_iterator(TRAIN.split("\n"), trainer)
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])])
    return t


def word_piece():
    """BERT, uncased."""
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(TRAIN.split("\n"), trainers.WordPieceTrainer(vocab_size=320, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    t.add_special_tokens([AddedToken("[MASK]", lstrip=True, rstrip=True), "[DEC]"])
    t.add_tokens([AddedToken("<WORD>", single_word=True, normalized=True)])
    return t


def train_spm(kind, **options):
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "text"), "w") as f:
            f.write(TRAIN)
        spm.SentencePieceTrainer.train(
            input=os.path.join(d, "text"), model_prefix=os.path.join(d, "m"), model_type=kind,
            hard_vocab_limit=False, num_threads=1, minloglevel=2, **options)
        with open(os.path.join(d, "m.model"), "rb") as f:
            return f.read()


def parse(raw):
    m = pb.ModelProto()
    m.ParseFromString(raw)
    return m


def llama(raw):
    """LLaMA 2's kind: SentencePiece BPE with bytes, spaces as marks, by the normaliser."""
    m = parse(raw)
    vocab = {p.piece: i for i, p in enumerate(m.pieces)}
    scores = {p.piece: p.score for p in m.pieces if p.type == 1}
    merges = []
    for piece, score in scores.items():
        local = [(piece[:i], piece[i:], score) for i in range(1, len(piece)) if piece[:i] in scores and piece[i:] in scores]
        merges += sorted(local, key=lambda x: (vocab[x[0]], vocab[x[1]]))
    merges.sort(key=lambda x: (x[2], len(x[0]), len(x[1])), reverse=True)
    t = Tokenizer(models.BPE(vocab, [(a, b) for a, b, _ in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    t.add_special_tokens(["<unk>", "<s>", "</s>", "<pad>"])
    return t


def t5(raw):
    """T5's kind: Unigram, SentencePiece's table of replacements, Metaspace."""
    m = parse(raw)
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], unk_id=2, byte_fallback=False))
    t.normalizer = normalizers.Sequence([
        normalizers.Precompiled(m.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")])
    t.decoder = decoders.Metaspace("▁", "always")
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    t.add_special_tokens(["<pad>", "</s>", "<unk>"] + [AddedToken(f"<extra_id_{i}>", lstrip=i == 1, rstrip=False) for i in range(2)])
    return t


def clip():
    """CLIP's kind: a mark at the end of each word, lower case, words by a pattern that is kept rather than split at."""
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(words, "removed", invert=True), pre_tokenizers.ByteLevel(False)])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, end_of_word_suffix="</w>", initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())[:120], show_progress=False,
        special_tokens=["<|startoftext|>", "<|endoftext|>"])
    t.train_from_iterator(TRAIN.lower().split("\n"), trainer)
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False)
    return t


def plain():
    """BPE over characters with unknown ones, pieces within a word marked."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, continuing_subword_prefix="##"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.decoder = decoders.WordPiece("##", cleanup=False)
    trainer = trainers.BpeTrainer(vocab_size=160, limit_alphabet=50, continuing_subword_prefix="##", special_tokens=["<unk>"], show_progress=False)
    t.train_from_iterator(TRAIN.split("\n"), trainer)
    return t


def word_level():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Strip()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")])
    t.train_from_iterator(TRAIN.split("\n"), trainers.WordLevelTrainer(vocab_size=60, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return t


def unigram_bytes(raw):
    """Unigram that spells what it does not know as bytes."""
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in parse(raw).pieces], unk_id=0, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first")
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "first")])
    return t


def charsmap_rules():
    """A few of the rules of nmt_nfkc, so that the committed table is small."""
    rules = {"\t": " ", "\n": " ", "\r": " ", "\u3000": " ", "\u00a0": " ", "\u2003": " ", "\u200b": "", "\u00ad": "",
             "ﬁ": "fi", "ﬂ": "fl", "①": "1", "㍿": "株式会社", "½": "1⁄2", "²": "2", "e\u0301": "é", "a\u0300": "à", "ｶ\uff9e": "ガ"}
    rules.update({chr(0xFEE0 + c): chr(c) for c in range(0x21, 0x7F)})
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", delete=False) as f:
        for source, target in rules.items():
            hexes = lambda s: " ".join(f"{ord(c):X}" for c in s)
            f.write(f"{hexes(source)}\t{hexes(target)}\n")
        return f.name


def record(t, texts):
    golden = []
    for text in texts:
        plain, special = t.encode(text, add_special_tokens=False).ids, t.encode(text).ids
        golden.append({"ids": plain, "special": special,
                       "text": t.decode(special), "all": t.decode(special, skip_special_tokens=False)})
    return golden


# Parts by themselves: the JSON of a part, and what it makes of the corpus.
NORMALIZERS = [
    '{"type":"NFC"}', '{"type":"NFD"}', '{"type":"NFKC"}', '{"type":"NFKD"}', '{"type":"Lowercase"}', '{"type":"StripAccents"}',
    '{"type":"Strip","strip_left":true,"strip_right":false}', '{"type":"Strip","strip_left":true,"strip_right":true}',
    '{"type":"Prepend","prepend":"▁"}', '{"type":"Replace","pattern":{"String":" "},"content":"▁"}',
    '{"type":"Replace","pattern":{"Regex":"\\\\s+"},"content":" "}', '{"type":"Nmt"}',
    '{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}',
    '{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":true,"strip_accents":true,"lowercase":false}',
    '{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":false,"strip_accents":false,"lowercase":true}',
    '{"type":"ByteLevel"}',
    '{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"}]}',
]
PRE_TOKENIZERS = [
    '{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}',
    '{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}',
    '{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}',
    '{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}',
    '{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}',
    '{"type":"Whitespace"}', '{"type":"WhitespaceSplit"}', '{"type":"BertPreTokenizer"}',
    '{"type":"Digits","individual_digits":true}', '{"type":"Digits","individual_digits":false}',
    '{"type":"CharDelimiterSplit","delimiter":"a"}',
    *('{"type":"Punctuation","behavior":"%s"}' % b for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")),
    *('{"type":"Split","pattern":{"Regex":"[0-9]+|\\\\s"},"behavior":"%s","invert":%s}' % (b, i)
      for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous") for i in ("false", "true")),
    '{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}',
]
DECODERS = [
    '{"type":"WordPiece","prefix":"##","cleanup":true}', '{"type":"WordPiece","prefix":"##","cleanup":false}',
    '{"type":"BPEDecoder","suffix":"</w>"}', '{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}',
    '{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}',
    '{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}', '{"type":"ByteFallback"}',
    '{"type":"Strip","content":" ","start":1,"stop":1}', '{"type":"Replace","pattern":{"String":"▁"},"content":" "}',
    '{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}',
]
TOKENS = [
    [], ["a"], ["Hello", ",", "wor", "##ld", "!"], ["do", "not", "##s", "'", "s", "n't", "i", "'ve"], ["low</w>", "er", "</w>est</w>"],
    ["▁Hello", "▁▁wor", "ld", "▁"], ["Ġa", "Ċ", "Ã©", "æĹ", "¥", "é", "<s>"], ["<0xE6>", "<0x97>", "<0xA5>", "x", "<0xE6>", "<0x97>", "<0xff>", "<0xZZ>"],
    ["<0xC3>"], ["▁", "▁a", " b ", "  "], ["æ", "ĹĹ", "ð", "Ł", "ĺ", "Ģ"],
]


def parts(texts):
    """What each part makes of each text; null where it leaves it alone."""
    texts = [t for t in texts if len(t) <= 100]
    changed = lambda out, same: None if out == same else out
    base = json.loads(Tokenizer(models.WordLevel({"x": 0}, unk_token="x")).to_str())
    load = lambda **part: Tokenizer.from_str(json.dumps(base | {k: json.loads(v) for k, v in part.items()}))
    return {
        "texts": texts,
        "normalizers": [{"part": json.loads(p), "out": [changed(load(normalizer=p).normalizer.normalize_str(t), t) for t in texts]} for p in NORMALIZERS],
        "pre_tokenizers": [{"part": json.loads(p), "out": [changed([w for w, _ in load(pre_tokenizer=p).pre_tokenizer.pre_tokenize_str(t)], [t]) for t in texts]}
                           for p in PRE_TOKENIZERS],
        "decoders": [{"part": json.loads(p), "out": [load(decoder=p).decoder.decode(t) for t in TOKENS]} for p in DECODERS],
        "tokens": TOKENS,
    }


def dump(name, value):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump(value, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def smollm2(path, texts):
    """The built-in model's tokenizer, as transformers reads the GGUF, with the split that its tokenizer.json has."""
    from transformers import AutoTokenizer

    hf = AutoTokenizer.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path))
    t = hf.backend_tokenizer
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False, use_regex=True)])
    chats = [
        [{"role": "user", "content": "What is a dragoman?"}],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <b>"}, {"role": "assistant", "content": "Hello."},
         {"role": "user", "content": "Bye"}],
    ]
    return {
        "golden": record(t, texts),
        "chats": [{"messages": c, "text": hf.apply_chat_template(c, tokenize=False, add_generation_prompt=True),
                   "ids": t.encode(hf.apply_chat_template(c, tokenize=False, add_generation_prompt=True), add_special_tokens=False).ids}
                  for c in chats],
    }


def main():
    os.makedirs(OUT, exist_ok=True)
    count = int(os.environ.get("NOISE", "24"))
    texts = CORPUS + noise(count)
    dump("texts.json", texts)
    bpe = train_spm("bpe", vocab_size=500, byte_fallback=True, pad_id=3, character_coverage=0.98, normalization_rule_name="identity",
                    remove_extra_whitespaces=False)
    unigram = train_spm("unigram", vocab_size=260, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.98,
                        normalization_rule_tsv=charsmap_rules())
    spelling = train_spm("unigram", vocab_size=420, byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity")
    families = {"bytelevel": byte_level(), "split": split_regex(), "wordpiece": word_piece(), "llama": llama(bpe), "t5": t5(unigram),
                "clip": clip(), "plain": plain(), "wordlevel": word_level(), "bytes": unigram_bytes(spelling)}
    for name, t in families.items():
        t.save(os.path.join(OUT, name + ".json"), pretty=False)
        dump(name + ".golden.json", record(t, texts))
    dump("parts.golden.json", parts(CORPUS if count <= 24 else texts))
    for name, raw in {"llama": bpe, "t5": unigram}.items():
        with open(os.path.join(OUT, name + ".model"), "wb") as f:
            f.write(raw)
        sp = spm.SentencePieceProcessor(model_proto=raw)
        dump(name + ".spm.golden.json", [sp.encode(t) for t in texts])
    if len(sys.argv) > 1:
        dump("smollm2.json", smollm2(sys.argv[1], texts))


if __name__ == "__main__":
    main()
