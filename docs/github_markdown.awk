# GitHub writes $a$ and $$ ... $$, Doxygen writes \f$a\f$ and \f[ ... \f].
# GitHub looks for a picture beside the page, Doxygen everywhere: it needs the chapter in front of the name.
FNR == 1      { chapter = FILENAME; sub(/\/[^\/]*$/, "", chapter); sub(/.*\/chapters\//, "", chapter) }
/^```/        { code = !code }
code          { print; next }
/!\[.*\]\([a-z_]+\.png\)/ { sub(/\]\(/, "](" chapter "/") }
/^ *\$\$$/    { print (open = !open) ? "\\f[" : "\\f]"; next }
              { while (match($0, /\$[^$]+\$/)) $0 = substr($0, 1, RSTART-1) "\\f\001" substr($0, RSTART+1, RLENGTH-2) "\\f\001" substr($0, RSTART+RLENGTH)
                gsub(/\001/, "$"); print }
