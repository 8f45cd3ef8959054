"""Which kinds of thing captions speak of, and the encoder's classes are: kinds.py BUILD/pairs writes kinds.jsonl, as build.py does.

A kind is one of the everyday words below. A class has its hypernyms; a caption is looked up in WordNet by its head, the longest tail of
words before a preposition that is a noun there, in the sense that has most to do with the caption's tags.
"""

import collections
import json
import pathlib
import re
import sys

import classes

# WordNet's name of a kind -> what is said of it.
SAID = {k: k for k in """animal bird fish insect reptile amphibian cat dog horse bear monkey dinosaur crustacean rodent flower tree plant
 vegetable bread cake food vehicle car truck boat ship airplane aircraft train bicycle building house clothing container bottle box bag
 furniture tool weapon ball computer telephone lamp person star planet jewelry gem book sport machine shape flag""".split()} | {
    "feline": "cat", "fungus": "mushroom", "edible fruit": "fruit", "beverage": "drink", "nutriment": "food", "foodstuff": "food",
    "garment": "clothing", "headdress": "hat", "footwear": "shoe", "musical instrument": "musical instrument", "plaything": "toy",
    "game equipment": "game", "timepiece": "clock", "body part": "body part", "celestial body": "celestial body",
}
SENSES = 4  # of a noun that are looked at, the commonest
RARER = 0.6  # what each sense has to make up for by tags
USEFUL = 0.7  # how much a sense that has a kind is worth
ENDINGS = [("ies", "y"), ("ses", "s"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ves", "f"), ("ves", "fe"), ("men", "man"), ("s", "")]
BEFORE = re.compile(r" (?:with|in|on|at|over|behind|for|from|to|under|of|and|without) ")


class WordNet:
    def __init__(self, src):
        self.nouns = classes.synsets(src)
        self.senses = {}
        with open(src / "wordnet-base/usr/share/wordnet/index.noun") as f:
            for line in f:
                if not line.startswith(" "):
                    fields = line.split()
                    self.senses[fields[0].replace("_", " ")] = fields[-int(fields[2]):]

    def noun(self, words):
        """A noun as WordNet lists it, or None."""
        tries = [words] + [words[: len(words) - len(end)] + instead for end, instead in ENDINGS if words.endswith(end)]
        return next((w for w in tries if w in self.senses), None)

    def above(self, offset):
        """The first names of a noun's hypernyms, the nearest first."""
        chain = []
        while self.nouns[offset][1]:
            offset = self.nouns[offset][1][0]
            chain.append(self.nouns[offset][0][0])
        return chain

    def head(self, caption):
        words = BEFORE.split(re.sub(r"[^a-z0-9\- ]", " ", caption.lower()))[0].split()
        if len(words) > 1 and words[-1] in ("face", "head"):  # a cat's face is a cat
            words.pop()
        return next((n for i in range(len(words)) if (n := self.noun(" ".join(words[i:])))), None)

    def kinds(self, caption, tags):
        head = self.head(caption)
        if caption.startswith("flag of "):
            return ["flag"]
        if head is None:
            return []
        around = set(tags) | set(caption.lower().split())
        best = None
        for k, offset in enumerate(self.senses[head][:SENSES]):
            chain, names = self.above(offset), self.nouns[offset][0]
            score = len(set(chain) & around) + 0.3 * len(set(names) & around - {head}) - RARER * k
            score += USEFUL * bool(SAID.keys() & set(chain))
            if best is None or score > best[0] + 1e-9:
                best = (score, [*names, *chain])
        return said(best[1])


def said(chain):
    """The kinds in a chain of names, each once."""
    return list(dict.fromkeys(SAID[name] for name in chain if name in SAID))


def write(pairs, rows):
    """One row a caption that is trained on and is of a kind: its text and its kinds, the narrowest first."""
    tags = collections.defaultdict(set)
    for row in rows:
        if row["split"] == "train":
            tags[row["text"]].update(row["tags"])
    wordnet, count = WordNet(pairs / "src"), 0
    with open(pairs / "kinds.jsonl", "w") as f:
        for text in sorted(tags):
            if kinds := wordnet.kinds(text, tags[text]):
                f.write(json.dumps({"text": text, "kinds": kinds}, ensure_ascii=False) + "\n")
                count += 1
    return count


def main():
    pairs = pathlib.Path(sys.argv[1])
    with open(pairs / "pairs.jsonl") as f:
        print(f"{write(pairs, map(json.loads, f))} captions are of a kind")


if __name__ == "__main__":
    main()
