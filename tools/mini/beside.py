"""Questions about two things in one picture: beside.py BUILD/pairs writes BUILD/pairs/beside.jsonl, and the pictures into BUILD/pairs/beside. Needs Pillow.

Two drawings that have no word in common stand side by side on nothing. It is asked what is on the left, or on the right, what both are, whether one of
them is on a side, and whether a thing is there at all. Each row has its pictures' split and what it is about; what is held out is asked in words of its own.
"""

import collections
import json
import pathlib
import random
import re
import sys

from PIL import Image

from asked import article, content

TRAIN = 4000
HELD = 600  # of each split that is held out
STYLES = {"openmoji"}  # not asked about: for evaluation of the first model only
SIDE = 256

SIDES = ["What is on the {}?", "What do you see on the {}?", "Which thing is on the {}?", "What is the thing on the {}?"]
SIDES_HELD = ["What is to be seen on the {}?", "What stands on the {}?"]
BOTH = ["What are these?", "Which two things do you see?", "What two things are in this picture?", "What is beside what?"]
BOTH_HELD = ["What are those?", "Which things can you see?"]
WHERE = ["Is the {} on the {}?", "Is {} on the {}?", "Do you see {} on the {}?"]
WHERE_HELD = ["Can you see {} on the {}?"]
THERE = ["Is there {} in this picture?", "Do you see {}?", "Is one of them {}?"]
THERE_HELD = ["Can you see {} here?"]


def together(dice, left, right):
    """A transparent square with one picture in its left half and another in its right half."""
    out, half = Image.new("RGBA", (SIDE, SIDE)), SIDE // 2
    for at, picture in enumerate([left, right]):
        thing = picture.crop(picture.getchannel("A").getbbox())
        size = half * dice.uniform(0.8, 0.98) / max(thing.size)
        thing = thing.resize([max(1, round(x * size)) for x in thing.size])
        out.alpha_composite(thing, (at * half + dice.randrange(half - thing.width + 1), half // 2 + dice.randrange(half - thing.height + 1)))
    return out


def ask(dice, pair, pool, held):
    """What is asked, the answer, and what that is about."""
    at, yes = dice.randrange(2), dice.random() < 0.5
    shown, said = pair[at], "yes" if yes else "no"
    way = dice.choices(["side", "both", "where", "there"], [4, 2, 2, 2])[0]
    if way == "side":
        return dice.choice(SIDES_HELD if held else SIDES).format(["left", "right"][at]), shown["text"], way
    if way == "both":
        return dice.choice(BOTH_HELD if held else BOTH), f"{pair[0]['text']} and {pair[1]['text']}", way
    if way == "where":
        form = dice.choice(WHERE_HELD if held else WHERE)
        name = shown["text"] if form.startswith("Is the") else article(shown["text"])
        return form.format(name, ["left", "right"][at if yes else 1 - at]), said, way
    absent = shown
    while not yes and (content(absent) & (content(pair[0]) | content(pair[1]))):
        absent = dice.choice(pool)
    return dice.choice(THERE_HELD if held else THERE).format(article(absent["text"])), said, way


def main():
    dice, folder = random.Random(3), pathlib.Path(sys.argv[1])
    (folder / "beside").mkdir(exist_ok=True)
    splits = collections.defaultdict(list)
    for r in map(json.loads, open(folder / "pairs.jsonl")):
        if r["kind"] == "plain" and r["style"] not in STYLES and re.fullmatch(r"[a-z' -]+", r["text"]) and len(r["text"].split()) < 4:
            splits[r["split"]].append(r)
    with open(folder / "beside.jsonl", "w", encoding="utf-8") as f:
        for split, pool in splits.items():
            held, n = split != "train", 0
            while n < (HELD if held else TRAIN):
                pair = dice.sample(pool, 2)
                pictures = [Image.open(folder / r["image"]).convert("RGBA") for r in pair]
                if content(pair[0]) & content(pair[1]) or any(p.getchannel("A").getextrema()[0] == 255 for p in pictures):
                    continue  # they can't be told apart by name, or one has a ground
                image = f"beside/{split}-{n}.png"
                together(dice, *pictures).save(folder / image)
                question, answer, about = ask(dice, pair, pool, held)
                row = {"image": image, "question": question, "answers": [answer], "about": about, "split": split, "yes_or_no": answer in ("yes", "no")}
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
                n += 1
            print(split, n, "pictures of two things")


main()
