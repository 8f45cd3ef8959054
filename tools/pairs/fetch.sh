#!/bin/sh
# Downloads the packages of sources.txt with their own clients into $1/cache, unpacks them into $1/src, and checks every
# archive against sha256.txt; both lists are in the folder $2, or beside this script. What is already there is not downloaded again.
set -eu
here=$(cd "${2:-$(dirname "$0")}" && pwd)
mkdir -p "$1/cache" "$1/src"
cd "$1/cache"

grep -v '^#' "$here/sources.txt" | while read -r kind name version; do
	base=$(printf %s "$name" | tr -d @ | tr / -)
	case $kind in
	npm)
		file=$base-$version.tgz
		[ -f "$file" ] || npm pack --silent "$name@$version" >/dev/null
		;;
	pip)
		file=$base-$version-py3-none-any.whl
		[ -f "$file" ] || python3 -m pip download --quiet --no-deps --dest . "$name==$version"
		;;
	deb)
		file=$(printf %s "${base}_${version}_all.deb" | sed 's/:/%3a/')
		[ -f "$file" ] || apt-get -qq download "$name=$version"
		;;
	esac
	if ! grep "  $file\$" "$here/sha256.txt" | sha256sum --check --status; then
		echo "fetch.sh: $file: not the file that sha256.txt names" >&2
		exit 1
	fi
	[ -d "../src/$base" ] && continue
	rm -rf unpack && mkdir unpack
	case $kind in
	npm) tar -xzf "$file" -C unpack --strip-components=1 ;;
	pip) python3 -m zipfile -e "$file" unpack ;;
	deb) dpkg-deb -x "$file" unpack ;;
	esac
	mv unpack "../src/$base"
done
