import { expect } from 'chai'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { decodeManufacturerOverrides, decodeTagOperations } from '../../domain/tags-codec.js'
import { tagOf } from '../../domain/tags.js'

const problemsOf = (decoded: E.Either<{ readonly problems: ReadonlyArray<string> }, unknown>): ReadonlyArray<string> =>
  E.isLeft(decoded) ? decoded.left.problems : []

describe('tag operation files', () => {
  it('give tags as numbers, hexadecimal texts or both', () =>
    expect(
      decodeTagOperations([
        { name: 'Modality', group: 0x0008, element: 0x0060, op: 'keep' },
        { group: '0x0010', element: '0X20', op: 'secure-hash' },
        { name: null, group: 65535, element: 0, op: 'replace_UID' },
      ]),
    ).to.deep.equal(
      E.right([
        { name: 'Modality', tag: tagOf(0x0008, 0x0060), action: 'keep' },
        { name: null, tag: tagOf(0x0010, 0x0020), action: 'secure-hash' },
        { name: null, tag: tagOf(0xffff, 0), action: 'replace_UID' },
      ]),
    ))

  it('may list a tag twice, as files in use do', () => {
    const twice = { group: 0x0018, element: 0x9231, op: 'keep' }
    expect(E.isRight(decodeTagOperations([twice, twice]))).to.equal(true)
  })

  it('name the place of an unknown operation and the known ones', () =>
    expect(problemsOf(decodeTagOperations([{ group: 8, element: 96, op: 'hash' }]))).to.deep.equal([
      '[0].op: expected keep, delete, replace, replace_UID or secure-hash',
    ]))

  for (const number of [-1, 65536, 1.5, NaN, '0010', '16', '103e', '0x00010', '', null, true, [8]]) {
    it(`refuse ${JSON.stringify(number)} as half of a tag`, () =>
      expect(problemsOf(decodeTagOperations([{ group: number, element: 0, op: 'keep' }]))).to.deep.equal([
        '[0].group: expected an integer from 0x0000 to 0xFFFF (hexadecimal as 0x0010)',
      ]))
  }

  it('name every problem at once, unknown keys among them', () =>
    expect(
      problemsOf(decodeTagOperations([{ group: 8, elment: 96, op: 'keep' }, 'text', { group: 8, element: 1 }])),
    ).to.deep.equal([
      '[0].element: expected an integer from 0x0000 to 0xFFFF (hexadecimal as 0x0010)',
      '[0].elment: expected no such key; known here: name, group, element, op',
      '[1]: expected a mapping with group, element and op',
      '[2].op: expected keep, delete, replace, replace_UID or secure-hash',
    ]))

  it('are lists', () => {
    for (const value of [null, {}, 'text', 1])
      expect(problemsOf(decodeTagOperations(value))).to.deep.equal(['value: expected a list of tag operations'])
  })

  it('are refused, and no value of them shown, whatever they hold', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const marker = 'planted-marker'
        const problems = problemsOf(decodeTagOperations([{ group: marker, element: value, op: marker }]))
        expect(problems).to.have.length.greaterThan(0)
        expect(problems.join()).to.not.include(marker)
      }),
    ))
})

describe('manufacturer override files', () => {
  it('give patterns with their operations', () =>
    expect(
      decodeManufacturerOverrides([
        { manufacturer: '(?i)^philips', tags: [{ group: 0x2001, element: 0x1003, op: 'keep' }] },
      ]),
    ).to.deep.equal(
      E.right([{ manufacturer: '^philips', operations: [{ name: null, tag: tagOf(0x2001, 0x1003), action: 'keep' }] }]),
    ))

  it('name the place of a pattern that JavaScript would read differently', () =>
    expect(problemsOf(decodeManufacturerOverrides([{ manufacturer: 'philips\\Z', tags: [] }]))).to.deep.equal([
      '[0].manufacturer: expected a regular expression without \\A, \\B, \\Z, back references and other escapes that Python alone knows',
    ]))

  it('name missing and unknown keys and wrong operations inside', () =>
    expect(
      problemsOf(decodeManufacturerOverrides([{ manufacturers: 'x', tags: [{ group: 1, element: 1, op: 'kept' }] }])),
    ).to.deep.equal([
      '[0].manufacturer: expected a regular expression',
      '[0].manufacturers: expected no such key; known here: manufacturer, tags',
      '[0].tags[0].op: expected keep, delete, replace, replace_UID or secure-hash',
    ]))
})
