"""Texts in which the padding's id stands as a word, and several pictures to a row: what transformers computes with the models that the
other generators wrote.

    python tools/oracle/padding.py     # after blip2.py, blip2_opt.py and instructblip.py

writes padding.safetensors into testdata/{blip2-llama,blip2-opt,instructblip}: inputs without a mask, logits, loss and the gradient of every
table of words. In a table that knows of padding that row learns nothing from the texts it stands in, as with torch's padding_idx.
"""

import torch
from blip2 import root
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText


def main():
    for name, pad, pictures in [("blip2-llama", 0, 2), ("blip2-opt", 1, 2), ("instructblip", 50, 1)]:
        torch.manual_seed(11)
        m = AutoModelForImageTextToText.from_pretrained(root / name).eval()
        queries, image = m.config.num_query_tokens, m.config.image_token_index
        size = m.config.vision_config.image_size
        rows = []
        for _ in range(2):
            row = [2]
            for _ in range(pictures):
                row += [image] * queries + [pad, *torch.randint(3, 40, (2,)).tolist(), pad, 7]
            rows.append(row)
        ids = torch.tensor(rows)
        inputs = {"pixel_values": torch.randn(2 * pictures, 3, size, size), "input_ids": ids, "labels": ids.masked_fill(ids == image, -100)}
        if name == "instructblip":
            inputs["qformer_input_ids"] = torch.tensor([[2, 5, 0, 6, 3], [2, 0, 9, 0, 3]])
        r = m(**inputs, attention_mask=torch.ones_like(ids))
        r.loss.backward()
        out = inputs | {"logits": r.logits, "loss": r.loss.reshape(1)}
        out |= {"grad." + n: p.grad for n, p in m.named_parameters() if n.endswith(("embed_tokens.weight", "word_embeddings.weight"))}
        print(name, r.loss.item(), [n for n in out if n.startswith("grad.")])
        save_file({k: v.detach().contiguous().clone() for k, v in out.items()}, root / name / "padding.safetensors")


if __name__ == "__main__":
    main()
