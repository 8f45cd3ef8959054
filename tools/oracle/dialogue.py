"""What IdeficsProcessor makes of a dialogue as transformers' documentation of IDEFICS writes it for models that follow instructions:

    python tools/oracle/dialogue.py

writes model/flamingo/testdata/idefics/dialogue.json: the turns, each a role and its parts (null is a picture), and the ids.
"""

import json
from pathlib import Path

from PIL import Image
from transformers import AutoTokenizer
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil
from transformers.models.idefics.processing_idefics import IdeficsProcessor

PATH = Path(__file__).parents[2] / "model" / "flamingo" / "testdata" / "idefics"
picture = Image.new("RGB", (9, 7), (200, 30, 90))
p = IdeficsProcessor(IdeficsImageProcessorPil(image_size=14), AutoTokenizer.from_pretrained(PATH), image_size=14)
prompt = [
    "User: What is in this image?", picture, "<end_of_utterance>",
    "\nAssistant: This picture depicts Idefix.<end_of_utterance>",
    "\nUser:", picture, "And who is that?<end_of_utterance>",
    "\nAssistant:",
]
turns = [["user", ["What is in this image?", None]], ["assistant", ["This picture depicts Idefix."]], ["user", [None, "And who is that?"]]]
ids = p(text=[prompt], add_end_of_utterance_token=False)["input_ids"][0].tolist()
(PATH / "dialogue.json").write_text(json.dumps({"turns": turns, "ids": ids}) + "\n")
print(p.tokenizer.decode(ids))
