import { expect } from 'chai'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { resolve, sep } from 'node:path'
import { datetimeSlug, projectSlug } from '../../domain/slug.js'

const slugOf = (name: string): string => {
  const slug = projectSlug(name)
  if (E.isLeft(slug)) throw new Error(slug.left.problems.join())
  return slug.right
}

describe('project slug', () => {
  const examples: ReadonlyArray<readonly [string, string]> = [
    ['Test Extract - UCLH OMOP CDM', 'test-extract-uclh-omop-cdm'],
    ["O'Brien", 'o-brien'],
    ["O''Brien", 'o-brien'],
    ['O’Brien', 'obrien'],
    ['O&#39;Brien', 'obrien'],
    ['Próject ß İ 中文', 'project-ss-i-zhong-wen'],
    ['Strauß»x', 'strauss-x'],
    ['1,000.5 studies', '1000-5-studies'],
    ['1,2,3', '123'],
    ['a, b', 'a-b'],
    ['../../etc/passwd', 'etc-passwd'],
    ['under_score', 'under-score'],
    ['a\u0080b \u3400 c', 'ab-c'],
    ['Ｆｕｌｌ ｗｉｄｔｈ ①', 'full-width-1'],
    ['R&amp;D', 'r-d'],
    ['caf&eacute; &#381; &#x17D;', 'cafe-z-z'],
    ['&apos; is of HTML 5', 'apos-is-of-html-5'],
    ['&#1114112; is no character, so &#65; stays', '1114112-is-no-character-so-65-stays'],
    ['line\nbreak\u2028and\ttab\0nul', 'line-break-and-tab-nul'],
  ]
  for (const [name, slug] of examples) {
    it(`turns ${JSON.stringify(name)} into ${slug}`, () => expect(slugOf(name)).to.equal(slug))
  }

  for (const name of ['', '🏥', '---', '../..', "'"]) {
    it(`refuses ${JSON.stringify(name)}, which has neither letter nor digit`, () =>
      expect(projectSlug(name)).to.deep.equal(
        E.left({ _tag: 'DecodeError', problems: ['project name: expected at least one letter or digit'] }),
      ))
  }

  it('refuses a slug longer than a file name may be, without repeating it', () => {
    expect(slugOf('a'.repeat(200))).to.have.length(200)
    const refused = projectSlug('z'.repeat(201))
    expect(refused).to.deep.equal(
      E.left({
        _tag: 'DecodeError',
        problems: ['project name: expected a slug of at most 200 characters, got 201'],
      }),
    )
  })

  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.string({
      unit: fc.constantFrom("'", '&', '#', 'x', ';', '1', '9', ',', '-', '/', '.', 'é', '\ud800', 'eacute'),
    }),
  )

  it('is never anything but hyphenated lower-case letters and digits, and slugs to itself', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const slug = projectSlug(name)
        if (E.isLeft(slug)) return
        expect(slug.right).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/)
        expect(projectSlug(slug.right)).to.deep.equal(slug)
      }),
      { numRuns: 2000 },
    )
  })

  it('names one folder directly inside the one it is joined to', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const slug = projectSlug(name)
        if (E.isRight(slug)) expect(resolve('base', slug.right)).to.equal(`${resolve('base')}${sep}${slug.right}`)
      }),
    )
  })
})

describe('datetime slug', () => {
  const examples: ReadonlyArray<readonly [string, string]> = [
    ['2020-06-10T18:00:00', '2020-06-10t18-00-00'],
    ['2023-12-07T14:08:00+00:00', '2023-12-07t14-08-00-00-00'],
    ['2023-12-07T14:08:58.123456', '2023-12-07t14-08-58-123456'],
    ['2023-12-07T14:08:58.000001+05:30', '2023-12-07t14-08-58-000001-05-30'],
  ]
  for (const [text, slug] of examples) {
    it(`turns ${text} into ${slug}`, () => expect(datetimeSlug(text)).to.equal(slug))
  }
})
