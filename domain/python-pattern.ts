import * as E from 'fp-ts/lib/Either.js'

/** Python's `\w` and `\s` for text, as the inside of a JavaScript class that cannot become the end of a range. */
const word = '\\p{L}_\\p{N}'
const space = '\\p{Zs}\\t-\\r\\x1c-\\x1f\\x85\\u2028\\u2029\\p{Zs}'
/** Python's `\b`; a look-ahead around it, so that a quantifier after it is an error as it is there. */
const boundary = `(?=(?<=[${word}])(?![${word}])|(?<![${word}])(?=[${word}]))`

/**
 * What an escaped letter becomes, outside and inside a class; null = it cannot be said there. `\B` is missing, since
 * versions of Python disagree about it.
 */
const escapes: Readonly<Record<string, readonly [outside: string, inside: string | null]>> = {
  d: ['\\p{Nd}', '\\p{Nd}'],
  D: ['\\P{Nd}', '\\P{Nd}'],
  w: [`[${word}]`, word],
  W: [`[^${word}]`, null],
  s: [`[${space}]`, space],
  S: [`[^${space}]`, null],
  b: [boundary, '\\b'],
  ...Object.fromEntries([...'nrtfv'].map((letter) => [letter, [`\\${letter}`, `\\${letter}`] as const])),
}

const longestPattern = 256
const mostTimes = 64
const mostRepetitions = 4
const mostOptionalParts = 10

const problems = {
  length: `a regular expression of 1 to ${longestPattern} characters`,
  escape: 'a regular expression without \\A, \\B, \\Z, back references and other escapes that Python alone knows',
  group: 'a regular expression without (?P<name>...), (?#...), (?>...), conditions and flags other than a leading (?i)',
  lookbehind: 'a regular expression whose look-behinds have one fixed width',
  nested: 'a regular expression without repetition or alternatives inside a repeated group',
  times: `a regular expression that repeats nothing more than ${mostTimes} times by number`,
  many: `a regular expression with at most ${mostRepetitions} repetitions and ${mostOptionalParts} optional parts`,
  class: 'a regular expression whose classes begin with another character than ] and hold no \\W or \\S',
  syntax: 'a regular expression of the syntax that Python and JavaScript share (no possessive quantifiers, no {,n})',
} as const

/** A group that is open, or the one just closed. */
interface Group {
  /** It can match in more than one way. */
  varies: boolean
  /** Something in it is repeated or optional. */
  repeats: boolean
  readonly lookbehind: boolean
}

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const translateEscape = (text: string, at: number, inClass: boolean): { from: string; to: string } | null => {
  const coded = matchAt(/\\(?:x[0-9a-f]{2}|u(?!d[89a-f])[0-9a-f]{4})/iy, text, at)
  if (coded) return { from: coded[0], to: coded[0] }
  const letter = matchAt(/\\([A-Za-z])/y, text, at)?.[1]
  if (letter !== undefined) {
    const to = Object.hasOwn(escapes, letter) ? escapes[letter]![inClass ? 1 : 0] : null
    return to === null ? null : { from: `\\${letter}`, to }
  }
  const sign = matchAt(/\\([\x20-\x7e])/y, text, at)?.[1]
  if (sign === undefined || /\d/.test(sign)) return null
  const keeps = /[\^$\\.*+?()[\]{}|/]/.test(sign) || (inClass && sign === '-')
  return { from: `\\${sign}`, to: keeps ? `\\${sign}` : sign }
}

const translateClass = (text: string, start: number): { from: string; to: string } | null => {
  let at = start + (text[start + 1] === '^' ? 2 : 1)
  let to = text.slice(start, at)
  if (text[at] === ']') return null
  while (at < text.length && text[at] !== ']') {
    const piece = text[at] === '\\' ? translateEscape(text, at, true) : { from: text[at]!, to: text[at]! }
    if (piece === null) return null
    at += piece.from.length
    to += piece.to
  }
  return at < text.length ? { from: text.slice(start, at + 1), to: `${to}]` } : null
}

/**
 * Translates a pattern of Python's `re` (searched for with IGNORECASE) to the source of a JavaScript one that finds the
 * same with the flags `iu`. Left: what was expected, for what JavaScript would read differently, cannot read, or could
 * take exponential time over. `$` and `.` are alike for values without line breaks, as those of DICOM are.
 *
 * **Source** docs.python.org/3/library/re.html, ECMA-262 section 22.2.
 */
export const translatePattern = (pattern: string): E.Either<string, string> => {
  if (pattern.length === 0 || pattern.length > longestPattern) return E.left(problems.length)
  const text = pattern.replace(/^\(\?i\)/, '')
  const open: Array<Group> = [{ varies: false, repeats: false, lookbehind: false }]
  let repetitions = 0
  let optionalParts = 0
  let to = ''
  for (let at = 0; at < text.length;) {
    let from = text[at]!
    let closed: Group | null = null
    const group = open[open.length - 1]!
    if (from === '\\' || from === '[') {
      const piece = from === '[' ? translateClass(text, at) : translateEscape(text, at, false)
      if (piece === null) return E.left(from === '[' ? problems.class : problems.escape)
      from = piece.from
      to += piece.to
    } else if (from === '(') {
      from = matchAt(/\((?:\?(?:<?[=!]|:))?/y, text, at)![0]
      if (text[at + from.length] === '?') return E.left(problems.group)
      open.push({ varies: false, repeats: false, lookbehind: from.startsWith('(?<') })
      to += from
    } else if (from === ')') {
      if (open.length === 1) return E.left(problems.syntax)
      closed = open.pop()!
      if (closed.lookbehind && closed.varies) return E.left(problems.lookbehind)
      if (closed.varies) open[open.length - 1]!.varies = true
      if (closed.repeats) open[open.length - 1]!.repeats = true
      to += from
    } else {
      if (from === '|') group.varies = true
      to += from
    }
    at += from.length
    const quantifier = matchAt(/(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/y, text, at)
    if (quantifier !== null) {
      const [, least, comma, most] = quantifier
      const optional = quantifier[0].startsWith('?')
      if (!optional && closed !== null && (closed.varies || closed.repeats)) return E.left(problems.nested)
      if (Math.max(Number(least ?? 0), Number(most ?? 0)) > mostTimes) return E.left(problems.times)
      if (optional) optionalParts += 1
      else if (comma !== '') repetitions += 1
      if (comma !== '') open[open.length - 1]!.varies = true
      open[open.length - 1]!.repeats = true
      to += quantifier[0]
      at += quantifier[0].length
    }
  }
  if (repetitions > mostRepetitions || optionalParts > mostOptionalParts) return E.left(problems.many)
  return E.tryCatch(
    () => {
      // Some faults of a pattern show only when it is run.
      new RegExp(to, 'iu').test('')
      return to
    },
    () => problems.syntax,
  )
}
