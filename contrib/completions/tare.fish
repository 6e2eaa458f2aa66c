# Completion for fish. It knows neither verbs nor options but asks the very tare that is being called: the
# words of --help say what there is, and the word for an option's value what can stand there (DIR, FILE,
# DIR[:DIR...], "table|json"), and likewise that for an operand. Names of containers come from `tare list`.

# The options of a --help text on standard input: a line "name<TAB>letter<TAB>value<TAB>what it does" each.
function __tare_options
    sed -nE 's/^   --([a-z0-9-]+)( ([^ ,]+))?(, -([a-zA-Z]))?( [^ ]+)?  +(.*)$/\1\t\5\t\3\t\7/p'
end

# What can stand for a value. $argv[1]: its word in the help, $argv[2]: what there is of it.
function __tare_values
    switch "$argv[1]"
        case '*|*'
            string split '|' -- $argv[1]
        case DIR
            __fish_complete_directories $argv[2]
        case 'DIR[:DIR...]'
            set -l before (string replace --regex '[^:]*$' '' -- "$argv[2]")
            for each in (__fish_complete_directories (string replace --regex '.*:' '' -- "$argv[2]"))
                echo $before$each
            end
        case '*FILE' '*PATH'
            __fish_complete_path $argv[2]
    end
end

function __tare_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -l root
    set -l verb
    set -l operands 0
    set -l value
    set -l taken
    set -l help ($program --help 2>/dev/null | string collect)
    set -l options (printf '%s\n' $help | __tare_options)
    for word in $words[2..]
        if test -n "$value"
            test "$taken" = --root; and set root --root $word
            set value
        else if string match -q -- '-*=*' $word
            string match -q -- '--root=*' $word; and set root $word
        else if string match -q -- '-*' $word
            set taken $word
            set value (__tare_value_of $word $options)
        else if test -z "$verb"
            set verb $word
            set help ($program $verb --help 2>/dev/null | string collect)
            set options (printf '%s\n' $help | __tare_options)
        else
            set operands (math $operands + 1)
        end
    end
    if test -n "$value"
        __tare_values $value "$current"
    else if string match -q -- '--*=*' $current
        set -l parts (string split -m 1 = -- $current)
        for each in (__tare_values (__tare_value_of $parts[1] $options) "$parts[2]")
            echo $parts[1]=$each
        end
    else if string match -q -- '-*' $current
        for option in $options
            set -l parts (string split \t -- $option)
            printf '%s\t%s\n' --$parts[1] $parts[4]
            test -n "$parts[2]"; and printf '%s\t%s\n' -$parts[2] $parts[4]
        end
    else if test -z "$verb"
        printf '%s\n' $help | sed -nE '/^COMMANDS:/,$ s/^   ([a-z-]+)  +(.*)$/\1\t\2/p'
    else
        __tare_operands $verb $operands $program $root
    end
end

# The word for the value that the option $argv[1] takes, nothing for a flag. The rest: __tare_options' lines.
function __tare_value_of
    for option in $argv[2..]
        set -l parts (string split \t -- $option)
        if contains -- $argv[1] --$parts[1] -$parts[1] -$parts[2]; and test -n "$parts[3]"
            echo $parts[3]
            return
        end
    end
end

# What can stand for an operand. The verb, how many operands stand before it, the program and its --root.
function __tare_operands
    set -l names ($argv[3] $argv[1] --help 2>/dev/null | sed -nE 's/^   tare [a-z-]+ \[options\] *//p' |
        string replace --all --regex '[][]' '' | string split ' ')
    set -l index (math $argv[2] + 1)
    switch $argv[1]:$names[$index]
        case 'create:*' 'run:*' 'plan:*' 'restore:*'
            # a new name
        case '*:ID'
            $argv[3] $argv[4..] list --quiet 2>/dev/null
        case '*:*|*' '*:FILE'
            __tare_values $names[$index] "$(commandline -ct)"
        case '*:SIGNAL'
            string match --regex --all '\w+' -- (kill -l)
    end
end

complete -c tare -f -a '(__tare_complete)'
