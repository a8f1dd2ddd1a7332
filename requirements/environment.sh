#!/bin/sh
# Make FOLDER a virtual environment of the locked packages, at once where it is one already.
#
#     sh requirements/environment.sh FOLDER [PYTHON]
#
# Without PYTHON the interpreter of FOLDER is kept, else the first of 3.11 or later is taken. FOLDER
# is made anew where it cannot be mended: by another interpreter, in another place, without pip.
set -eu
cd "$(dirname "$0")/.."
folder=$1
python=${2:-}

fail() {
    echo "make: $*" >&2
    exit 1
}

fits() { # Whether $1 is an interpreter that the project runs on.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

identity() { # The same for an interpreter and for the environments made with it.
    "$1" -c 'import sys; print(sys.version.replace("\n", " "), sys.base_prefix)' 2>/dev/null || :
}

if [ -n "$python" ]; then
    command -v "$python" >/dev/null || fail "there is no $python, which PYTHON names"
    fits "$python" || fail "$python is $("$python" --version 2>&1), and 3.11 or later is needed"
elif fits "$folder/bin/python"; then
    python=$folder/bin/python
else
    for each in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if fits "$each"; then
            python=$each
            break
        fi
    done
    [ -n "$python" ] || fail "Python 3.11 or later is needed, and there is none: name one by PYTHON="
fi

# Two at once would install over each other.
mkdir -p .cache
exec 9>.cache/environment.lock
if command -v flock >/dev/null; then flock 9; fi

# Scripts and the editable package carry the place in which they were made.
wanted="$(identity "$python") in $PWD/$folder: $(cat requirements/dev.txt pyproject.toml | cksum)"
if [ "$wanted" = "$(cat "$folder/.ready" 2>/dev/null)" ] && fits "$folder/bin/python"; then
    exit 0
fi
made="${wanted%: *}"
if [ "$made" != "$(cat "$folder/.made" 2>/dev/null)" ] ||
    ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    # The interpreter of the environment cannot make it anew: its own is what it was made with.
    python=$("$python" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')
    rm -rf "$folder"
    # Debian keeps pip for environments in a package of its own; another pip can bring it.
    "$python" -m venv "$folder" >/dev/null 2>&1 || {
        "$python" -m venv --clear --without-pip "$folder" >/dev/null 2>&1 &&
            "$python" -m pip --python "$folder/bin/python" install --quiet pip
    } >/dev/null 2>&1 ||
        fail "$python can make no environment with pip: install python3-venv, or name another by PYTHON="
    echo "$made" >"$folder/.made"
fi

echo "installing the locked packages into $folder ..."
pip() {
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}
pip --no-deps --require-hashes -r requirements/dev.txt
pip --no-deps --no-build-isolation -e .
echo "$wanted" >"$folder/.ready"
