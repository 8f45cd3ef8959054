"""Caption metrics by pycocoevalcap (its PTB tokeniser needs Java), for package eval's tests.

Run: python tools/oracle/captions.py eval/testdata/captions.json
"""

import json
import sys

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

CASES = [
    ("a red car parked on the street.", ["A red car is parked on a street.", "The car, which is red, stands in the street"]),
    ("two dogs playing with a ball", ["Two dogs play with a ball in the grass!", "dogs and a ball"]),
    ("man's hat", ["The man's hat isn't on his head; he can't find it.", "a hat"]),
    ("smiling face with heart-eyes", ["smiling face with heart-eyes", "a smiling face (in love)"]),
    ("t-shirt for $5.99", ["T-shirt costs 5.99 dollars - cheap", "a \"cheap\" t-shirt"]),
    ("flag of Côte d'Ivoire", ["flag: Côte d’Ivoire", "the flag of the Ivory Coast..."]),
    ("a a a a a a", ["a cat"]),
    ("clock at 10:30", ["ten-thirty: a clock at 10:30 o'clock", "clock"]),
    ("I'm gonna cannot they've we'll she'd you're", ["I'm gonna cannot they've we'll she'd you're"]),
    ("person in U.S.A. vs. Dr. Smith", ["a person in the U.S. vs. Dr. Smith, Jr.", "e.g. this"]),
    ("50% off, #1 & @home", ["50% off, number 1 and at home / away", "it's 1/2 off -- now"]),
    ("", ["nothing at all"]),
    ("women's 'quoted' words ‘curly’ “double”", ["the women's 'quoted' words", "rock 'n' roll in the '90s"]),
    ("http://example.com is a URL", ["see example.com or mail a@b.co", "a URL"]),
    ("two dogs.a cat and/or R&B, AT&T &amp; b&w in C#!!", ["a man.black-and-white sign says STOP?! It's the man 's hat.", "y'all -5 degrees, +1, .5 and 5-6"]),
    ("'single' quotes on 'em, rock'n'roll in No. 5 'n' no.", ["pizza 😀 for €5 or £5 ❤️ and ½ cup", "street...two cats at a.", "a woman’s hat, they don’t\u00a0know --- no.1 \ufffd"]),
    ("", ["...", "a cat"]),
    ("the dog ’s bone, 5'6\" or 6’2 tall", ["'Tis the women ’s; they ’re 5'11\" tall, 'twas said", "İstanbul’s İ, 10'x12' rooms, the 1990's 4x4's"]),
    ("keycap: *", ["keycap: #", "x*y + [z] {w} <tag>"]),
]

hypotheses = {i: [{"caption": h}] for i, (h, _) in enumerate(CASES)}
references = {i: [{"caption": r} for r in refs] for i, (_, refs) in enumerate(CASES)}
tokenizer = PTBTokenizer()
h, r = tokenizer.tokenize(hypotheses), tokenizer.tokenize(references)
bleu, _ = Bleu(4).compute_score(r, h, verbose=0)
rouge, rouge_each = Rouge().compute_score(r, h)
cider, cider_each = Cider().compute_score(r, h)
json.dump(
    {
        "cases": [
            {"caption": c, "references": refs, "caption_tokens": h[i][0], "reference_tokens": r[i], "rouge": rouge_each[i], "cider": cider_each[i]}
            for i, (c, refs) in enumerate(CASES)
        ],
        "bleu": bleu,
        "rouge": rouge,
        "cider": cider,
    },
    open(sys.argv[1], "w"),
    indent=1,
    ensure_ascii=False,
)
