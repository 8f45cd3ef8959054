"""Clip art: which of Openclipart's titles say in English what is in the picture."""

import html
import re

AUTHORS = re.compile(r"archite|francesco", re.I)
SKIP = re.compile(r"^(shapes|special|buttons|decorations|logos|signs_and_symbols/(flags|led|semaphore)|unsorted"
                  r"|computer/(icons|connectors|diagrams|buttons)|recreation/games/cards|recreation/games/chess)")
SMALL = {"a", "an", "and", "the", "of", "in", "on", "with", "for", "to", "at", "by"}
# Words that are in WordNet but say something of the drawing's origin or manner, not of what is drawn.
MANNER = {"clipart", "icon", "icons", "symbol", "symbols", "simple", "theme", "part", "collection", "svg", "bw",
          "vector", "silhouette", "outline", "contour", "another", "new", "test", "logo", "remix", "version", "style",
          "element", "elements", "submission", "color", "colour", "template", "various", "scheme", "design", "clip",
          "art", "image", "picture", "drawing", "sample", "example", "untitled", "unknown", "set"}
PLAIN_TAG = re.compile(r"^[a-z]{3,}$")
NO_TAG = {"hash", "unsorted", "theme", "icons", "icon", "special", "clipart", "hidden", "ext"}


def words_of_wordnet(src):
    """Every single word in WordNet's indexes."""
    words = set()
    for part in ("noun", "adj", "verb"):
        with open(src / f"wordnet-base/usr/share/wordnet/index.{part}") as f:
            words.update(line.split(" ", 1)[0] for line in f if not line.startswith(" "))
    return words


def known(word, words):
    return word in words or (word.endswith("s") and (word[:-1] in words or word[:-2] in words))


def title_of(text):
    match = re.search(r"<dc:title>(.*?)</dc:title>", text, re.S)
    title = html.unescape(html.unescape(match.group(1))) if match else ""
    title = re.sub(r"^Clip ?art by [^-]*- ?", "", title)
    title = re.sub(r"\(.*?\)", " ", title).replace("_", " ").replace("-", " ")
    title = re.sub(r"\b[a-z]?\d+\b|\d+", " ", title, flags=re.I)
    return " ".join(title.split()).lower()


def tags_of(text):
    tags = (html.unescape(t).strip().lower() for t in re.findall(r"<rdf:li>(.*?)</rdf:li>", text))
    return sorted({t for t in tags if PLAIN_TAG.match(t) and t not in NO_TAG})


def usable(title, words):
    """True if all of a title's words are English, few, and about the thing that is drawn."""
    parts = title.split()
    content = [w for w in parts if w not in SMALL]
    return (0 < len(content) <= 4 and len(parts) <= 6 and not MANNER.intersection(content)
            and all(re.fullmatch(r"[a-z]{2,}", w) and known(w, words) for w in content))


def rows(src, concepts):
    """Yields (PNG path, title, tags) of the clip art whose title can be used, in the order of their paths."""
    root = src / "openclipart-svg/usr/share/openclipart/svg"
    png = src / "openclipart-png/usr/share/openclipart/png"
    words = words_of_wordnet(src)
    for path in sorted(root.rglob("*.svg")):
        name = path.relative_to(root)
        picture = (png / name).with_suffix(".png")
        if SKIP.match(str(name)) or not picture.exists():
            continue
        text = path.read_text(errors="replace")
        title = title_of(text)
        if AUTHORS.search(str(name)) or AUTHORS.search(text[:4000]):
            concept = concepts.italian.get(title)
            title = concept["text"] if concept else ""
        if title and usable(title.lower(), words):
            yield picture, title, tags_of(text)
