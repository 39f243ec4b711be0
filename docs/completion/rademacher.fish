# SPDX-License-Identifier: BSD-3-Clause
# Completion for fish: `rademacher complete` knows the words, with what they are behind a tab, as fish
# wants them.
function __rademacher_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':file*'
                __fish_complete_path (commandline -ct)
            case ':dir*'
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c rademacher -f -a '(__rademacher_complete)'
