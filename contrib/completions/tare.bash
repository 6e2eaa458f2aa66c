# shellcheck shell=bash
# Completion for bash. It knows neither verbs nor options but asks the very tare that is being called: the
# words of --help say what there is, and the word for an option's value what can stand there (DIR, FILE,
# DIR[:DIR...], "table|json"), and likewise that for an operand. Names of containers come from `tare list`.

# The options of a --help text as lines "--name VALUE" and "-n VALUE", VALUE missing for a flag.
_tare_options()
{
	sed -n 's/^   \(--[a-z0-9-]*\)\( [^ ,][^ ,]*\)\{0,1\}, \(-[a-zA-Z]\)\( [^ ]*\)\{0,1\}  .*/\1\2\n\3\2/p; t
		s/^   \(--[a-z0-9-]*\)\( [^ ,][^ ,]*\)\{0,1\}  .*/\1\2/p'
}

# What can stand for a value. $1: its word in the help.
_tare_values()
{
	case $1 in
	*'|'*) mapfile -t COMPREPLY < <(compgen -W "${1//|/ }" -- "$cur") ;;
	DIR)
		compopt -o filenames 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	'DIR[:DIR...]') # bash takes a list apart, if ":" is among COMP_WORDBREAKS
		local before=''
		[[ $cur != *:* ]] || before=${cur%:*}:
		compopt -o filenames -o nospace 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -P "$before" -d -- "${cur#"$before"}")
		;;
	*FILE | *PATH)
		compopt -o filenames 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	esac
}

# What can stand for a verb's operand. $1: the verb, $2: how many operands stand before it.
_tare_operands()
{
	local operand
	operand=$(printf '%s\n' "$help" | sed -n 's/^   tare [a-z-]* \[options\] *//p' |
		tr -d '[]' | cut -d ' ' -f $(($2 + 1)))
	case $1:$operand in
	create:* | run:* | plan:* | restore:*) ;; # a new name
	*:ID)
		mapfile -t COMPREPLY < <(compgen -W \
			"$("$program" "${root[@]}" list --quiet 2> /dev/null)" -- "$cur")
		;;
	*:*'|'* | *:FILE) _tare_values "$operand" ;;
	*:SIGNAL)
		mapfile -t COMPREPLY < <(compgen -A signal -- "$cur")
		[ ${#COMPREPLY[@]} -gt 0 ] ||
			mapfile -t COMPREPLY < <(compgen -A signal | sed 's/^SIG//' |
				grep -ie "^${cur#[sS][iI][gG]}")
		;;
	esac
}

_tare()
{
	local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} verb='' help='' options=''
	local word value='' taken='' operands=0 i root=()

	COMPREPLY=()
	[[ $cur != [=:] ]] || cur=''
	help=$("$program" --help 2> /dev/null) || return 0
	options=$(printf '%s\n' "$help" | _tare_options)
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[ "$word" != '=' ] || continue # bash takes --name=value apart
		if [ "$word" = ':' ]; then # and a list of directories
			value=$taken
		elif [ -n "$value" ]; then
			[ "$value" != --root ] || root=(--root "$word")
			value=''
		elif [[ $word == -* ]]; then
			if printf '%s\n' "$options" | grep -qe "^$word "; then
				value=$word taken=$word
			fi
		elif [ -z "$verb" ]; then
			verb=$word
			help=$("$program" "$verb" --help 2> /dev/null) || return 0
			options=$(printf '%s\n' "$help" | _tare_options)
		else
			operands=$((operands + 1))
		fi
	done
	[ "${COMP_WORDS[COMP_CWORD]}" != ':' ] || value=$taken
	if [ -n "$value" ]; then
		_tare_values "$(printf '%s\n' "$options" | sed -n "s/^$value //p")"
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(printf '%s\n' "$options" | cut -d ' ' -f 1)" \
			-- "$cur")
	elif [ -z "$verb" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(printf '%s\n' "$help" |
			sed -n '/^COMMANDS:/,$ s/^   \([a-z-]*\)  .*/\1/p')" -- "$cur")
	else
		_tare_operands "$verb" "$operands"
	fi
}

complete -F _tare tare
