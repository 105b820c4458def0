"""``boltz-keyscan completion bash|zsh|fish``: what a shell has to load to complete our command lines.

The script asks the program each time, and so never grows old. It asks with this command,
not with a variable of the environment, as many programs do: one that is left set would turn
a hook into something that looks at nothing and ends well.

Boundary: scripts, and one answer in lines; what can be typed is ``completing``.
"""

from __future__ import annotations

import click

from boltz_keyscan.cli.examples import Shown
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.sanitize import harmless

_BASH = r"""# boltz-keyscan: completion for bash. Load it with: eval "$(boltz-keyscan completion bash)"
_boltz_keyscan() {
    local paths= word= value= head= breaks= file=
    COMPREPLY=()
    {
        IFS=$'\t' read -r paths word
        # The shell replaces what stands after the last = or : only.
        [[ $COMP_WORDBREAKS == *=* ]] && breaks+='='
        [[ $COMP_WORDBREAKS == *:* ]] && breaks+=':'
        [[ -n $breaks ]] && head=${word%"${word##*["$breaks"]}"}
        while IFS=$'\t' read -r value _; do
            value=${value#"$head"}
            [[ -n $value ]] && COMPREPLY+=("$value")
        done
    } < <("${1/#\~/$HOME}" completion bash -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case $paths in
        files)
            # With words of ours there, the shell would not think of files by itself.
            if [[ ${#COMPREPLY[@]} -gt 0 ]]; then
                compopt -o filenames 2>/dev/null
                while IFS= read -r file; do
                    COMPREPLY+=("$file")
                done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
            fi
            ;;
        dirs) compopt +o default +o bashdefault -o dirnames 2>/dev/null ;;
        *) compopt +o default +o bashdefault 2>/dev/null ;;
    esac
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -o default -o bashdefault -F _boltz_keyscan boltz-keyscan
"""

_ZSH = r"""#compdef boltz-keyscan
# boltz-keyscan: completion for zsh. Load it, after compinit, with: eval "$(boltz-keyscan completion zsh)"
_boltz_keyscan() {
    local program=${(Q)words[1]} line paths value
    local -a lines whole open
    program=${program/#\~/$HOME}
    lines=("${(@f)$("$program" completion zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    paths=${lines[1]%%$'\t'*}
    for line in "${(@)lines[2,-1]}"; do
        value=${line%%$'\t'*}
        # A colon would end the word here.
        line="${value//:/\\:}:${line#*$'\t'}"
        if [[ $value == *[=:] ]]; then open+=("$line"); else whole+=("$line"); fi
    done
    (( ${#whole} )) && _describe 'word' whole
    (( ${#open} )) && _describe 'word' open -S ''
    case $paths in
        files) compset -P '*='; _files ;;
        dirs) compset -P '*='; _files -/ ;;
    esac
    return 0
}
if [[ $funcstack[1] == _boltz_keyscan ]]; then
    _boltz_keyscan "$@"
else
    compdef _boltz_keyscan boltz-keyscan
fi
"""

_FISH = r"""# boltz-keyscan: completion for fish. Load it with: boltz-keyscan completion fish | source
function __boltz_keyscan_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l lines ($words[1] completion fish -- $words $last 2>/dev/null)
    set -l paths (string split \t -- $lines[1])[1]
    set -e lines[1]
    for line in $lines
        echo $line
    end
    set -l head (string replace -r '[^=]*$' '' -- $last)
    set -l rest (string replace -r '^.*=' '' -- $last)
    switch $paths
        case files
            for path in (__fish_complete_path $rest)
                echo $head$path
            end
        case dirs
            for path in (__fish_complete_directories $rest)
                echo $head$path
            end
    end
end
complete -c boltz-keyscan -f -a '(__boltz_keyscan_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@click.command("completion", cls=Shown, short_help="Let a shell complete command lines of this program.")
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- WORD...]")
def completion(*, shell: str, words: tuple[str, ...]) -> int:
    """Print what a shell has to load to complete options, commands, values and paths.

    With words of a command line, which the shell gives after --, print what the last of
    them can become.
    """
    if not words:
        click.echo(SCRIPTS[shell], nl=False)
        return ExitCode.CLEAN
    from boltz_keyscan.cli.completion_candidates import answer  # noqa: PLC0415 - the script itself knows no option

    typed = _split(words[0]) if shell == "bash" else list(words)
    found = answer(typed[1:])
    last = typed[-1] if len(typed) > 1 else ""
    click.echo(f"{found.paths}\t{harmless(last)}")
    for word, told in found.words:
        click.echo(f"{word}\t{' '.join(told.split())}")
    return ExitCode.CLEAN


def _split(line: str) -> list[str]:
    """The words of a line that bash gives whole: what it takes for words ends at each = and colon."""
    from click.shell_completion import split_arg_string  # noqa: PLC0415 - nothing else needs it

    words = split_arg_string(line)
    begun = bool(line) and (not line[-1].isspace() or line[-2:-1] == "\\")
    return words if begun else [*words, ""]
