# SPDX-License-Identifier: BSD-3-Clause
# page.awk - a man page from what `rademacher [COMMAND] --help` prints.
# Variables: name "rademacher-run", about "run experiments ...", date "2026-11-27", version "0.1.0".
function roff(s) {
  gsub(/\\/, "\\e", s)
  gsub(/-/, "\\-", s)
  sub(/^[.']/, "\\\\\\&&", s)
  return s
}
function heading(s) {
  if (s != section) print ".SH " s
  section = s
}
BEGIN {
  printf ".TH %s 1 \"%s\" \"rademacher %s\" \"User Commands\"\n", toupper(roff(name)), date, version
  printf ".SH NAME\n%s \\- %s\n", roff(name), roff(about)
}
/^Usage: / || (section == "SYNOPSIS" && /^ /) {
  again = section == "SYNOPSIS"
  heading("SYNOPSIS")
  sub(/^(Usage:)? +/, "")
  if (again) print ".br"
  print roff($0)
  next
}
/^$/ { paragraph = 1; next }
/^ +-/ { # an option: names, two blanks, what it is
  heading("OPTIONS")
  sub(/^ +/, "")
  at = match($0, /  /)
  print ".TP\n\\fB" roff(at ? substr($0, 1, at - 1) : $0) "\\fR"
  if (at) {
    rest = substr($0, at)
    sub(/^ +/, "", rest)
    print roff(rest)
  }
  paragraph = 0
  next
}
/^   / && section == "OPTIONS" { sub(/^ +/, ""); print roff($0); next }
/^  rademacher / { # an example
  if (section != "EXAMPLES") { heading("EXAMPLES"); } else print ".br"
  sub(/^ +/, "")
  print ".B " roff($0)
  paragraph = 0
  next
}
/^  / { # a command and what it does
  heading("COMMANDS")
  sub(/^ +/, "")
  at = index($0, " ")
  rest = substr($0, at)
  sub(/^ +/, "", rest)
  print ".TP\n.B " roff(substr($0, 1, at - 1)) "\n" roff(rest)
  paragraph = 0
  next
}
{
  if (/^Exit status: /) {
    heading("EXIT STATUS")
    sub(/^Exit status: /, "")
    $0 = toupper(substr($0, 1, 1)) substr($0, 2)
  } else if (section == "SYNOPSIS")
    heading("DESCRIPTION")
  else if (paragraph && (section == "OPTIONS" || section == "COMMANDS" || section == "EXAMPLES"))
    heading("NOTES")
  else if (paragraph)
    print ".PP"
  paragraph = 0
  print roff($0)
}
END {
  print ".SH SEE ALSO"
  if (name == "rademacher") print ".BR rademacher.ini (5),\n.BR rademacher\\-plugin (7)"
  else print ".BR rademacher (1),\n.BR rademacher.ini (5)"
}
