using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson completion</c>: scripts that ask <c>caisson __complete</c>.</summary>
internal sealed class CompletionCommand : Command
{
    private const string Bash = """
        # bash completion of caisson
        _caisson() {
            local IFS=$'\n'
            local cur="${COMP_WORDS[COMP_CWORD]}"
            COMPREPLY=($("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
            if declare -F __ltrim_colon_completions >/dev/null; then
                __ltrim_colon_completions "$cur"
            fi
            if [ ${#COMPREPLY[@]} -eq 0 ]; then
                compopt -o default
            fi
        }
        complete -F _caisson caisson

        """;

    private const string Zsh = """
        #compdef caisson
        # zsh completion of caisson
        _caisson() {
            local -a candidates
            candidates=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
            candidates=(${candidates:#})
            if (( ${#candidates} )); then
                compadd -- "${candidates[@]}"
            else
                _files
            fi
        }
        if [ "$funcstack[1]" = "_caisson" ]; then
            _caisson "$@"
        else
            compdef _caisson caisson
        fi

        """;

    private const string Fish = """
        # fish completion of caisson
        function __caisson_complete
            set -l words (commandline -opc) (commandline -ct)
            $words[1] __complete -- $words[2..-1] 2>/dev/null
        end
        complete -c caisson -a '(__caisson_complete)'

        """;

    public override string Usage => "bash|zsh|fish";

    public override string Details => "Completes commands, options, and the names of containers and images. It never starts the engine.";

    public override IReadOnlyList<string> Examples =>
        ["completion bash > /etc/bash_completion.d/caisson", "completion fish > ~/.config/fish/completions/caisson.fish"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        session.Out.Write(Arguments[0] switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            "fish" => Fish,
            _ => throw new UsageException($"no completion for \"{Arguments[0]}\"; write bash, zsh or fish", exitCode: 1),
        });
        return 0;
    }
}
