# GitHub writes $a$ and $$ ... $$, Doxygen writes \f$a\f$ and \f[ ... \f].
/^```/        { code = !code }
code          { print; next }
/^\$\$$/      { print (open = !open) ? "\\f[" : "\\f]"; next }
              { while (match($0, /\$[^$]+\$/)) $0 = substr($0, 1, RSTART-1) "\\f\001" substr($0, RSTART+1, RLENGTH-2) "\\f\001" substr($0, RSTART+RLENGTH)
                gsub(/\001/, "$"); print }
