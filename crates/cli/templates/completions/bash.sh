
# Names of this project: blueprints, block types, codes.
_blueprint_words() {
    local kinds="" words=""
    case "${COMP_WORDS[1]}" in
        run|graph|test|check|fmt) kinds="blueprints" ;;
        blocks) kinds="types" ;;
        explain) kinds="types codes references" ;;
    esac
    if [[ "$3" == "--secrets" ]]; then kinds="blueprints"; fi
    _blueprint "$@"
    if [[ -n "$kinds" && "$2" != -* ]]; then
        words="$(blueprint completions --words $kinds 2>/dev/null)"
        COMPREPLY+=( $(compgen -W "$words" -- "$2") )
    fi
}
complete -F _blueprint_words -o nosort -o bashdefault -o default blueprint
