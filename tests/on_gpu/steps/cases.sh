# shellcheck shell=bash
# Sourced by the steps that run `ldm verify`.

# verify_all DTYPE: a report for each folder of cases, added to the array `reports`. A report that is there is not made again while
# it is newer than the program, so that a step that was interrupted goes on where it was.
verify_all() {
    local dtype=$1 folder report files
    for folder in reference_data/[0-9]* reference_data/full_size ${CASES:+"$CASES"}; do
        [[ -z $QUICK || $folder != */full_size ]] || continue
        report=$RESULTS/verify/$dtype/$(basename "$folder").json
        reports+=("$report")
        [[ ! -s $report || ! $report -nt $LDM ]] || continue
        mkdir -p "$(dirname "$report")"
        mapfile -t files < <(find "$folder" -name "[A-Z]*.${QUICK:+tiny_input.}safetensors" | sort)
        ((${#files[@]} > 0)) || { echo "there are no cases in $folder" && return 1; }
        "$LDM" verify --json --device "$DEVICE" --dtype "$dtype" "${files[@]}" > "$report.part" || true  # what failed stands in it
        [[ -s $report.part ]] || return 1
        mv "$report.part" "$report"
    done
}
reports=()
