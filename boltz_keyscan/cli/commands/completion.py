"""``boltz-keyscan completion bash|zsh|fish``: shell completion.

The script runs this command for each completion, so it is never out of date. It uses no
environment variable, as many programs do: a variable left set would make a hook scan nothing
and pass.
"""

from __future__ import annotations

import click

from boltz_keyscan.cli.examples import CommandWithExamples
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.sanitize import harmless

_BASH = r"""# boltz-keyscan: completion for bash. Load it with: eval "$(boltz-keyscan completion bash)"
_boltz_keyscan() {
    local paths= word= value= head= breaks= file=
    COMPREPLY=()
    {
        IFS=$'\t' read -r paths word
        # The shell replaces only the text after the last = or :.
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
            # With other words there, the shell would not offer files by itself.
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


@click.command("completion", cls=CommandWithExamples, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- WORD...]")
def completion(*, shell: str, words: tuple[str, ...]) -> int:
    """Print a script that completes options, commands, values and paths in your shell.

    With words of a command line after --, which the script passes, print the completions of
    the last word.
    """
    if not words:
        click.echo(SCRIPTS[shell], nl=False)
        return ExitCode.CLEAN
    from boltz_keyscan.cli.completion_candidates import complete_words  # noqa: PLC0415 - printing the script needs no command

    typed = _split(words[0]) if shell == "bash" else list(words)
    found = complete_words(typed[1:])
    last = typed[-1] if len(typed) > 1 else ""
    click.echo(f"{found.paths}\t{harmless(last)}")
    for word, about in found.words:
        click.echo(f"{word}\t{' '.join(about.split())}")
    return ExitCode.CLEAN


def _split(line: str) -> list[str]:
    """Split a line from bash, which passes it whole because it splits words at = and colon."""
    from click.shell_completion import split_arg_string  # noqa: PLC0415 - used only here

    words = split_arg_string(line)
    begun = bool(line) and (not line[-1].isspace() or line[-2:-1] == "\\")
    return words if begun else [*words, ""]
