import { expect } from 'chai'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import type { MessageFormat } from '../../domain/messages/study-message.js'
import { decodeStudyMessage, encodeStudyMessage } from '../../domain/messages/study-message.js'
import { revealOr, sensitiveOrNull } from '../../domain/sensitive.js'
import { projectSlug } from '../../domain/slug.js'
import type { StudyRequest } from '../../domain/study.js'

const plainSample =
  '{"mrn": "111", "accession_number": "123", "study_uid": "1.2.3", "series_uid": "", "study_date": "2022-11-22", "procedure_occurrence_id": 234, "project_name": "test project", "extract_generated_timestamp": "2023-12-07T14:08:00+00:00"}'
const zoneOf = (offset: string): string =>
  `{"py/reduce": [{"py/type": "datetime.timezone"}, {"py/tuple": [{"py/reduce": [{"py/type": "datetime.timedelta"}, {"py/tuple": [${offset}]}]}]}]}`
const datetimeOf = (...args: ReadonlyArray<string>): string =>
  `{"py/object": "datetime.datetime", "__reduce__": [{"py/type": "datetime.datetime"}, [${args.join(', ')}]]}`
const dateSample = '{"py/object": "datetime.date", "__reduce__": [{"py/type": "datetime.date"}, ["B+YLFg=="]]}'
const timestampSample = datetimeOf('"B+cMBw4IAAAAAA=="', zoneOf('0, 0, 0'))
const pickledSample = `{"py/object": "core.patient_queue.message.Message", "mrn": "111", "accession_number": "123", "study_uid": "1.2.3", "series_uid": "", "study_date": ${dateSample}, "procedure_occurrence_id": 234, "project_name": "test project", "extract_generated_timestamp": ${timestampSample}}`

const decodeText = (text: string) => decodeStudyMessage(new TextEncoder().encode(text))
const encodeText = (request: StudyRequest, format: MessageFormat) =>
  new TextDecoder().decode(encodeStudyMessage(request, format))

const read = (text: string): StudyRequest => {
  const decoded = decodeText(text)
  if (E.isLeft(decoded)) throw new Error(decoded.left.problems.join('; '))
  return decoded.right
}
const problems = (text: string): ReadonlyArray<string> => {
  const decoded = decodeText(text)
  return E.isLeft(decoded) ? decoded.left.problems : []
}

/** With what is sensitive in the open, so that two requests can be compared. */
const revealed = (request: StudyRequest) => ({
  ...request,
  mrn: request.mrn && revealOr(request.mrn),
  accessionNumber: request.accessionNumber && revealOr(request.accessionNumber),
  studyInstanceUid: request.studyInstanceUid && revealOr(request.studyInstanceUid),
  seriesInstanceUids: request.seriesInstanceUids.map((uid) => uid.reveal()),
})

const sampleRequest = {
  project: 'test-project',
  projectName: 'test project',
  mrn: '111',
  accessionNumber: '123',
  studyInstanceUid: '1.2.3',
  seriesInstanceUids: [],
  studyDate: '2022-11-22',
  procedureOccurrenceId: 234,
  extractGeneratedTimestamp: '2023-12-07T14:08:00+00:00',
  pseudoPatientId: null,
}

describe('study message', () => {
  for (const [format, sample] of [
    ['plain', plainSample],
    ['jsonpickle', pickledSample],
  ] as const) {
    it(`reads the ${format} sample`, () => expect(revealed(read(sample))).to.deep.equal(sampleRequest))

    it(`writes the ${format} sample byte for byte`, () => expect(encodeText(read(sample), format)).to.equal(sample))
  }

  it('escapes everything that is not printable ASCII as Python does', () => {
    const written = plainSample.replace('"111"', '"\\u00e9\\"\\\\\\n\\t\\u001f\\u007f\\ud83c\\udfe5"')
    expect(read(written).mrn?.reveal()).to.equal('é"\\\n\t\u001f\u007f🏥')
    expect(encodeText(read(written), 'plain')).to.equal(written)
  })

  it('writes absent identifiers as empty text and lists series joined by one backslash', () => {
    const text = plainSample
      .replace('"111"', 'null')
      .replace('"1.2.3"', 'null')
      .replace('"series_uid": ""', '"series_uid": "1.2\\\\1.3"')
    const request = read(text)
    expect(revealed(request)).to.deep.equal({
      ...sampleRequest,
      mrn: null,
      studyInstanceUid: null,
      seriesInstanceUids: ['1.2', '1.3'],
    })
    expect(encodeText(request, 'plain')).to.equal(text.replaceAll('null', '""'))
  })

  it('reads null series as the whole study', () =>
    expect(read(plainSample.replace('"series_uid": ""', '"series_uid": null')).seriesInstanceUids).to.deep.equal([]))

  it('ignores members it does not know', () =>
    expect(revealed(read(plainSample.replace('{', '{"new": [1], ')))).to.deep.equal(sampleRequest))

  const reduce = (name: string, ...args: ReadonlyArray<string>): string =>
    `{"py/reduce": [{"py/function": "${name}"}, {"py/tuple": [${args.join(', ')}]}]}`
  const wall = '"B+cMBw4IAAAAAA=="'
  const summer = '"B+cHBw4IAAAAAA=="'
  const pandas = 'pandas._libs.tslibs.timestamps._unpickle_timestamp'
  const timestamps: ReadonlyArray<readonly [string, string, string]> = [
    ['a naive datetime', datetimeOf(wall), '2023-12-07T14:08:00'],
    [
      'a negative offset and microseconds',
      datetimeOf('"B+cMBw4IAQAABQ=="', zoneOf('-1, 68400, 0')),
      '2023-12-07T14:08:01.000005-05:00',
    ],
    ['an offset of seconds', datetimeOf(wall, zoneOf('0, 3661, 5')), '2023-12-07T14:08:00+01:01:01.000005'],
    [
      'zoneinfo',
      datetimeOf(summer, reduce('zoneinfo.ZoneInfo._unpickle', '"Europe/London"', '1')),
      '2023-07-07T14:08:00+01:00',
    ],
    [
      'zoneinfo at a time that occurs twice',
      datetimeOf('"B+cKHQEeAAAAAA=="', reduce('zoneinfo.ZoneInfo._unpickle', '"Europe/London"', 'true')),
      '2023-10-29T01:30:00+01:00',
    ],
    [
      'zoneinfo at a time that is skipped',
      datetimeOf('"B+cDGgEeAAAAAA=="', reduce('zoneinfo.ZoneInfo._unpickle', '"Europe/London"', 'true')),
      '2023-03-26T01:30:00+00:00',
    ],
    ['pytz UTC', datetimeOf(wall, reduce('pytz._UTC')), '2023-12-07T14:08:00+00:00'],
    [
      'a pytz zone',
      datetimeOf(summer, reduce('pytz._p', '"Europe/London"', '3600', '3600', '"BST"')),
      '2023-07-07T14:08:00+01:00',
    ],
    [
      'a pandas timestamp',
      reduce(pandas, '1701958080123456000', 'null', reduce('pytz._UTC'), '10'),
      '2023-12-07T14:08:00.123456+00:00',
    ],
    [
      'a pandas timestamp in a zone',
      reduce(pandas, '1688735280000000000', 'null', reduce('zoneinfo.ZoneInfo._unpickle', '"Europe/London"', 'true')),
      '2023-07-07T14:08:00+01:00',
    ],
    ['a pandas timestamp without zone', reduce(pandas, '-1000', 'null', 'null'), '1969-12-31T23:59:59.999999'],
  ]
  for (const [title, shape, text] of timestamps) {
    it(`reads ${title} as its ISO form`, () =>
      expect(read(pickledSample.replace(timestampSample, shape)).extractGeneratedTimestamp).to.equal(text))
  }

  it('reads a study date that is a datetime', () => {
    const shape = datetimeOf('"B+YLFgECAwAAAA=="')
    expect(read(pickledSample.replace(dateSample, shape)).studyDate).to.equal('2022-11-22')
    expect(read(plainSample.replace('2022-11-22', '2022-11-22T01:02:03')).studyDate).to.equal('2022-11-22')
  })

  it('follows references to earlier objects, whether counted from 0 or from 1', () => {
    const shared = pickledSample.replace(dateSample, timestampSample)
    const whole = (id: number) =>
      read(
        shared.replace(
          new RegExp('"extract_generated_timestamp": .*'),
          `"extract_generated_timestamp": {"py/id": ${id}}}`,
        ),
      )
    const zone = (id: number) =>
      read(
        shared.replace(
          /"extract_generated_timestamp": .*/,
          `"extract_generated_timestamp": ${datetimeOf(wall, `{"py/id": ${id}}`)}}`,
        ),
      )
    for (const request of [whole(1), whole(2), zone(2), zone(3)]) {
      expect(request.extractGeneratedTimestamp).to.equal('2023-12-07T14:08:00+00:00')
    }
  })

  it('reads procedure occurrences as number, decimal text, numpy scalar or null', () => {
    const numpy = (dtype: string, base64: string) =>
      `{"py/reduce": [{"py/function": "numpy.core.multiarray.scalar"}, {"py/tuple": [{"py/reduce": [{"py/type": "numpy.dtype"}, {"py/tuple": ["${dtype}", false, true]}, {"py/tuple": [3, "<", null, null, null, -1, -1, 0]}]}, {"py/b64": "${base64}"}]}]}`
    const id = (shape: string) => read(pickledSample.replace('234', shape)).procedureOccurrenceId
    expect(id('"234"')).to.equal(234)
    expect(id('null')).to.equal(null)
    expect(id(numpy('i8', '6gAAAAAAAAA='))).to.equal(234)
    expect(id(numpy('i4', '/////w=='))).to.equal(-1)
    expect(id(numpy('u2', '//8='))).to.equal(65535)
    expect(problems(pickledSample.replace('234', numpy('f8', '6gAAAAAAAAA=')))).to.have.length(1)
    expect(problems(pickledSample.replace('234', numpy('i8', '6gAAAA==')))).to.have.length(1)
  })

  const marker = 'MRN-8731-MARKER'
  const refused: ReadonlyArray<readonly [string, string, string]> = [
    ['not JSON', marker, 'value: expected JSON text in UTF-8'],
    ['a list', `["${marker}"]`, 'value: expected an object'],
    ['a duplicate key', plainSample.replace('{', `{"mrn": "${marker}", `), 'value: expected every key once per object'],
    [
      'a duplicate key written with an escape',
      plainSample.replace('{', '{"\\u006drn": "1", '),
      'value: expected every key once per object',
    ],
    [
      'an unpaired surrogate',
      plainSample.replace('111', '\\ud800'),
      'value: expected text without NUL and unpaired surrogates',
    ],
    ['a NUL', plainSample.replace('111', '\\u0000'), 'value: expected text without NUL and unpaired surrogates'],
    [
      'deep nesting',
      plainSample.replace('"111"', '['.repeat(100_000) + ']'.repeat(100_000)),
      'value: expected nesting of at most 32 levels',
    ],
    ['a body above 1 MiB', plainSample.replace('111', 'x'.repeat(1024 * 1024)), 'value: expected at most 1 MiB'],
    [
      'an identifier of unlikely length',
      plainSample.replace('111', marker.repeat(20)),
      'mrn: expected text of at most 256 characters',
    ],
    ['a missing member', plainSample.replace('"mrn": "111", ', ''), 'mrn: expected text or null'],
    ['a number as MRN', plainSample.replace('"111"', '111'), 'mrn: expected text or null'],
    [
      'a day that does not exist',
      plainSample.replace('2022-11-22', '2023-02-29'),
      'study_date: expected a date (YYYY-MM-DD or datetime.date)',
    ],
    [
      'a timestamp that is none',
      plainSample.replace('2023-12-07T14:08:00+00:00', marker),
      'extract_generated_timestamp: expected a date and time (ISO 8601 text or datetime.datetime)',
    ],
    [
      'a fraction as occurrence',
      plainSample.replace('234', '234.5'),
      'procedure_occurrence_id: expected an integer below 2^53',
    ],
    [
      'an occurrence JavaScript cannot hold',
      plainSample.replace('234', '9007199254740993'),
      'procedure_occurrence_id: expected an integer below 2^53',
    ],
    [
      'a project name without a letter',
      plainSample.replace('test project', '///'),
      'project_name: expected a project name that makes a slug of 1 to 200 letters, digits and hyphens',
    ],
    [
      'another class',
      pickledSample.replace('core.patient_queue.message.Message', 'os.system'),
      'py/object: expected "core.patient_queue.message.Message"',
    ],
    [
      'a callable outside the table',
      pickledSample.replace(timestampSample, reduce('os.system', `"${marker}"`)),
      'extract_generated_timestamp: expected a date and time (ISO 8601 text or datetime.datetime)',
    ],
    [
      'a callable named like an inherited member',
      pickledSample.replace(timestampSample, datetimeOf(wall, reduce('constructor', '1'))),
      'extract_generated_timestamp.__reduce__[1][1]: expected a time zone of datetime, zoneinfo or pytz',
    ],
    [
      'a date of the wrong length',
      pickledSample.replace('B+YLFg==', 'B+YLFgA='),
      'study_date.__reduce__[1][0]: expected base64 of the 4 bytes of a date',
    ],
    [
      'a month 13',
      pickledSample.replace('B+YLFg==', 'B+YNFg=='),
      'study_date.__reduce__[1][0]: expected base64 of the 4 bytes of a date',
    ],
    [
      'a zone that does not exist',
      pickledSample.replace(
        timestampSample,
        datetimeOf(wall, reduce('zoneinfo.ZoneInfo._unpickle', `"Mars/${marker}"`, '1')),
      ),
      'extract_generated_timestamp.__reduce__[1][1]: expected a known time zone',
    ],
    [
      'a reference to nothing',
      pickledSample.replace(timestampSample, '{"py/id": 99}'),
      'extract_generated_timestamp.py/id: expected a reference to an object of the kind wanted here',
    ],
    [
      'an offset of a day',
      pickledSample.replace('[0, 0, 0]', '[1, 0, 0]'),
      'extract_generated_timestamp.__reduce__[1][1]: expected a known time zone',
    ],
  ]
  for (const [title, text, problem] of refused) {
    it(`refuses ${title} with path and expected form, not the value`, () =>
      expect(problems(text)).to.deep.equal([problem]))
  }

  it('refuses bytes that are not UTF-8', () =>
    expect(E.isLeft(decodeStudyMessage(Uint8Array.from([0x22, 0xff, 0x22])))).to.equal(true))

  it('throws when the program itself made a request with a timestamp that is none, without its text', () => {
    const wrong = { ...read(plainSample), extractGeneratedTimestamp: marker }
    expect(() => encodeText(wrong, 'jsonpickle'))
      .to.throw(/not ISO 8601/)
      .that.does.not.match(new RegExp(marker))
  })

  it('names every fault of a message at once', () =>
    expect(problems('{"mrn": 1}').map((problem) => problem.split(':')[0])).to.deep.equal([
      'accession_number',
      'extract_generated_timestamp',
      'mrn',
      'procedure_occurrence_id',
      'project_name',
      'series_uid',
      'study_date',
      'study_uid',
    ]))

  it('leaves every object as it was when keys name prototypes', () => {
    expect(problems('{"__proto__": {"mrn": "1"}, "constructor": {"prototype": {"polluted": 1}}}')).to.have.length(8)
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined)
    expect(revealed(read(plainSample.replace('{', '{"__proto__": {"mrn": "2"}, ')))).to.deep.equal(sampleRequest)
  })
})

describe('study message, for any content', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((s) => !s.includes('\0'))
  const uid = fc.stringMatching(/^[1-9](\.[1-9][0-9]{0,5}){1,6}$/)
  const digits = (n: number, width: number) => String(n).padStart(width, '0')
  const date = fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((d) => d.toISOString().slice(0, 10))
  const timestamp = fc
    .tuple(
      date,
      fc.nat(86_399),
      fc.option(fc.integer({ min: 1, max: 999_999 })),
      fc.option(fc.integer({ min: -1439, max: 1439 })),
    )
    .map(([day, second, us, offset]) => {
      const time = [second / 3600, (second / 60) % 60, second % 60].map((n) => digits(Math.floor(n), 2)).join(':')
      const minutes = Math.abs(offset ?? 0)
      const zone = `${(offset ?? 0) < 0 ? '-' : '+'}${digits(Math.floor(minutes / 60), 2)}:${digits(minutes % 60, 2)}`
      return `${day}T${time}${us === null ? '' : `.${digits(us, 6)}`}${offset === null ? '' : zone}`
    })
  const request: fc.Arbitrary<StudyRequest> = fc
    .record({
      name: text.filter((name) => E.isRight(projectSlug(name))),
      mrn: text,
      accession: text,
      study: fc.option(uid),
      series: fc.array(uid, { maxLength: 4 }),
      studyDate: date,
      procedureOccurrenceId: fc.option(fc.maxSafeInteger()),
      extractGeneratedTimestamp: timestamp,
    })
    .map(({ name, mrn, accession, study, series, ...rest }) => ({
      ...rest,
      project: (projectSlug(name) as E.Right<StudyRequest['project']>).right,
      projectName: name,
      mrn: sensitiveOrNull<'Mrn'>(mrn),
      accessionNumber: sensitiveOrNull<'AccessionNumber'>(accession),
      studyInstanceUid: sensitiveOrNull<'StudyInstanceUid'>(study),
      seriesInstanceUids: series.map((u) => sensitiveOrNull<'SeriesInstanceUid'>(u)!),
      pseudoPatientId: null,
    }))

  for (const format of ['plain', 'jsonpickle'] as const) {
    it(`reads back every request it writes as ${format}`, () =>
      fc.assert(
        fc.property(request, (original) => {
          const bytes = encodeStudyMessage(original, format)
          expect(bytes.every((byte) => byte >= 0x20 && byte < 0x7f)).to.equal(true)
          const decoded = decodeStudyMessage(bytes)
          expect(E.isRight(decoded) && revealed(decoded.right)).to.deep.equal(revealed(original))
        }),
        { numRuns: 500 },
      ))
  }

  it('never throws, whatever the bytes', () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(plainSample, pickledSample),
        fc.nat(),
        fc.nat(30),
        fc.string({ unit: 'binary', maxLength: 8 }),
      )
      .map(([sample, at, length, insert]) => {
        const start = at % sample.length
        return new TextEncoder().encode(sample.slice(0, start) + insert + sample.slice(start + length))
      })
    const shapes = fc.json({ maxDepth: 6 }).map((json) => new TextEncoder().encode(json))
    const swapped = fc
      .tuple(fc.constantFrom(dateSample, timestampSample, '234', '"111"', '[0, 0, 0]'), fc.json())
      .map(([from, to]) => new TextEncoder().encode(pickledSample.replace(from, () => to)))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged, shapes, swapped), (bytes) => {
        const decoded = decodeStudyMessage(bytes)
        if (E.isLeft(decoded)) expect(decoded.left.problems).to.not.have.length(0)
      }),
      { numRuns: 3000 },
    )
  })
})
