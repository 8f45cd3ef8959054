"""Questions about the pictures of the built-in models, with answers that are known: asked.py BUILD/pairs writes BUILD/pairs/asked.jsonl.

Seven in eight ask whether a picture shows something, by its name or by the kind of thing that it is ("Is this a cat?", "Is it an animal?"), as often
with the answer yes as no; wrong names are of the same kind half the time. The others ask for the name by the kind ("What animal is this?"), or for
the kind. Kinds are WordNet's (kinds.py). Each row has its picture's style, concept and split; what is held out is asked in words of its own.
"""

import collections
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pairs"))
import kinds  # noqa: E402

TRAIN = 5000
HELD = 600  # of each split that is held out
STYLES = {"openmoji"}  # not asked about: for evaluation of the first model only

IS = ["Is this {}?", "Is it {}?", "Does this show {}?", "Is there {} in this picture?", "Do you see {}?", "Is this a picture of {}?"]
IS_HELD = ["Is that {}?", "Can you see {} here?"]
NAME = ["What {} is this?", "What kind of {} is this?", "Which {} is it?", "What {} do you see?"]
NAME_HELD = ["What {} is that?"]
KIND = ["What kind of thing is this?", "What sort of thing is it?", "What kind of thing does this show?"]
KIND_HELD = ["What kind of thing is that?"]
MASS = {"food", "clothing", "furniture", "jewelry", "bread", "body part"}  # kinds that are said without an article, or not at all


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def content(row):
    """The words that a picture's name and tags are made of."""
    return set(re.findall(r"[a-z]{3,}", " ".join([row["text"], *row["tags"]]).lower()))


def named(words):
    return words if words in MASS else article(words)


def main():
    dice, folder = random.Random(1), pathlib.Path(sys.argv[1])
    wordnet = kinds.WordNet(folder / "src")
    rows = [r for r in map(json.loads, open(folder / "pairs.jsonl")) if r["kind"] == "plain" and r["style"] not in STYLES]
    rows = [r for r in rows if re.fullmatch(r"[a-z' -]+", r["text"]) and len(r["text"].split()) < 5]
    splits, of_kind = collections.defaultdict(list), collections.defaultdict(list)
    for r in rows:
        r["kinds"] = wordnet.kinds(r["text"], r["tags"])
        splits[r["split"]].append(r)
    asked = []
    for split, pool in splits.items():
        of_kind.clear()
        for r in pool:
            for k in r["kinds"]:
                of_kind[k].append(r)
        held = split != "train"
        for r in dice.sample(pool, min(HELD if held else TRAIN, len(pool))):
            ways = ["name"] * 4 + (["kind", "kind", "which", "sort"] if r["kinds"] else [])
            question, answers = ask(dice, r, dice.choice(ways), pool, of_kind, held)
            asked.append({"image": r["image"], "question": question, "answers": answers, "style": r["style"], "concept": r["concept"], "split": split,
                          "yes_or_no": answers[0] in ("yes", "no")})
    with open(folder / "asked.jsonl", "w", encoding="utf-8") as f:
        for row in asked:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")


def ask(dice, r, way, pool, of_kind, held):
    """A question about a picture, and its answers."""
    if way == "which":
        return dice.choice(NAME_HELD if held else NAME).format(dice.choice(r["kinds"])), [r["text"]]
    if way == "sort":
        return dice.choice(KIND_HELD if held else KIND), r["kinds"] if held else [dice.choice(r["kinds"])]
    form, yes = dice.choice(IS_HELD if held else IS), dice.random() < 0.5
    if way == "kind":
        others = sorted(of_kind.keys() - set(r["kinds"]) - content(r))
        kind = dice.choice(r["kinds"]) if yes else dice.choices(others, [len(of_kind[k]) for k in others])[0]
        return form.format(named(kind)), ["yes" if yes else "no"]
    thing = r
    while not yes and (thing is r or content(thing) & content(r)):
        like = of_kind[dice.choice(r["kinds"])] if r["kinds"] and dice.random() < 0.5 else pool
        thing = dice.choice(like)
    return form.format(named(thing["text"])), ["yes" if yes else "no"]


if __name__ == "__main__":
    main()
