import * as E from 'fp-ts/lib/Either.js'
import type { Random } from '../../../adapters/synthetic/random.js'
import { decodeStudyMessage, encodeStudyMessage } from '../../../domain/messages/study-message.js'
import { sensitive } from '../../../domain/sensitive.js'
import { projectSlug } from '../../../domain/slug.js'
import type { StudyRequest } from '../../../domain/study.js'
import type { Grammar } from '../mutate.js'
import { mutateJson, mutateText } from '../mutate.js'
import type { Target } from '../target.js'
import { makeMarker, orViolation, promise, promiseNoMarker } from '../target.js'

const grammar: Grammar = {
  token: /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+|\s+/g,
  dictionary: [
    ...['null', 'true', '0', '-0', '-1', '1e400', '1E5', '0.5', '9007199254740993', '[]', '{}', '""', '"\\u0000"'],
    ...['"\\ud800"', '"\\u2028"', '"__proto__"', '"constructor"', '"py/object"', '"py/reduce"', '"py/tuple"'],
    ...['"py/type"', '"py/id"', '"py/b64"', '"__reduce__"', '{"py/id": 1}', '{"py/id": 0}', '{"py/id": 1e9}'],
    ...[
      '{"py/type": "os.system"}',
      '{"py/tuple": [[]]}',
      '"datetime.datetime"',
      '"datetime.date"',
      '"AAAAAAAAAAAAAA=="',
    ],
    ...['"pytz._p"', '"pytz._UTC"', '"zoneinfo.ZoneInfo._unpickle"', '"datetime.timedelta"', '"numpy.dtype"', '"<i8"'],
    ...[
      '"Europe/London"',
      '"Nowhere/At_All"',
      '"2023-12-07"',
      '"2023-12-07T14:08:58.123456+23:59"',
      '"0001-01-01T00:00:00"',
    ],
    ...[
      '"9999-12-31T23:59:59.999999-23:59"',
      '"2024-02-29T00:00:00Z"',
      '"20231207T140858Z"',
      '"2023-12-07 14:08:58,5"',
    ],
    ...[
      '"mrn"',
      '"series_uid"',
      '"\\\\\\\\"',
      `"${'[{'.repeat(40)}"`,
      '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
      '\ufeff',
    ],
  ],
}

const requestOf = (random: Random): StudyRequest => ({
  project: (projectSlug('Lung Nodules') as E.Right<StudyRequest['project']>).right,
  projectName: random.pick(['Lung Nodules', 'Lüng nodules “2”', 'lung_nodules']),
  mrn: random.below(5) === 0 ? null : sensitive(makeMarker(random)),
  accessionNumber: sensitive(makeMarker(random)),
  studyInstanceUid: sensitive(makeMarker(random)),
  seriesInstanceUids: Array.from({ length: random.below(3) }, () => sensitive(makeMarker(random))),
  studyDate: '2022-11-22',
  procedureOccurrenceId: random.pick([null, 0, 4, -7, 2 ** 52]),
  extractGeneratedTimestamp: random.pick([
    '2023-12-07T14:08:58Z',
    '2023-12-07 14:08:58',
    '2023-12-07T14:08:58.000123+05:30',
  ]),
  pseudoPatientId: null,
})

const pandas = (random: Random): string =>
  JSON.stringify({
    'py/reduce': [
      { 'py/function': 'pandas._libs.tslibs.timestamps._unpickle_timestamp' },
      {
        'py/tuple': [
          1701958138123456789 + random.below(1000),
          null,
          { 'py/reduce': [{ 'py/function': 'pytz._p' }, { 'py/tuple': ['Europe/London', 0, 0, 'GMT'] }] },
          10,
        ],
      },
    ],
  })

const textOf = (random: Random): string => {
  const request = requestOf(random)
  const text = Buffer.from(encodeStudyMessage(request, random.pick(['plain', 'jsonpickle']))).toString()
  return random.below(4) === 0 ? text.replace(/("extract_generated_timestamp": ).*\}$/, `$1${pandas(random)}}`) : text
}

/** A request with everything revealed, for comparisons. */
export const revealed = (request: StudyRequest): string =>
  JSON.stringify(request, (_, value: unknown) => {
    const reveal = (value as { reveal?: () => string } | null)?.reveal
    return typeof reveal === 'function' ? reveal() : value
  })

const decoded = (bytes: Uint8Array, what: string): StudyRequest => {
  const answer = decodeStudyMessage(bytes)
  promise(E.isRight(answer), `${what} cannot be read back`)
  return answer.right
}

/** A request can be written in both formats, and reads back as it was but for the form of its times. */
export const promiseMessage = async (request: StudyRequest): Promise<void> => {
  const write = (format: 'plain' | 'jsonpickle') =>
    orViolation(`writing ${format}`, () => encodeStudyMessage(request, format))
  const plain = decoded(await write('plain'), 'the plain form')
  promise(revealed(plain) === revealed(request), 'the plain form reads back as another request')
  const pickled = decoded(await write('jsonpickle'), 'the jsonpickle form')
  const again = decoded(encodeStudyMessage(pickled, 'jsonpickle'), 'the second jsonpickle form')
  promise(revealed(pickled) === revealed(again), 'the jsonpickle form reads back as another request')
  const untimed = { ...request, extractGeneratedTimestamp: pickled.extractGeneratedTimestamp }
  promise(revealed(pickled) === revealed(untimed), 'the jsonpickle form changes more than the form of a time')
}

export const message: Target = {
  name: 'message',
  runs: 3000,
  open: () =>
    Promise.resolve({
      make: (random) => random.pick([mutateText, mutateJson])(textOf(random), grammar, random),
      check: async (input) => {
        const answer = await orViolation('the decoder', () => decodeStudyMessage(input))
        if (E.isRight(answer)) {
          const public_ = { ...answer.right, projectName: '', project: '' }
          promiseNoMarker(public_, 'the printed request')
          return promiseMessage(answer.right)
        }
        promiseNoMarker(answer.left, 'the error')
        promise(answer.left.problems.length > 0, 'an error names no problem')
        promise(
          answer.left.problems.every((problem) => problem.length < 400),
          'an error is endless',
        )
      },
      close: () => Promise.resolve(),
    }),
}
