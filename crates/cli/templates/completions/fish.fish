
# Names of this project: blueprints, block types, codes.
complete -c blueprint -n "__fish_blueprint_using_subcommand run graph test check fmt" -a "(blueprint completions --words blueprints 2>/dev/null)"
complete -c blueprint -n "__fish_blueprint_using_subcommand blocks" -f -a "(blueprint completions --words types 2>/dev/null)"
complete -c blueprint -n "__fish_blueprint_using_subcommand explain" -f -a "(blueprint completions --words types codes references 2>/dev/null)"
complete -c blueprint -n "__fish_blueprint_using_subcommand explain" -l secrets -x -a "(blueprint completions --words blueprints 2>/dev/null)"
