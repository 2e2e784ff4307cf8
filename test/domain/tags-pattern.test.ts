import { expect } from 'chai'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { translatePattern } from '../../domain/python-pattern.js'
import { matchesPattern } from '../../domain/tags.js'

const texts = [
  'PHILIPS Medical',
  'GE MEDICAL',
  'ge-med',
  'SIEMENS 32',
  'G.E.',
  '',
  'caf\u00e9 \u00c9',
  '\u6771\u829d',
  'x\u00a0y',
  '\u0663\u0664',
  'abab #x',
]

/** What `re.search(pattern, text, re.IGNORECASE)` of Python 3.11 finds in each text: 1 or 0. */
const found: ReadonlyArray<readonly [pattern: string, found: string]> = [
  ['(?i)^Philips', '10000000000'],
  ['^philips', '10000000000'],
  ['.*', '11111111111'],
  ['^ge( medical)?', '01100000000'],
  ['^GE\\b', '01100000000'],
  ['siemens|philips', '10010000000'],
  ['\\bmed', '11100000000'],
  ['^\\w+$', '00000001010'],
  ['\\d{2,3}', '00010000010'],
  ['^\\W', '00000000000'],
  ['\\s', '11010010101'],
  ['^\\S+$', '00101001010'],
  ['[\\w-]+$', '11110011111'],
  ['[^\\s]', '11111011111'],
  ['(?<=ge )medical', '01000000000'],
  ['(?<!ge )medical', '10000000000'],
  ['(?=g)ge', '01100000000'],
  ['GE\\-MED', '00100000000'],
  ['G\\.E\\.', '00001000000'],
  ['\\x41', '11000010001'],
  ['\\u00e9', '00000010000'],
  ['\\#x', '00000000001'],
  ['a|', '11111111111'],
  ['^$', '00000100000'],
  ['(?:ab){2}', '00000000001'],
]

const refused: Readonly<Record<string, ReadonlyArray<string>>> = {
  'an anchor that Python alone knows': ['abc\\Z', '\\Aabc'],
  'a named group or a reference to one': ['(?P<x>a)', '(?P<x>a)(?P=x)', '(?<x>a)', '\\k<x>'],
  'a back reference, which fails there and matches here when its group did not take part': ['(a)|\\1b', '(a)\\1'],
  'a possessive quantifier or atomic group': ['a++', 'a*+', 'a?+', '(?>a)'],
  'flags in the middle, for a part, or others than i': ['(?x)a b', '(?a)\\w', '(?i:a)', '(?-i:a)', 'a(?i)', '(?s).'],
  'a comment or condition': ['(?#note)a', '(a)?(?(1)b|c)'],
  'a brace that Python reads as text or as {0,n}': ['a{,3}', 'a{', 'a{x}', '}', ']'],
  'a class that begins with ]': ['[]a]', '[^]a]'],
  'a POSIX class': ['[[:alpha:]]'],
  'a negated shorthand inside a class': ['[\\W]', '[^\\Sa]'],
  'a range that ends in a shorthand': ['[a-\\d]', '[\\w-z]', '[!-\\w]', '[\\s-~]'],
  'an escape that means something else or nothing here': [
    '\\a',
    '\\0',
    '\\101',
    '\\p{L}',
    '\\u{41}',
    '\\cA',
    '\\N{DASH}',
  ],
  'half a surrogate pair': ['\\ud83d'],
  'a boundary or anchor that is repeated': ['\\b*', '^*', '(?=a)*'],
  'a look-behind of varying width': ['(?<=a+)b', '(?<!a|bc)d', '(?<=a?)b'],
  'what may take exponential time': [
    '(a+)+$',
    '(a|a)*$',
    '(a?){30}',
    '((a*))*',
    '(a{1,9}){2}',
    '.*.*.*.*.*x',
    'a?'.repeat(11),
  ],
  'what would compile to a giant': ['a{65}', 'a{1,999999999}', '(?:a{9}){9}', '(?:(?:a{64}){64}){64}'],
  'what neither language reads': ['(', ')', '[a', '*', 'a{2}{3}', '\\', '[b-a]', 'a**'],
  'an empty or endless text': ['', 'a'.repeat(257)],
}

describe('translated regular expressions', () => {
  for (const [pattern, expected] of found) {
    it(`find with ${pattern} what Python finds`, () => {
      const translated = translatePattern(pattern)
      if (E.isLeft(translated)) throw new Error(translated.left)
      expect(texts.map((text) => (matchesPattern(translated.right, text) ? '1' : '0')).join('')).to.equal(expected)
    })
  }

  it('leave a plain pattern as it is', () =>
    expect(translatePattern('^philips (medical|healthcare)')).to.deep.equal(E.right('^philips (medical|healthcare)')))

  for (const [what, patterns] of Object.entries(refused)) {
    it(`refuse ${what}`, () => {
      for (const pattern of patterns) expect(E.isLeft(translatePattern(pattern)), pattern).to.equal(true)
    })
  }

  it('compile, or are refused without a word of the pattern, whatever the text', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[ab\\dw()[\]{}|?*+,:=!<^$.-]{0,12}$/)), (pattern) => {
        const translated = translatePattern(pattern)
        if (E.isRight(translated)) expect(() => matchesPattern(translated.right, 'text')).to.not.throw()
        else expect(translated.left).to.match(/^a regular expression /)
      }),
    ))
})
