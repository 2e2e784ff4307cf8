import { expect } from 'chai'
import * as fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import type { CohortRow } from '../../domain/cohort.js'
import {
  ExtractSummary,
  hospitalNumberKey,
  isCalendarDate,
  isTimestamp,
  rowProblemOf,
  seriesUidsOf,
  studyRequestOf,
  trimmedRow,
} from '../../domain/cohort.js'
import { decode } from '../../domain/decode.js'
import { known, ProjectSlug } from '../../domain/identifiers.js'

const project = known(ProjectSlug, 'test')
const row: CohortRow = {
  procedureId: '1',
  mrn: 'M1',
  accessionNumber: 'A1',
  projectName: 'Test',
  extractGeneratedTimestamp: '2023-12-07T14:08:58Z',
  studyDate: '2022-11-22',
  studyUid: '1.2.3',
  participantId: 'P1',
  seriesUid: '1.2.4\\1.2.5',
}

describe('cohort rows', () => {
  it('become study requests', () => {
    const request = studyRequestOf(row, project)
    expect(E.isRight(request) && request.right).to.include({
      project,
      projectName: 'Test',
      studyDate: '2022-11-22',
      procedureOccurrenceId: 1,
      extractGeneratedTimestamp: '2023-12-07T14:08:58Z',
      pseudoPatientId: 'P1',
    })
  })

  it('are dates exactly where the calendar has them', () => {
    fc.assert(
      fc.property(fc.nat(9999), fc.nat(14), fc.nat(33), (year, month, day) => {
        const text = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
        const at = new Date(`${text}T00:00:00Z`)
        const isReal = year > 0 && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
        expect(isCalendarDate(text)).to.equal(isReal)
      }),
      { numRuns: 2000 },
    )
    for (const text of ['', '2022-1-1', '20220101', '2022-01-01 ', '-022-01-01', '2022-01-01T00:00:00'])
      expect(isCalendarDate(text)).to.equal(false)
  })

  it('know instants as extracts and messages write them', () => {
    for (const text of [
      '2023-12-07 14:08:58',
      '2023-12-07T14:08:58Z',
      '2023-12-07T14:08:58+00:00',
      '2023-12-07T14:08:58.123456-0130',
      '2023-12-07T14:08',
    ])
      expect(isTimestamp(text), text).to.equal(true)
    for (const text of ['', '2023-12-07', '2023-02-29 14:08:58', '2023-12-07T24:00:00Z', '2023-12-07T14:60:00', 'now'])
      expect(isTimestamp(text), text).to.equal(false)
  })

  it('name no project that neither a database nor a message can hold', () => {
    for (const projectName of ['a\0', 'a\ud800'])
      expect(rowProblemOf({ ...row, projectName })).to.deep.equal({
        _tag: 'RowProblem',
        column: 'projectName',
        problem: 'expected text without NUL',
      })
  })

  it('are without identifier before they are wrong', () => {
    const nameless = { ...row, accessionNumber: '', studyUid: '', studyDate: 'x' }
    expect(rowProblemOf(nameless)).to.deep.equal({ _tag: 'WithoutIdentifier' })
  })

  it('never throw and never show a value, whatever the texts', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', ' ', '\\', '1.2', '2022-11-22'))
    const rows: fc.Arbitrary<CohortRow> = fc.record({
      procedureId: text,
      mrn: text,
      accessionNumber: text,
      projectName: text,
      extractGeneratedTimestamp: text,
      studyDate: text,
      studyUid: text,
      participantId: text,
      seriesUid: text,
    })
    fc.assert(
      fc.property(rows, (any) => {
        const request = studyRequestOf(any, project)
        if (E.isLeft(request) && request.left._tag === 'RowProblem')
          expect(request.left.problem).to.match(/^expected [\w ,.():-]+$/)
        expect(trimmedRow(trimmedRow(any))).to.deep.equal(trimmedRow(any))
      }),
    )
  })

  it('list each series once, in the order given', () => {
    expect(seriesUidsOf(' 1.3\\1.2\\\\1.3 ')).to.deep.equal(['1.3', '1.2'])
    expect(seriesUidsOf('')).to.deep.equal([])
  })

  it('compare hospital numbers without regard to case, white space and leading zeros', () => {
    expect(hospitalNumberKey(' 00aB1 ')).to.equal(hospitalNumberKey('AB1'))
    expect(hospitalNumberKey('AB1')).not.to.equal(hospitalNumberKey('AB10'))
  })
})

describe('extract summaries', () => {
  it('give the project name and the original text of the time', () => {
    const value = { settings: { cdm_source_name: 'A b', other: 1 }, datetime: '2023-12-07 14:08:58' }
    expect(decode(ExtractSummary)(value)).to.deep.equal(E.right(value))
  })

  it('say what is missing', () => {
    const problems = (value: unknown): unknown =>
      E.isLeft(decode(ExtractSummary)(value)) && decode(ExtractSummary)(value)
    expect(problems({ settings: { cdm_source_name: 5 } })).to.deep.equal(
      E.left({
        _tag: 'DecodeError',
        problems: [
          'datetime: expected date and time YYYY-MM-DD HH:MM:SS',
          'settings.cdm_source_name: expected string without NUL and unpaired surrogates',
        ],
      }),
    )
  })
})
