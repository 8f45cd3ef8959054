"""VQA accuracy in plain Python, as VQAv2's evaluation (in LAVIS's version) computes it, for package eval's tests.

    python tools/oracle/vqa.py eval/testdata/vqa.json

Answers are normalised: punctuation, numbers and articles, contractions. A prediction's accuracy is the mean, over the people who answered,
of min(1, how many of the others said the same / 3). People's answers only lose their punctuation, and only where they do not all agree.
"""

import json
import random
import re
import sys

PUNCTUATION = [";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!"]
NUMBERS = dict(none="0", zero="0", one="1", two="2", three="3", four="4", five="5", six="6", seven="7", eight="8", nine="9", ten="10")
ARTICLES = {"a", "an", "the"}
CONTRACTIONS = {
    "aint": "ain't", "arent": "aren't", "cant": "can't", "couldve": "could've", "couldnt": "couldn't", "couldn'tve": "couldn't've",
    "couldnt've": "couldn't've", "didnt": "didn't", "doesnt": "doesn't", "dont": "don't", "hadnt": "hadn't", "hadnt've": "hadn't've",
    "hadn'tve": "hadn't've", "hasnt": "hasn't", "havent": "haven't", "hed": "he'd", "hed've": "he'd've", "he'dve": "he'd've", "hes": "he's",
    "howd": "how'd", "howll": "how'll", "hows": "how's", "Id've": "I'd've", "I'dve": "I'd've", "Im": "I'm", "Ive": "I've", "isnt": "isn't",
    "itd": "it'd", "itd've": "it'd've", "it'dve": "it'd've", "itll": "it'll", "let's": "let's", "maam": "ma'am", "mightnt": "mightn't",
    "mightnt've": "mightn't've", "mightn'tve": "mightn't've", "mightve": "might've", "mustnt": "mustn't", "mustve": "must've",
    "neednt": "needn't", "notve": "not've", "oclock": "o'clock", "oughtnt": "oughtn't", "ow's'at": "'ow's'at", "'ows'at": "'ow's'at",
    "'ow'sat": "'ow's'at", "shant": "shan't", "shed've": "she'd've", "she'dve": "she'd've", "she's": "she's", "shouldve": "should've",
    "shouldnt": "shouldn't", "shouldnt've": "shouldn't've", "shouldn'tve": "shouldn't've", "somebody'd": "somebodyd",
    "somebodyd've": "somebody'd've", "somebody'dve": "somebody'd've", "somebodyll": "somebody'll", "somebodys": "somebody's",
    "someoned": "someone'd", "someoned've": "someone'd've", "someone'dve": "someone'd've", "someonell": "someone'll", "someones": "someone's",
    "somethingd": "something'd", "somethingd've": "something'd've", "something'dve": "something'd've", "somethingll": "something'll",
    "thats": "that's", "thered": "there'd", "thered've": "there'd've", "there'dve": "there'd've", "therere": "there're", "theres": "there's",
    "theyd": "they'd", "theyd've": "they'd've", "they'dve": "they'd've", "theyll": "they'll", "theyre": "they're", "theyve": "they've",
    "twas": "'twas", "wasnt": "wasn't", "wed've": "we'd've", "we'dve": "we'd've", "weve": "we've", "werent": "weren't", "whatll": "what'll",
    "whatre": "what're", "whats": "what's", "whatve": "what've", "whens": "when's", "whered": "where'd", "wheres": "where's",
    "whereve": "where've", "whod": "who'd", "whod've": "who'd've", "who'dve": "who'd've", "wholl": "who'll", "whos": "who's",
    "whove": "who've", "whyll": "why'll", "whyre": "why're", "whys": "why's", "wont": "won't", "wouldve": "would've", "wouldnt": "wouldn't",
    "wouldnt've": "wouldn't've", "wouldn'tve": "wouldn't've", "yall": "y'all", "yall'll": "y'all'll", "y'allll": "y'all'll",
    "yall'd've": "y'all'd've", "y'alld've": "y'all'd've", "y'all'dve": "y'all'd've", "youd": "you'd", "youd've": "you'd've",
    "you'dve": "you'd've", "youll": "you'll", "youre": "you're", "youve": "you've",
}


def punctuation(text):
    out = text
    for p in PUNCTUATION:
        if p + " " in text or " " + p in text or re.search(r"\d,\d", text):
            out = out.replace(p, "")
        else:
            out = out.replace(p, " ")
    # The evaluation passes re.UNICODE, which is 32, where a count belongs.
    return re.sub(r"(?!<=\d)(\.)(?!\d)", "", out, count=32)


def words(text):
    kept = [NUMBERS.get(w, w) for w in text.lower().split()]
    return " ".join(CONTRACTIONS.get(w, w) for w in kept if w not in ARTICLES)


def normalise(text):
    return words(punctuation(text.replace("\n", " ").replace("\t", " ").strip()))


def accuracy(prediction, answers):
    said = normalise(prediction)
    if len(set(answers)) > 1:
        answers = [punctuation(a) for a in answers]
    total = 0
    for i in range(len(answers)):
        others = [a for j, a in enumerate(answers) if j != i]
        total += min(1, sum(a == said for a in others) / 3)
    return total / len(answers)


TEXTS = [
    "yes", "no", "Two dogs.", "the red car", "a U.S.A. flag", "1,000 people", "3.5 miles", "it's 10:30", "dont know", "Im not sure", "somebody'd",
    "he'dve gone", "black/white", "black / white", "What?", "yes!", "t-shirt", "t - shirt", "none", "an apple, a pear", "\"stop\"", "yall'd've",
    "ow's'at", "\tnew\nline ", "one.two", ". . .", "a.1.b", "x" + "." * 40, "(left)", "left (hand) side", "50%", "rock & roll", "e@mail", "wed",
    "ill", "lets go", "THE END", "ten to nine", "c++", "[1]", "a_b", "`quote`", "zero", "2,5", "twas the night", "she's", "  spaces   inside  ",
]
rng = random.Random(4)
cases = []
for text in TEXTS:
    for answers in (
        [text] * 10,
        [text] * 3 + ["yes"] * 7,
        [normalise(text)] * 2 + ["no"] * 8,
        [normalise(text)] * 4 + [text] * 3 + ["no", "yes", "maybe"],
    ):
        cases.append((text, answers))
for _ in range(40):
    pool = rng.sample(["yes", "no", "2", "two", "red", "blue", "t-shirt", "t shirt", "don't know", "U.S."], 3)
    cases.append((rng.choice(pool), [rng.choice(pool) for _ in range(10)]))
total = sum(accuracy(p, a) for p, a in cases)
json.dump(
    {
        "normalised": {t: normalise(t) for t in TEXTS},
        "cases": [{"prediction": p, "answers": a, "accuracy": accuracy(p, a)} for p, a in cases],
        "accuracy": round(100 * total / len(cases), 2),
    },
    open(sys.argv[1], "w"), indent=None, separators=(",", ":"),
)
print(len(cases), "cases,", round(100 * total / len(cases), 2))
