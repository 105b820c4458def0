#!/bin/sh
{ours}
python={python}
if ! [ -x "$python" ]; then
    echo "boltz-keyscan: this hook cannot run: $python is gone. {help}" >&2
    exit 1
fi
exec "$python" -I -c {start} hook {name} "$@"
