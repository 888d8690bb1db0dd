
# Names of this project: blueprints, block types, codes.
_blueprint_words() {
    local -a words
    words=(${(f)"$(blueprint completions --words $@ 2>/dev/null)"})
    compadd -a words
}
_blueprint_names() { _blueprint_words blueprints; _files }
_blueprint_types() { _blueprint_words types }
_blueprint_subjects() { _blueprint_words types codes references }
