# Sourced by the other scripts: one way to speak to the person who waits.
# Everything goes to stderr, so that a script's stdout stays its result.

# Colour is for eyes: none in a log file, none when NO_COLOR (no-color.org) is set.
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') yellow=$(printf '\033[33m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
  bold='' yellow='' red='' plain=''
fi

say()  { printf '%s\n' "$*" >&2; }
warn() { printf '%s%s%s\n' "$yellow" "$*" "$plain" >&2; }
die()  { printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2; exit 1; }

# The time a step took is printed by the header of the next one: the last step
# is a test run, and its own closing lines have to be the last ones.
step_started=''
step() {
  if [ -n "$step_started" ]; then
    printf '   done in %s s\n' "$((SECONDS - step_started))" >&2
  fi
  step_started=$SECONDS
  printf '\n%s== %s (%s s since the start)%s\n' "$bold" "$*" "$SECONDS" "$plain" >&2
}
